//! Adopt soft-deleted tables.

use std::time::Duration;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::prelude::*;
use sea_orm_migration::prelude::*;

use crate::Output;

pub mod ticket {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "tickets")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub number: i32,
        #[sea_orm(has_many)]
        #[archive(cascade)]
        pub comments: HasMany<super::comment::Entity>,
        #[sea_orm(has_many)]
        #[archive(cascade)]
        pub ticket_tags: HasMany<super::ticket_tag::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod comment {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "comments")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub ticket_id: i64,
        #[sea_orm(belongs_to, from = "ticket_id", to = "id")]
        pub ticket: HasOne<super::ticket::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod ticket_tag {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "ticket_tags")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub ticket_id: i64,
        #[sea_orm(primary_key, auto_increment = false)]
        pub tag: String,
        #[sea_orm(belongs_to, from = "ticket_id", to = "id")]
        pub ticket: HasOne<super::ticket::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

fn helpdesk() -> [SoftDeleted; 3] {
    [
        SoftDeleted::new("tickets")
            .deleted_at("deleted_at")
            .deleted_by("deleted_by")
            .reason("delete_reason"),
        SoftDeleted::new("comments").deleted_at("deleted_at"),
        SoftDeleted::unmarked("ticket_tags"),
    ]
}

async fn preview(manager: &SchemaManager<'_>, output: &mut Output) -> Result<(), DbErr> {
    let preview = manager.preview_adopt(helpdesk()).await?;
    for table in &preview.adopted.tables {
        output.line(format!(
            "{}: {} marked, {} moved without a mark, {} roots",
            table.table, table.marked, table.unmarked, table.roots
        ));
    }
    for problem in &preview.problems {
        output.line(problem);
    }
    Ok(())
}

#[derive(DeriveMigrationName)]
pub struct AdoptHelpdesk;

#[async_trait::async_trait]
impl MigrationTrait for AdoptHelpdesk {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.install_archive().await?;
        manager.adopt_soft_deleted(helpdesk()).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .restore_soft_deleted(["tickets", "comments", "ticket_tags"])
            .await?;
        manager.uninstall_archive().await
    }
}

async fn online(db: &DatabaseConnection, output: &mut Output) -> Result<(), DbErr> {
    let manager = SchemaManager::new(db);
    manager.begin_adoption(helpdesk()).await?;
    loop {
        let batch = manager.adopt_batch(helpdesk(), 1000).await?;
        if batch.adopted.rows() == 0 {
            return Ok(());
        }
        output.line(format!(
            "{} rows moved, {} marked rows left",
            batch.adopted.rows(),
            batch.left
        ));
    }
}

/// The recipes: each is a table of another application.
fn recipes() -> [(&'static str, SoftDeleted); 7] {
    // Django, or a hand-written flag
    let flag = SoftDeleted::new("accounts")
        .when("is_deleted")
        .time_of("updated_at")
        .time_if_unknown("2020-01-01T00:00:00Z");
    // WordPress
    let status = SoftDeleted::new("pages")
        // column, its value in deleted rows, and its value after a restore
        .status("status", "trash", "draft")
        .time_of("modified_at")
        .time_zone("UTC");
    // Rails with paranoia or discard: each row has its own time
    let paranoia = SoftDeleted::new("orders")
        .deleted_at("deleted_at")
        .time_zone("UTC")
        .together_within(Duration::from_secs(2));
    // Laravel: children are not marked, and are hidden with their parent
    let laravel = SoftDeleted::new("lines")
        .deleted_at("deleted_at")
        .time_zone("UTC")
        .live_children(LiveChildren::Archive);
    // a unique index on (email, deleted_at) is no partial index: see below
    let users = SoftDeleted::new("users").deleted_at("deleted_at");
    // old readers of the table as it was
    let readers = SoftDeleted::new("reports")
        .deleted_at("deleted_at")
        .compatibility_view("all_reports");
    // the columns stay for a while
    let slowly = SoftDeleted::new(ExistingTable::new("files").deleted_at_column("archived_at"))
        .deleted_at("deleted_at")
        .keep_columns();
    [
        ("accounts", flag),
        ("pages", status),
        ("orders", paranoia),
        ("lines", laravel),
        ("users", users),
        ("reports", readers),
        ("files", slowly),
    ]
}

async fn unique_with_time(db: &DatabaseConnection) -> Result<(), DbErr> {
    db.execute_unprepared(
        "DROP INDEX users_email_deleted_at_key;
         CREATE UNIQUE INDEX users_email_key ON users (email) WHERE deleted_at IS NULL",
    )
    .await?;
    Ok(())
}

/// The audit table of a blog says who deleted a post and when; the posts were deleted for good.
async fn audit_table(db: &DatabaseConnection) -> Result<(), DbErr> {
    db.execute_unprepared(
        "ALTER TABLE posts ADD COLUMN deleted_at timestamptz, ADD COLUMN deleted_by bigint, DISABLE TRIGGER USER;
         ALTER TABLE comments ADD COLUMN deleted_at timestamptz, ADD COLUMN deleted_by bigint, DISABLE TRIGGER USER;
         DROP INDEX posts_slug_key;
         CREATE UNIQUE INDEX posts_slug_key ON posts (slug) WHERE deleted_at IS NULL;
         INSERT INTO posts (id, slug, tags, details, published_at, deleted_at, deleted_by) OVERRIDING SYSTEM VALUE
         SELECT DISTINCT ON (r.id) r.id, r.slug, r.tags, r.details, r.published_at, a.at, a.user_id
         FROM audit AS a CROSS JOIN jsonb_populate_record(NULL::posts, a.old) AS r
         WHERE a.table_name = 'posts' AND a.action = 'delete' ORDER BY r.id, a.at DESC
         ON CONFLICT (id) DO NOTHING;
         INSERT INTO comments (id, post_id, body, deleted_at, deleted_by) OVERRIDING SYSTEM VALUE
         SELECT DISTINCT ON (r.id) r.id, r.post_id, r.body, a.at, a.user_id
         FROM audit AS a CROSS JOIN jsonb_populate_record(NULL::comments, a.old) AS r JOIN posts AS p ON p.id = r.post_id
         WHERE a.table_name = 'comments' AND a.action = 'delete'
           -- p is the post of this comment: it was deleted next after the comment, or never. An earlier post may have had its id.
           AND p.deleted_at IS NOT DISTINCT FROM (
               SELECT min(d.at) FROM audit AS d WHERE d.table_name = 'posts' AND d.action = 'delete'
                 AND (d.old->>'id')::bigint = p.id AND d.at >= a.at)
         ORDER BY r.id, a.at DESC
         ON CONFLICT (id) DO NOTHING;
         ALTER TABLE posts ENABLE TRIGGER USER;
         ALTER TABLE comments ENABLE TRIGGER USER",
    )
    .await?;
    let marked = |table: &'static str| {
        SoftDeleted::new(table)
            .deleted_at("deleted_at")
            .deleted_by("deleted_by")
    };
    let tables = ["posts", "comments"];
    let manager = SchemaManager::new(db);
    manager.begin_adoption(tables.map(marked)).await?;
    for table in tables {
        let recorder = SuspendedTrigger::new(table, "record");
        manager.suspend_trigger(recorder).await?;
    }
    manager.adopt_soft_deleted(tables.map(marked)).await?;
    Ok(())
}

const TABLES: &str = "
    CREATE TABLE tickets (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number integer NOT NULL,
                          deleted_at timestamptz, deleted_by bigint, delete_reason text);
    CREATE UNIQUE INDEX tickets_number_key ON tickets (number) WHERE deleted_at IS NULL;
    CREATE TABLE comments (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, ticket_id bigint NOT NULL REFERENCES tickets,
                           deleted_at timestamptz);
    CREATE TABLE ticket_tags (ticket_id bigint REFERENCES tickets, tag text, PRIMARY KEY (ticket_id, tag));
    INSERT INTO tickets (number, deleted_at, deleted_by, delete_reason) VALUES
        (1, NULL, NULL, NULL), (1, '2026-01-02 03:04:05Z', 7, 'spam');
    INSERT INTO comments (ticket_id, deleted_at) VALUES
        (1, NULL), (2, '2026-01-02 03:04:05Z'), (2, '2026-01-01 00:00:00Z'), (1, '2026-01-03 00:00:00Z');
    INSERT INTO ticket_tags VALUES (1, 'a'), (2, 'b')";

const OTHERS: &str = "
    CREATE TABLE accounts (id bigint PRIMARY KEY, is_deleted boolean NOT NULL DEFAULT false, updated_at timestamptz);
    INSERT INTO accounts VALUES (1, true, NULL);
    CREATE TABLE pages (id bigint PRIMARY KEY, status text NOT NULL, modified_at timestamp NOT NULL);
    INSERT INTO pages VALUES (1, 'trash', now());
    CREATE TABLE orders (id bigint PRIMARY KEY, deleted_at timestamp);
    INSERT INTO orders VALUES (1, '2026-01-01');
    CREATE TABLE lines (id bigint PRIMARY KEY, line_id bigint REFERENCES lines, deleted_at timestamp(0));
    INSERT INTO lines VALUES (1, NULL, '2026-01-01'), (2, 1, NULL);
    CREATE TABLE users (id bigint PRIMARY KEY, email text, deleted_at timestamptz);
    CREATE UNIQUE INDEX users_email_deleted_at_key ON users (email, deleted_at);
    INSERT INTO users VALUES (1, 'a', now()), (2, 'a', NULL);
    CREATE TABLE reports (id bigint PRIMARY KEY, deleted_at timestamptz);
    INSERT INTO reports VALUES (1, now());
    CREATE TABLE files (id bigint PRIMARY KEY, deleted_at timestamptz);
    INSERT INTO files VALUES (1, now());
    DROP TABLE IF EXISTS comments, deleted_comments, ticket_tags, deleted_ticket_tags;
    CREATE TABLE posts (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, slug text NOT NULL, tags text[], details jsonb, published_at timestamptz);
    CREATE UNIQUE INDEX posts_slug_key ON posts (slug);
    CREATE TABLE comments (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, post_id bigint NOT NULL REFERENCES posts, body text NOT NULL);
    CREATE FUNCTION record() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO audit VALUES (TG_TABLE_NAME, lower(TG_OP), to_jsonb(OLD), now(), 7);
        RETURN OLD;
    END $$;
    CREATE TRIGGER record AFTER UPDATE OR DELETE ON posts FOR EACH ROW EXECUTE FUNCTION record();
    CREATE TRIGGER record AFTER UPDATE OR DELETE ON comments FOR EACH ROW EXECUTE FUNCTION record();
    CREATE TABLE audit (table_name text, action text, old jsonb, at timestamptz, user_id bigint);
    INSERT INTO audit VALUES ('posts', 'delete', '{\"id\": 4, \"slug\": \"gone\", \"tags\": [\"a\"]}', '2026-01-01Z', 7)";

async fn afterwards(db: &DatabaseConnection, output: &mut Output) -> Result<(), Error> {
    for (ticket, archival) in ticket::Entity::find_deleted_roots().all(db).await? {
        let Some(archival) = archival else { continue };
        output.line(format!(
            "ticket {} by {:?} at {}: {:?} {:?}",
            ticket.number,
            ticket.deleted_by,
            archival.archived_at,
            archival.reason,
            archival.rows()
        ));
    }
    Ok(())
}

pub async fn run(db: &DatabaseConnection, output: &mut Output) -> anyhow::Result<()> {
    db.execute_unprepared(TABLES).await?;
    let manager = SchemaManager::new(db);
    AdoptHelpdesk.up(&manager).await?;
    AdoptHelpdesk.down(&manager).await?;
    manager.install_archive().await?;
    preview(&manager, output).await?;
    online(db, output).await?;
    let last = manager.preview_adopt(helpdesk()).await?;
    anyhow::ensure!(last.adopted.tables[0].replaced_indexes == ["tickets_number_key"]);
    AdoptHelpdesk.up(&manager).await?;
    afterwards(db, output).await?;
    anyhow::ensure!(ticket::Entity::restore_by_id(2).exec(db).await.is_err());
    db.execute_unprepared("UPDATE tickets SET number = 3")
        .await?;
    let restored = ticket::Entity::restore_by_id(2).exec(db).await?;
    output.line(format!("restored: {:?}", restored.rows));
    db.execute_unprepared(OTHERS).await?;
    unique_with_time(db).await?;
    for (table, soft) in recipes() {
        let adopted = manager.adopt_soft_deleted([soft]).await?;
        anyhow::ensure!(adopted.rows() > 0, "{table}");
    }
    audit_table(db).await?;
    Ok(())
}
