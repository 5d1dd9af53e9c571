//! Every verb and every helper of migrations, once.

use sea_orm::entity::prelude::*;
use sea_orm::{ConnectionTrait, DatabaseConnection, IntoActiveModel, Set, TransactionTrait};
use sea_orm_archive::error::{ConflictError, NotFoundError};
use sea_orm_archive::{AuditEntity, Context, archival, audit, check, hold, prelude::*};
use sea_orm_archive_migration::{
    ArchiveSchema, ArchivedTable, AuditSchema, AuditedTable, ContextSettings, ExistingTable,
    HistorySchema, HistorySplit, HistoryTable, Retention, RetentionSchema, StampSchema,
    StampedTable, TemporalForeignKey, Tenancy, TenancySchema,
};
use sea_orm_migration::SchemaManager;
use sea_orm_migration::prelude::{ColumnDef, ColumnType, StringLen, Table};
use sea_orm_migration::schema::string_len;

use super::entities::{Mood, code, email, label, number, office, part};
use super::histories;

/// The tables, without unqualified expressions: PostgreSQL resolves those on the path of the migration's author.
const TABLES: &str = "
    create table codes (id varchar(20) primary key, parent_id varchar(20) references codes on delete cascade,
        title varchar(30) not null unique, feeling mood not null, version int not null default 0);
    create unique index on codes ((array[id::text] operator(pg_catalog.||) title::text)) where array[id::text] operator(pg_catalog.<>) array[title::text];
    create table parts (id mood primary key, code_id varchar(20) not null references codes on delete cascade);
    create table labels (id name primary key, code_id varchar(20) references codes on delete set null);
    create table locks (id varchar(20) primary key, code_id varchar(20) not null references codes);
    create table emails (id citext primary key);
    create table offices (id varchar(20) primary key, org varchar(20) not null);
    create table places (id varchar(20) primary key, name varchar(30) not null default pg_catalog.concat('no', 'where'),
        feeling mood not null);
    create table stays (id int primary key, place_id varchar(20) not null, since timestamptz not null);
    create table moods (id mood primary key);
    insert into codes values ('a', null, 'A', 'sad', 1), ('b', 'a', 'B', 'happy', 1), ('c', null, 'C', 'sad', 1), ('d', null, 'D', 'sad', 1);
    insert into parts values ('sad', 'a'), ('happy', 'b');
    insert into labels values ('one', 'a'), ('two', 'c'), ('three', null);
    insert into locks values ('lock', 'd');
    insert into emails values ('a@example.org'), ('b@example.org');
    insert into offices values ('x', 'one'), ('y', 'two');
    insert into places (id, feeling) values ('here', 'sad'), ('there', 'happy');
    insert into stays values (1, 'here', '2024-01-04Z');
    insert into moods values ('sad'), ('happy')";

async fn run(db: &DatabaseConnection, sql: &str) {
    let done = db.execute_unprepared(sql).await;
    done.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

pub async fn all(db: &DatabaseConnection, role: &str) {
    migrate(db, role).await;
    archive(db).await;
    many(db).await;
    purge(db).await;
    refusals(db).await;
    lock(db).await;
    histories::history(db).await;
    histories::bitemporal(db).await;
    read_the_log(db).await;
    under_tenancy(db).await;
    migrate_back(db, role).await;
}

async fn migrate(db: &DatabaseConnection, role: &str) {
    let manager = SchemaManager::new(db);
    run(db, TABLES).await;
    manager.install_archive().await.unwrap();
    manager.install_audit().await.unwrap();
    for table in ["codes", "parts", "labels"] {
        let archive_table =
            ExistingTable::new(table).deleted_by(ColumnType::String(StringLen::N(20)));
        manager.archive_existing_table(archive_table).await.unwrap();
    }
    for table in ["emails", "offices", "moods"] {
        manager.archive_existing_table(table).await.unwrap();
    }
    let numbers = Table::create()
        .table("numbers")
        .col(
            ColumnDef::new("id")
                .integer()
                .not_null()
                .auto_increment()
                .primary_key(),
        )
        .col(ColumnDef::new("title").string_len(30))
        .to_owned();
    manager
        .create_archived_table(ArchivedTable::new(numbers).sequence("numbers_seq"))
        .await
        .unwrap();
    run(db, "insert into numbers (title) values ('one'), ('two')").await;
    let audited = || AuditedTable::new("codes").redact(["feeling"]);
    manager.audit_table(audited()).await.unwrap();
    for table in ["parts", "emails", "numbers"] {
        manager.audit_table(table).await.unwrap();
    }
    manager
        .split_into_history(
            HistorySplit::new(HistoryTable::new("place_history").identity("place_id", "places"))
                .columns(["name", "feeling"])
                .since(histories::time(1)),
        )
        .await
        .unwrap();
    manager
        .create_history_table(
            HistoryTable::new("mood_history")
                .identity("mood_id", "moods")
                .column(string_len("name", 30))
                .recorded_by("recorded_by", ColumnType::String(StringLen::N(20)))
                .dates()
                .bitemporal(),
        )
        .await
        .unwrap();
    manager
        .create_temporal_foreign_key(
            TemporalForeignKey::new("stays", ["place_id"])
                .at("since")
                .references("place_history"),
        )
        .await
        .unwrap();
    manager
        .stamp_table(StampedTable::new("codes").by(ColumnType::String(StringLen::N(20))))
        .await
        .unwrap();
    manager
        .name_context_settings(ContextSettings::new().actor("app.actor"))
        .await
        .unwrap();
    manager.grant_archive(role).await.unwrap();
    manager.grant_audit(role).await.unwrap();
    manager
        .alter_archived_table(
            Table::alter()
                .table("codes")
                .add_column(ColumnDef::new("note").string_len(10).default("x"))
                .to_owned(),
        )
        .await
        .unwrap();
    run(
        db,
        "alter table codes add column size int generated always as (pg_catalog.length(title::text)) stored,
             add column other varchar(10) not null default pg_catalog.concat('a', 'b')",
    )
    .await;
    manager.sync_archived_table("codes").await.unwrap();
    manager.reset_id_sequence("numbers").await.unwrap();
    // Call them again: the objects exist, and are compared.
    manager.install_archive().await.unwrap();
    manager.install_audit().await.unwrap();
    manager.audit_table(audited()).await.unwrap();
    manager
        .archive_existing_table(
            ExistingTable::new("codes").deleted_by(ColumnType::String(StringLen::N(20))),
        )
        .await
        .unwrap();
}

async fn archive(db: &DatabaseConnection) {
    let preview = code::Entity::archive_by_id("a").preview(db).await.unwrap();
    assert_eq!(preview.rows["public.parts"], 2);
    let archival = code::Entity::archive_by_id("a")
        .by("me")
        .reason("why")
        .exec(db)
        .await
        .unwrap();
    assert_eq!(archival.rows()["public.codes"], 2);
    let restore = || code::Entity::restore_by_id("a");
    assert!(restore().preview(db).await.unwrap().conflicts.is_empty());
    assert_eq!(restore().exec(db).await.unwrap().relinked, 1);
    // In a transaction of the caller, which uses savepoints.
    let transaction = db.begin().await.unwrap();
    let archival = code::Entity::archive_by_id("a")
        .exec(&transaction)
        .await
        .unwrap();
    archival.restore(&transaction).await.unwrap();
    transaction.commit().await.unwrap();
    // A label that is archived after it was detached is restored without its link.
    let archival = code::Entity::archive_by_id("a").exec(db).await.unwrap();
    let of_label = label::Entity::archive_by_id("one").exec(db).await.unwrap();
    archival.restore(db).await.unwrap();
    of_label.restore(db).await.unwrap();
    part::Entity::archive_by_id(Mood::Sad)
        .exec(db)
        .await
        .unwrap();
    part::Entity::restore_by_id(Mood::Sad)
        .exec(db)
        .await
        .unwrap();
    number::Entity::archive_by_id(1).exec(db).await.unwrap();
    number::Entity::restore_by_id(1).exec(db).await.unwrap();
    email::Entity::archive_by_id("a@example.org")
        .exec(db)
        .await
        .unwrap();
    email::Entity::restore_by_id("a@example.org")
        .exec(db)
        .await
        .unwrap();
}

async fn many(db: &DatabaseConnection) {
    let all = || code::Entity::archive_many().filter(code::Column::Version.lt(2));
    let preview = all().preview(db).await.unwrap();
    assert_eq!(preview.blockers.len(), 1);
    run(db, "delete from locks").await;
    let archivals = all().exec(db).await.unwrap();
    assert_eq!(archivals.len(), 3);
    for archival in archivals {
        archival.restore(db).await.unwrap();
    }
    for archival in number::Entity::archive_many().exec(db).await.unwrap() {
        archival.restore(db).await.unwrap();
    }
    for archival in email::Entity::archive_many().exec(db).await.unwrap() {
        archival.restore(db).await.unwrap();
    }
}

/// Purges by id, by a filter and by rules of retention.
async fn purge(db: &DatabaseConnection) {
    let manager = SchemaManager::new(db);
    for id in ["p1@example.org", "p2@example.org", "p3@example.org"] {
        run(db, &format!("insert into emails values ('{id}')")).await;
    }
    let purged = email::Column::Id.like("p%");
    let archivals = email::Entity::archive_many().filter(purged).exec(db).await;
    archivals.unwrap()[0].purge(db).await.unwrap();
    let row = email::Entity::hold_by_id("p2@example.org", "why");
    let table = email::Entity::hold_table("why");
    for hold in [row.exec(db).await, table.exec(db).await] {
        let purged = email::Entity::purge_many().skip_held().preview(db).await;
        assert!(!purged.unwrap().held.is_empty());
        let release = hold::Entity::release_by_id(hold.unwrap().id, "why not");
        release.exec(db).await.unwrap();
    }
    let many = || email::Entity::purge_many().older_than(std::time::Duration::ZERO);
    assert_eq!(many().preview(db).await.unwrap().archivals, 2);
    let mut batches = many().in_batches(1);
    assert_eq!(batches.next(db).await.unwrap().unwrap().archivals, 1);
    let rule = || Retention::days(0).metadata(serde_json::json!({}));
    manager.retain("emails", rule().tenant("1")).await.unwrap();
    manager.retain("emails", Retention::days(0)).await.unwrap();
    manager.retain_archivals(Retention::days(9)).await.unwrap();
    manager.retain_audit(Retention::days(9)).await.unwrap();
    let expired = || archival::Entity::purge_expired();
    assert_eq!(expired().preview(db).await.unwrap().len(), 1);
    assert_eq!(expired().exec(db).await.unwrap().archivals, 1);
    run(db, "call archive.purge_all_expired()").await;
    let emails = archival::Column::RootTable.eq("public.emails");
    let records = archival::Entity::purge_many().filter(emails);
    assert_eq!(records.exec(db).await.unwrap().archivals, 0);
    manager.drop_retention("emails").await.unwrap();
    manager.drop_archivals_retention().await.unwrap();
    manager.drop_audit_retention().await.unwrap();
}

/// Each kind of refusal needs queries of its own.
async fn refusals(db: &DatabaseConnection) {
    run(db, "insert into locks values ('lock', 'd')").await;
    let error = code::Entity::archive_by_id("d").exec(db).await.unwrap_err();
    assert!(
        matches!(error, Error::Conflict(ConflictError::Blocked { .. })),
        "{error}"
    );
    let error = code::Entity::archive_by_id("z").exec(db).await.unwrap_err();
    assert!(
        matches!(error, Error::NotFound(NotFoundError::Row { .. })),
        "{error}"
    );
    let error = code::Entity::restore_by_id("d").exec(db).await.unwrap_err();
    assert!(
        matches!(error, Error::Conflict(ConflictError::NotArchived { .. })),
        "{error}"
    );
    let child = code::Entity::archive_by_id("b").exec(db).await.unwrap();
    let root = code::Entity::archive_by_id("a").exec(db).await.unwrap();
    let error = code::Entity::archive_by_id("a").exec(db).await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::Conflict(ConflictError::AlreadyArchived { .. })
        ),
        "{error}"
    );
    let error = code::Entity::restore_by_id("b").exec(db).await.unwrap_err();
    assert!(
        matches!(error, Error::Conflict(ConflictError::ParentArchived { .. })),
        "{error}"
    );
    run(db, "insert into codes values ('e', null, 'A', 'sad', 1)").await;
    let error = root.restore(db).await.unwrap_err();
    assert!(
        matches!(error, Error::Conflict(ConflictError::Restore { .. })),
        "{error}"
    );
    let preview = code::Entity::restore_by_id("a").preview(db).await.unwrap();
    assert_eq!(preview.conflicts.len(), 1);
    run(
        db,
        "delete from codes where id::text operator(pg_catalog.=) 'e'::text",
    )
    .await;
    code::Entity::restore_by_id("a").exec(db).await.unwrap();
    child.restore(db).await.unwrap();
}

async fn lock(db: &DatabaseConnection) {
    let read = code::Entity::find()
        .filter(code::Column::Version.eq(1))
        .all(db)
        .await
        .unwrap();
    let read = read.into_iter().find(|code| code.id == "a").unwrap();
    let mut change = read.clone().into_active_model();
    change.title = Set("changed".to_owned());
    change.feeling = Set(Mood::Happy);
    let saved = change.clone().update_if_unchanged(db).await.unwrap();
    assert_eq!(saved.version, 2);
    let error = change.update_if_unchanged(db).await.unwrap_err();
    assert!(matches!(error, UpdateError::Conflict { .. }), "{error}");
    let error = read.archive_if_unchanged(db).await.unwrap_err();
    assert!(
        matches!(error, Error::Conflict(ConflictError::LockVersion { .. })),
        "{error}"
    );
    let archival = saved.clone().archive_if_unchanged(db).await.unwrap();
    let mut late = saved.into_active_model();
    late.title = Set("late".to_owned());
    let error = late.update_if_unchanged(db).await.unwrap_err();
    assert!(matches!(error, UpdateError::NotFound { .. }), "{error}");
    let restore = code::Entity::restore_by_id("a")
        .at_lock_version(1)
        .exec(db)
        .await;
    let error = restore.unwrap_err();
    assert!(
        matches!(error, Error::Conflict(ConflictError::LockVersion { .. })),
        "{error}"
    );
    code::Entity::restore_by_id("a")
        .at_lock_version(2)
        .exec(db)
        .await
        .unwrap();
    drop(archival);
}

async fn read_the_log(db: &DatabaseConnection) {
    let start = DateTimeUtc::from(std::time::SystemTime::now());
    let code = |db: &DatabaseConnection| {
        let db = db.clone();
        async move {
            let all = code::Entity::find().all(&db).await.unwrap();
            all.into_iter().find(|code| code.id == "a").unwrap()
        }
    };
    let mut change = code(db).await.into_active_model();
    change.parent_id = Set(Some("c".to_owned()));
    change.update_if_unchanged(db).await.unwrap();
    assert!(!code::Entity::find_audit().all(db).await.unwrap().is_empty());
    assert!(
        !code::Entity::find_audit_by_id("a")
            .all(db)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        !email::Entity::find_audit_by_id("a@example.org")
            .all(db)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        !part::Entity::find_audit_by_id(Mood::Sad)
            .all(db)
            .await
            .unwrap()
            .is_empty()
    );
    let changes = code::Entity::find_changes_of("a", code::Column::ParentId);
    assert_eq!(changes.all(db).await.unwrap().len(), 1);
    let row = code::Entity::find_as_of("a", start)
        .one(db)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(row.row.parent_id, None);
    assert!(
        part::Entity::find_as_of(Mood::Sad, start)
            .one(db)
            .await
            .unwrap()
            .is_some()
    );
    assert!(
        number::Entity::find_as_of(1, start)
            .one(db)
            .await
            .unwrap()
            .is_some()
    );
    assert!(
        email::Entity::find_as_of("a@example.org", start)
            .one(db)
            .await
            .unwrap()
            .is_some()
    );
    let reverted = code(db).await.revert_to(start, db).await.unwrap();
    assert_eq!(reverted.parent_id, None);
    audit::make_partitions(db, 1).await.unwrap();
}

async fn under_tenancy(db: &DatabaseConnection) {
    let manager = SchemaManager::new(db);
    let archival = office::Entity::archive_by_id("y").exec(db).await.unwrap();
    manager.audit_table("offices").await.unwrap();
    manager
        .enable_tenancy(Tenancy::new("offices", "org"))
        .await
        .unwrap();
    manager
        .enable_tenancy(Tenancy::new("offices", "org"))
        .await
        .unwrap();
    manager.attribute_to_tenants().await.unwrap();
    assert_eq!(check(db).await.unwrap(), []);
    let one = Context::new().actor(7).tenant("one").request_id("r");
    let transaction = one.begin(db).await.unwrap();
    let office = office::Entity::archive_by_id("x")
        .exec(&transaction)
        .await
        .unwrap();
    office.restore(&transaction).await.unwrap();
    transaction.commit().await.unwrap();
    let two = Context::new().tenant("two").begin(db).await.unwrap();
    archival.restore(&two).await.unwrap();
    two.commit().await.unwrap();
    manager.disable_tenancy("offices").await.unwrap();
}

async fn migrate_back(db: &DatabaseConnection, role: &str) {
    let manager = SchemaManager::new(db);
    manager
        .drop_temporal_foreign_key("stays", "stays_place_id_since_fkey")
        .await
        .unwrap();
    run(
        db,
        "delete from place_history;
         insert into place_history (place_id, feeling, valid_from) values ('here', 'sad', '2024-01-01Z'), ('there', 'sad', '2024-01-01Z')",
    )
    .await;
    manager.unsplit_history("place_history").await.unwrap();
    manager.drop_history_table("mood_history").await.unwrap();
    manager.unstamp_table("codes").await.unwrap();
    for table in ["codes", "parts", "emails", "numbers", "offices"] {
        manager.unaudit_table(table).await.unwrap();
    }
    manager.drop_audit_partitions("2020-01-01").await.unwrap();
    manager.revoke_audit(role).await.unwrap();
    manager.revoke_archive(role).await.unwrap();
    manager.uninstall_audit().await.unwrap();
    manager.drop_archived_table("numbers").await.unwrap();
    manager.unarchive_existing_table("emails").await.unwrap();
    manager.uninstall_archive().await.unwrap();
}
