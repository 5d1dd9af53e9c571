//! Types in the temporary schema of a session.
//!
//! That schema precedes all others for the names of types and tables, and outlives the user of a pooled session: if a
//! user leaves a domain `text` with a CHECK there, `::text` means that domain to the next user. Here every type of
//! `pg_catalog`, and the row type of every table, has such a domain.

use sea_orm::entity::prelude::*;
use sea_orm::{DatabaseConnection, IntoActiveModel, Set};
use sea_orm_archive::error::{ConflictError, NotFoundError};
use sea_orm_archive::{AuditEntity, Context, archival, audit, check, prelude::*};
use sea_orm_archive_migration::{
    ArchiveSchema, AuditSchema, ExistingTable, HistorySchema, HistoryTable, Retention,
    RetentionSchema, StampSchema, StampedTable, Tenancy, TenancySchema,
};
use sea_orm_archive_tests::{Database, sql};
use sea_orm_migration::SchemaManager;
use sea_orm_migration::prelude::ColumnType;
use sea_orm_migration::schema::text;

use crate::attacks::blog::run;

/// Archived, versioned, stamped and audited; keys and links of types with names that are no keywords.
mod item {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::{DeriveArchive, DeriveOptimisticLock};

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive, DeriveOptimisticLock)]
    #[optimistic_lock(field = "version")]
    #[sea_orm(table_name = "items")]
    #[archive(
        deleted_by = "String",
        cascade(super::part::Entity),
        detach(super::label::Entity)
    )]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub code: String,
        pub title: String,
        pub produced_at: DateTimeUtc,
        pub version: i32,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(has_many = "super::part::Entity")]
        Parts,
        #[sea_orm(has_many = "super::label::Entity")]
        Labels,
    }

    impl Related<super::part::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Parts.def()
        }
    }

    impl Related<super::label::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Labels.def()
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod part {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "parts")]
    #[archive(deleted_by = "String")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub item_code: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "super::item::Entity",
            from = "Column::ItemCode",
            to = "super::item::Column::Code"
        )]
        Item,
    }

    impl Related<super::item::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Item.def()
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod label {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "labels")]
    #[archive(deleted_by = "String")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub item_code: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "super::item::Entity",
            from = "Column::ItemCode",
            to = "super::item::Column::Code"
        )]
        Item,
    }

    impl Related<super::item::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Item.def()
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod item_history {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveHistory;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveHistory)]
    #[sea_orm(table_name = "item_history")]
    #[history(identity = "item_code", recorded_by = "recorded_by", bitemporal)]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub item_code: String,
        pub name: String,
        pub valid_from: Date,
        pub valid_to: Option<Date>,
        pub recorded_from: DateTimeUtc,
        pub recorded_to: Option<DateTimeUtc>,
        pub recorded_by: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLES: &str = "
    create table items (code text primary key, title text not null unique, produced_at timestamptz not null default now(),
        version int not null default 0);
    create table parts (id uuid primary key, item_code text not null references items on delete cascade);
    create table labels (id uuid primary key, item_code text references items on delete set null);
    create table offices (id text primary key, org text not null);
    insert into items values ('a', 'A'), ('b', 'B'), ('c', 'C');
    insert into parts select gen_random_uuid(), code from items;
    insert into labels values ('00000000-0000-0000-0000-00000000000a', 'a'), ('00000000-0000-0000-0000-00000000000b', 'b');
    insert into offices values ('x', 'one')";

/// Called in every CHECK. A sequence is never rolled back, so it records a call even if its error was caught.
const RECORDER: &str = "
    create schema hostile;
    create sequence hostile.calls;
    create function hostile.called(kind pg_catalog.text) returns boolean language plpgsql security definer as $$
    begin
        perform nextval('hostile.calls');
        raise warning '% ran as %', kind, session_user;
        return true;
    end $$;
    grant usage on schema hostile to public";

/// The domains that the earlier user leaves in the session.
const DOMAINS: &str = "do $$
    declare
        kind pg_catalog.record;
    begin
        for kind in
            select n.nspname, t.typname from pg_catalog.pg_type as t join pg_catalog.pg_namespace as n on n.oid = t.typnamespace
            where n.nspname = 'pg_catalog' and t.typtype in ('b', 'r', 'm') and t.typelem = 0
               or t.typtype = 'c' and n.nspname in ('public', 'archive')
                  and (select c.relkind in ('r', 'p') from pg_catalog.pg_class as c where c.oid = t.typrelid)
        loop
            execute pg_catalog.format('create domain pg_temp.%2$I as %1$I.%2$I check (hostile.called(%2$L))', kind.nspname, kind.typname);
        end loop;
        create domain pg_temp.record as pg_catalog.text check (hostile.called('record'));
    end $$";

async fn set_up(database: &Database) {
    let db = database.connect().await;
    run(&db, TABLES).await;
    let manager = SchemaManager::new(&db);
    manager.install_archive().await.unwrap();
    manager.install_audit().await.unwrap();
    for table in ["items", "parts", "labels"] {
        let table = ExistingTable::new(table).deleted_by(ColumnType::Text);
        manager.archive_existing_table(table).await.unwrap();
    }
    for table in ["items", "parts"] {
        manager.audit_table(table).await.unwrap();
    }
    let history = HistoryTable::new("item_history")
        .identity("item_code", "items")
        .column(text("name"))
        .recorded_by("recorded_by", ColumnType::Text)
        .dates()
        .bitemporal();
    manager.create_history_table(history).await.unwrap();
    let stamps = StampedTable::new("items").by(ColumnType::Text);
    manager.stamp_table(stamps).await.unwrap();
    manager
        .enable_tenancy(Tenancy::new("offices", "org"))
        .await
        .unwrap();
    run(&db, RECORDER).await;
}

async fn calls(db: &DatabaseConnection) -> bool {
    let calls = "select is_called from hostile.calls";
    sql::one(db, calls).await
}

async fn assert_uncalled(db: &DatabaseConnection, by: &str) {
    assert!(!calls(db).await, "{by} called a CHECK of another role");
}

#[tokio::test]
async fn no_statement_uses_a_type_of_the_temporary_schema() {
    let database = Database::empty().await;
    set_up(&database).await;
    let evil = database.role("evil").await;
    let watcher = database.connect().await;
    let grant = format!(
        "grant temporary on database \"{}\" to {evil}",
        database.name()
    );
    run(&watcher, &grant).await;
    SchemaManager::new(&watcher)
        .grant_archive(&evil)
        .await
        .unwrap();
    let session = database.session("pooled").await;
    let db = &session.db();
    run(db, &format!("set session authorization {evil}")).await;
    run(db, DOMAINS).await;
    run(db, "reset session authorization").await;

    archive_and_restore(db).await;
    assert_uncalled(&watcher, "archive and restore").await;
    many(db).await;
    assert_uncalled(&watcher, "archive_many").await;
    restore_with_changes(db).await;
    assert_uncalled(&watcher, "a restore with changes").await;
    purge(db).await;
    assert_uncalled(&watcher, "a purge").await;
    conflicts(db).await;
    assert_uncalled(&watcher, "a refusal").await;
    lock(db).await;
    assert_uncalled(&watcher, "update_if_unchanged").await;
    history(db).await;
    assert_uncalled(&watcher, "a history").await;
    read_the_log(db).await;
    assert_uncalled(&watcher, "the audit log").await;
    assert_eq!(check(db).await.unwrap(), []);
    assert_uncalled(&watcher, "check").await;
    // The trap works: a type without a schema calls it.
    run(db, "select 'x'::text").await;
    assert!(calls(&watcher).await);
}

async fn archive_and_restore(db: &DatabaseConnection) {
    let one = || item::Entity::archive_by_id("a").by("me").reason("why");
    assert_eq!(one().preview(db).await.unwrap().rows["public.parts"], 1);
    one().exec(db).await.unwrap();
    let restore = || item::Entity::restore_by_id("a");
    assert!(restore().preview(db).await.unwrap().conflicts.is_empty());
    assert_eq!(restore().exec(db).await.unwrap().relinked, 1);
    let archival = one().exec(db).await.unwrap();
    let label = "00000000-0000-0000-0000-00000000000a".parse::<Uuid>();
    let of_label = label::Entity::archive_by_id(label.unwrap())
        .exec(db)
        .await
        .unwrap();
    archival.restore(db).await.unwrap();
    of_label.restore(db).await.unwrap();
    let context = Context::new().actor("me").tenant("one").request_id("r");
    let transaction = context.begin(db).await.unwrap();
    let archival = one().exec(&transaction).await.unwrap();
    archival.restore(&transaction).await.unwrap();
    transaction.commit().await.unwrap();
}

async fn many(db: &DatabaseConnection) {
    let all = || item::Entity::archive_many().filter(item::Column::Version.lt(2));
    all().preview(db).await.unwrap();
    for archival in all().exec(db).await.unwrap() {
        archival.restore(db).await.unwrap();
    }
}

async fn restore_with_changes(db: &DatabaseConnection) {
    let archive = || item::Entity::archive_by_id("b").exec(db);
    let restore = || item::Entity::restore_by_id("b");
    archive().await.unwrap();
    restore()
        .set(item::Column::Title, "B2")
        .preview(db)
        .await
        .unwrap();
    restore().skip_conflicting().exec(db).await.unwrap();
    archive().await.unwrap();
    let all = || item::Entity::restore_many().set(item::Column::Title, "B");
    all().preview(db).await.unwrap();
    all().exec(db).await.unwrap();
    assert!(
        item::Entity::find_with_deleted()
            .all(db)
            .await
            .unwrap()
            .len()
            > 1
    );
}

async fn purge(db: &DatabaseConnection) {
    run(
        db,
        "insert into items (code, title) values ('p', 'P'), ('q', 'Q'), ('r', 'R')",
    )
    .await;
    let archival = item::Entity::archive_by_id("p").exec(db).await.unwrap();
    archival.purge(db).await.unwrap();
    item::Entity::archive_by_id("q").exec(db).await.unwrap();
    let many = || item::Entity::purge_many().filter(item::deleted::Column::Code.eq("q"));
    assert_eq!(many().preview(db).await.unwrap().archivals, 1);
    assert_eq!(many().exec(db).await.unwrap().archivals, 1);
    item::Entity::archive_by_id("r").exec(db).await.unwrap();
    SchemaManager::new(db)
        .retain("items", Retention::days(0))
        .await
        .unwrap();
    let expired = archival::Entity::purge_expired;
    assert_eq!(expired().preview(db).await.unwrap().len(), 1);
    assert_eq!(expired().exec(db).await.unwrap().archivals, 1);
}

/// Each kind of refusal needs queries of its own.
async fn conflicts(db: &DatabaseConnection) {
    let error = item::Entity::archive_by_id("z").exec(db).await.unwrap_err();
    assert!(
        matches!(error, Error::NotFound(NotFoundError::Row { .. })),
        "{error}"
    );
    let archival = item::Entity::archive_by_id("c").exec(db).await.unwrap();
    let error = item::Entity::archive_by_id("c").exec(db).await.unwrap_err();
    let known = matches!(
        error,
        Error::Conflict(ConflictError::AlreadyArchived { .. })
    );
    assert!(known, "{error}");
    run(db, "insert into items (code, title) values ('d', 'C')").await;
    let preview = item::Entity::restore_by_id("c").preview(db).await.unwrap();
    assert_eq!(preview.conflicts.len(), 1);
    let error = archival.restore(db).await.unwrap_err();
    let known = matches!(error, Error::Conflict(ConflictError::Restore { .. }));
    assert!(known, "{error}");
    run(db, "delete from items where title = 'C'").await;
    archival.restore(db).await.unwrap();
}

async fn lock(db: &DatabaseConnection) {
    let read = item::Entity::find_by_id("a")
        .one(db)
        .await
        .unwrap()
        .unwrap();
    let mut change = read.clone().into_active_model();
    change.title = Set("changed".to_owned());
    let saved = change.clone().update_if_unchanged(db).await.unwrap();
    let error = change.update_if_unchanged(db).await.unwrap_err();
    assert!(matches!(error, UpdateError::Conflict { .. }), "{error}");
    saved.clone().archive_if_unchanged(db).await.unwrap();
    let archived = saved.into_active_model().update_if_unchanged(db).await;
    assert!(archived.is_err());
    item::Entity::restore_by_id("a")
        .at_lock_version(1)
        .exec(db)
        .await
        .unwrap();
}

async fn history(db: &DatabaseConnection) {
    use item_history::{Column, Entity as Names};
    let day = |day| Date::from_ymd_opt(2024, 1, day).unwrap();
    let start = Names::start("a").value(Column::Name, "one").by("me");
    start.valid_from(day(1)).exec(db).await.unwrap();
    let change = || Names::change("a").value(Column::Name, "two").by("me");
    change().valid_from(day(5)).exec(db).await.unwrap();
    change().during(day(7)..day(9)).exec(db).await.unwrap();
    Names::correct("a", day(2))
        .value(Column::Name, "two")
        .exec(db)
        .await
        .unwrap();
    Names::coalesce("a").by("me").exec(db).await.unwrap();
    let overlap = Names::start("a").value(Column::Name, "three");
    let error = overlap.valid_from(day(2)).exec(db).await.unwrap_err();
    assert!(
        matches!(error, Error::Conflict(ConflictError::Overlap { .. })),
        "{error}"
    );
    let later = Date::from_ymd_opt(2200, 1, 1).unwrap();
    let latest = Date::from_ymd_opt(2300, 1, 1).unwrap();
    let planned = Names::change("a").value(Column::Name, "planned");
    planned.valid_from(later).exec(db).await.unwrap();
    Names::reschedule("a", later, latest)
        .exec(db)
        .await
        .unwrap();
    Names::cancel("a", latest).exec(db).await.unwrap();
    Names::end("a").at(day(20)).exec(db).await.unwrap();
    assert!(!Names::find_timeline("a").all(db).await.unwrap().is_empty());
    Names::find_changes(Column::Name)
        .from_value("one")
        .to_value("two")
        .all(db)
        .await
        .unwrap();
    Names::find_gaps().all(db).await.unwrap();
    let now = DateTimeUtc::from(std::time::SystemTime::now());
    let known = Names::as_known_at(now).find_version_at("a", day(2));
    assert!(known.one(db).await.unwrap().is_some());
}

async fn read_the_log(db: &DatabaseConnection) {
    let start = DateTimeUtc::from(std::time::SystemTime::now());
    let read = item::Entity::find_by_id("b")
        .one(db)
        .await
        .unwrap()
        .unwrap();
    let mut change = read.into_active_model();
    change.title = Set("other".to_owned());
    let saved = change.update_if_unchanged(db).await.unwrap();
    assert!(!item::Entity::find_audit().all(db).await.unwrap().is_empty());
    let entries = item::Entity::find_audit_by_id("b").all(db).await.unwrap();
    assert!(!entries.is_empty());
    let changes = item::Entity::find_changes_of("b", item::Column::Title);
    assert!(!changes.all(db).await.unwrap().is_empty());
    let then = item::Entity::find_as_of("b", start).one(db).await.unwrap();
    assert_eq!(then.unwrap().row.title, "B");
    assert_eq!(saved.revert_to(start, db).await.unwrap().title, "B");
    audit::make_partitions(db, 1).await.unwrap();
}
