//! The database and the model, taking the same steps.

use std::collections::BTreeMap;

use sea_orm::entity::prelude::*;
use sea_orm::{DatabaseConnection, DbBackend, Statement};
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_archive_tests::Database;
use sea_orm_migration::SchemaManager;

use crate::Step;
use crate::entities::{group, item, item_tag, part, tag};
use crate::model::{GROUPS, ITEMS, Key, LINKS, Model, PARTS, Row, TABLES, TAGS, Table};

pub struct World {
    _database: Database,
    db: DatabaseConnection,
    model: Model,
    next: i64,
}

const SQL: &str = "
    create table groups (id bigint primary key, group_id bigint, content int not null);
    create table items (id bigint primary key, group_id bigint not null, content int not null, slug int not null unique);
    create table parts (id bigint primary key, item_id bigint, group_id bigint, content int not null);
    create table tags (id bigint primary key, content int not null);
    create table item_tags (id bigint primary key, item_id bigint not null, tag_id bigint not null, content int not null);
    create table watchers (part_id bigint references parts)";

impl World {
    /// Each bit of `actions` makes a foreign key cascade.
    pub async fn new(actions: u8) -> Self {
        let database = Database::from_template("world", async |db| {
            db.execute_unprepared(SQL).await?;
            let manager = SchemaManager::new(&db);
            manager.install_archive().await?;
            for table in TABLES {
                manager.archive_existing_table(table).await?;
            }
            Ok(())
        })
        .await;
        let db = database.connect().await;
        for (n, (table, column, parent, _)) in LINKS.into_iter().enumerate() {
            let action = if actions >> n & 1 == 1 {
                "on delete cascade"
            } else {
                ""
            };
            let (table, parent) = (TABLES[table], TABLES[parent]);
            run(
                &db,
                &format!(
                    "alter table {table} add foreign key ({column}) references {parent} {action}"
                ),
            )
            .await;
        }
        Self {
            _database: database,
            db,
            model: Model::default(),
            next: 1,
        }
    }

    pub async fn take(&mut self, step: Step) {
        let (kind, a, b, c) = step;
        match kind % 10 {
            0..=3 => self.insert(usize::from(a) % 5, b, c).await,
            4 => self.update(a, c).await,
            5 | 6 => self.archive(usize::from(a) % 5, b).await,
            7 => self.archive_many(i32::from(b % 3)).await,
            8 => self.restore(a).await,
            _ => self.watch(b).await,
        }
    }

    async fn insert(&mut self, table: Table, choice: u8, content: u8) {
        let id = self.next;
        self.next += 1;
        let (content, slug) = (i32::from(content % 3), i32::from(content));
        let mut columns = vec![("id", id), ("content", content.into())];
        let mut parents = Vec::new();
        for (n, (_, column, parent, nullable)) in
            LINKS.into_iter().enumerate().filter(|(_, l)| l.0 == table)
        {
            let candidates = self.model.active(parent);
            let null = nullable && (choice >> n & 1 == 1 || candidates.is_empty());
            match candidates.get(usize::from(choice) % candidates.len().max(1)) {
                _ if null => {}
                Some(&id) => {
                    columns.push((column, id));
                    parents.push((parent, id));
                }
                None => return,
            }
        }
        if table == ITEMS {
            if self
                .model
                .active(ITEMS)
                .iter()
                .any(|id| self.model.rows[&(ITEMS, *id)].slug == slug)
            {
                return;
            }
            columns.push(("slug", slug.into()));
        }
        let (names, values): (Vec<_>, Vec<_>) =
            columns.into_iter().map(|(n, v)| (n, v.to_string())).unzip();
        run(
            &self.db,
            &format!(
                "insert into {} ({}) values ({})",
                TABLES[table],
                names.join(", "),
                values.join(", ")
            ),
        )
        .await;
        let slug = if table == ITEMS { slug } else { 0 };
        self.model.rows.insert(
            (table, id),
            Row {
                parents,
                content,
                slug,
                archival: None,
            },
        );
    }

    async fn update(&mut self, choice: u8, content: u8) {
        let active: Vec<Key> = self
            .model
            .rows
            .iter()
            .filter(|(_, r)| r.archival.is_none())
            .map(|(k, _)| *k)
            .collect();
        let Some((table, id)) = active
            .get(usize::from(choice) % active.len().max(1))
            .copied()
        else {
            return;
        };
        let content = i32::from(content % 3);
        run(
            &self.db,
            &format!(
                "update {} set content = {content} where id = {id}",
                TABLES[table]
            ),
        )
        .await;
        self.model.rows.get_mut(&(table, id)).unwrap().content = content;
    }

    async fn watch(&mut self, choice: u8) {
        if !self.model.watched.is_empty() && choice.is_multiple_of(2) {
            self.model.watched.clear();
            return run(&self.db, "delete from watchers").await;
        }
        let parts = self.model.active(PARTS);
        if let Some(&part) = parts.get(usize::from(choice) % parts.len().max(1)) {
            run(&self.db, &format!("insert into watchers values ({part})")).await;
            self.model.watched.insert(part);
        }
    }

    async fn archive(&mut self, table: Table, choice: u8) {
        let candidates = self.model.active(table);
        let Some(&id) = candidates.get(usize::from(choice) % candidates.len().max(1)) else {
            return;
        };
        let db = &self.db;
        let done = match table {
            GROUPS => group::Entity::archive_by_id(id).exec(db).await,
            ITEMS => item::Entity::archive_by_id(id).exec(db).await,
            PARTS => part::Entity::archive_by_id(id).exec(db).await,
            TAGS => tag::Entity::archive_by_id(id).exec(db).await,
            _ => item_tag::Entity::archive_by_id(id).exec(db).await,
        };
        let rows = self.model.below(&[(table, id)]);
        if self.model.is_blocked(&rows) {
            assert!(
                matches!(done, Err(ArchiveError::Blocked { .. })),
                "{done:?}"
            );
            return;
        }
        let archival = done.unwrap();
        assert_eq!(archival.rows().values().sum::<u64>(), rows.len() as u64);
        for key in rows {
            self.model.rows.get_mut(&key).unwrap().archival = Some(archival.id);
        }
        self.model.roots.insert(archival.id, (table, id));
    }

    /// Items do not lie below each other, but they share rows with nobody else in one call.
    async fn archive_many(&mut self, content: i32) {
        let done = item::Entity::archive_many()
            .filter(item::Column::Content.eq(content))
            .exec(&self.db)
            .await;
        let roots: Vec<Key> = self
            .model
            .active(ITEMS)
            .into_iter()
            .map(|id| (ITEMS, id))
            .filter(|key| self.model.rows[key].content == content)
            .collect();
        if self.model.is_blocked(&self.model.below(&roots)) {
            assert!(
                matches!(done, Err(ArchiveError::Blocked { .. })),
                "{done:?}"
            );
            return;
        }
        let archivals = done.unwrap();
        assert_eq!(archivals.len(), roots.len());
        for archival in archivals {
            let root = (ITEMS, archival.root_key["id"].as_i64().unwrap());
            for key in self.model.below(&[root]) {
                self.model.rows.get_mut(&key).unwrap().archival = Some(archival.id);
            }
            self.model.roots.insert(archival.id, root);
        }
    }

    async fn restore(&mut self, choice: u8) {
        let open: Vec<(i64, Key)> = self.model.roots.iter().map(|(a, r)| (*a, *r)).collect();
        let Some((archival, (table, id))) =
            open.get(usize::from(choice) % open.len().max(1)).copied()
        else {
            return;
        };
        let db = &self.db;
        let preview = sea_orm_archive::archival::Entity::restore_by_id(archival)
            .preview(db)
            .await
            .unwrap();
        let done = match table {
            _ if choice.is_multiple_of(2) => {
                sea_orm_archive::archival::Entity::restore_by_id(archival)
                    .exec(db)
                    .await
            }
            GROUPS => group::Entity::restore_by_id(id).exec(db).await,
            ITEMS => item::Entity::restore_by_id(id).exec(db).await,
            PARTS => part::Entity::restore_by_id(id).exec(db).await,
            TAGS => tag::Entity::restore_by_id(id).exec(db).await,
            _ => item_tag::Entity::restore_by_id(id).exec(db).await,
        };
        if self.model.is_refused(archival) {
            assert!(
                matches!(
                    done,
                    Err(ArchiveError::RestoreConflict { .. } | ArchiveError::ParentArchived { .. })
                ),
                "{done:?}"
            );
            assert!(!preview.conflicts.is_empty());
            return;
        }
        let restored = done.unwrap();
        assert_eq!(preview.conflicts, []);
        let waiting = self.model.waiting(archival);
        assert_eq!(
            restored.waiting.iter().map(|w| w.rows).sum::<u64>(),
            waiting.len() as u64
        );
        assert_eq!(restored.waiting, preview.waiting);
        self.model.roots.remove(&archival);
        for key in self.model.held_by(archival) {
            // Of several missing parents, the row waits for one: the database says which.
            let holder = if waiting.contains(&key) {
                Some(self.holder(key).await)
            } else {
                None
            };
            self.model.rows.get_mut(&key).unwrap().archival = holder;
        }
        for key in waiting {
            let row = &self.model.rows[&key];
            let holds = row
                .parents
                .iter()
                .any(|parent| self.model.rows[parent].archival == row.archival);
            assert!(
                holds,
                "{key:?} waits for an archival that holds no parent of it"
            );
        }
    }

    async fn holder(&self, (table, id): Key) -> i64 {
        let sql = format!(
            "select archival_id from deleted_{} where id = {id}",
            TABLES[table]
        );
        let row = self
            .db
            .query_one_raw(Statement::from_string(DbBackend::Postgres, sql))
            .await;
        row.unwrap()
            .expect("the row waits in its twin")
            .try_get_by_index(0)
            .unwrap()
    }

    /// Promise 1 and 2: every row is in exactly the one table that the model says, as it was.
    pub async fn check(&self, step: Step) {
        let mut found: BTreeMap<Key, Row> = BTreeMap::new();
        for (table, name) in TABLES.into_iter().enumerate() {
            let links: Vec<_> = LINKS.iter().filter(|link| link.0 == table).collect();
            let columns: Vec<_> = links.iter().map(|link| link.1).collect();
            let slug = if table == ITEMS { "slug" } else { "0 as slug" };
            let columns = ["id", "content", slug]
                .into_iter()
                .chain(columns)
                .collect::<Vec<_>>()
                .join(", ");
            let sql = format!(
                "select {columns}, null::bigint as archival from {name} union all select {columns}, archival_id from deleted_{name}"
            );
            let rows = self
                .db
                .query_all_raw(Statement::from_string(DbBackend::Postgres, sql))
                .await
                .unwrap();
            for row in rows {
                let parents = links.iter().filter_map(|link| {
                    Some((link.2, row.try_get::<Option<i64>>("", link.1).unwrap()?))
                });
                let key = (table, row.try_get("", "id").unwrap());
                let row = Row {
                    parents: parents.collect(),
                    content: row.try_get("", "content").unwrap(),
                    slug: row.try_get("", "slug").unwrap(),
                    archival: row.try_get("", "archival").unwrap(),
                };
                assert!(
                    found.insert(key, row).is_none(),
                    "{key:?} is in both tables after {step:?}"
                );
            }
        }
        assert_eq!(found, self.model.rows, "after {step:?}");
    }
}

async fn run(db: &DatabaseConnection, sql: &str) {
    db.execute_unprepared(sql)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
}
