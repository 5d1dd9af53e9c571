//! Schemas and rows that sea-orm-archive refuses.

use sea_orm_archive::error::{ConflictError, DriftError, SetupError};
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_migration::SchemaManager;

use crate::trees::database::{contents, count, database, run};

mod order {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "orders")]
    #[archive(cascade(super::line::Entity))]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod line {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "lines")]
    #[archive(restrict(super::invoice::Entity))]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub order_id: i32,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "super::order::Entity",
            from = "Column::OrderId",
            to = "super::order::Column::Id"
        )]
        Order,
    }

    impl Related<super::order::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Order.def()
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod invoice {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "invoices")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub line_id: i32,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "super::line::Entity",
            from = "Column::LineId",
            to = "super::line::Column::Id"
        )]
        Line,
    }

    impl Related<super::line::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Line.def()
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Lines are archived with their order. Invoices block the archive (`restrict`), though the database would delete them.
const ORDERS: &str = "
    create table orders (id int primary key);
    create table lines (id int primary key, order_id int not null references orders);
    create table invoices (id int primary key, line_id int not null references lines on delete cascade);
    insert into orders values (1), (2);
    insert into lines values (1, 1), (2, 1), (3, 2);
    insert into invoices values (1, 3), (2, 3)";

#[tokio::test]
async fn rows_of_a_restrict_edge_block_the_archive() {
    let database = database("orders", ORDERS, &["orders", "lines"]).await;
    let db = database.connect().await;
    let before = contents(&db).await;
    let preview = order::Entity::archive_by_id(2).preview(&db).await.unwrap();
    match order::Entity::archive_by_id(2).exec(&db).await.unwrap_err() {
        Error::Conflict(ConflictError::Blocked { blockers, .. }) => {
            assert_eq!(blockers, preview.blockers);
            assert_eq!(
                (blockers[0].table.as_str(), blockers[0].rows),
                ("public.invoices", 2)
            );
            assert_eq!(blockers[0].constraint, "invoices_line_id_fkey");
        }
        error => panic!("{error}"),
    }
    assert_eq!(contents(&db).await, before);
    order::Entity::archive_by_id(1).exec(&db).await.unwrap();
}

/// Rows of an undeclared edge block if the database would refuse, also if only at the commit.
#[tokio::test]
async fn rows_of_an_undeclared_edge_block_if_the_database_would_refuse() {
    for check in ["", "on delete restrict", "deferrable initially deferred"] {
        let database = database("orders", ORDERS, &["orders", "lines"]).await;
        let db = database.connect().await;
        run(&db, &format!("create table gifts (order_id int references orders {check}); insert into gifts values (1)")).await;
        let before = contents(&db).await;
        match order::Entity::archive_by_id(1).exec(&db).await.unwrap_err() {
            Error::Conflict(ConflictError::Blocked { blockers, .. }) => {
                assert_eq!(blockers[0].table, "public.gifts", "{check}")
            }
            error => panic!("{error}"),
        }
        assert_eq!(contents(&db).await, before);
    }
}

/// An undeclared edge by which the database would change rows is refused, also if there are no rows.
#[tokio::test]
async fn undeclared_edge_that_the_database_would_follow_is_refused() {
    for action in ["cascade", "set null", "set default"] {
        let database = database("orders", ORDERS, &["orders", "lines"]).await;
        let db = database.connect().await;
        run(
            &db,
            &format!("create table gifts (line_id int references lines on delete {action})"),
        )
        .await;
        match order::Entity::archive_by_id(1).exec(&db).await.unwrap_err() {
            Error::Drift(DriftError::UndeclaredEdges { edges, .. }) => {
                assert_eq!(edges[0].constraint, "gifts_line_id_fkey");
                assert_eq!(edges[0].on_delete.to_lowercase(), action);
            }
            error => panic!("{error}"),
        }
        assert!(order::Entity::archive_by_id(1).preview(&db).await.is_err());
    }
}

/// Each change is named with the fix, and nothing moves, also with a plan that was cached before.
#[tokio::test]
async fn drift_is_refused_with_the_fix() {
    for (change, expected) in [
        ("alter table orders add column extra int", "sync_archived_table"),
        ("alter table deleted_lines add column extra int", "sync_archived_table"),
        ("alter table lines alter column order_id type bigint", "sync_archived_table"),
        ("alter table deleted_lines drop column order_id", "sync_archived_table"),
        ("drop table deleted_lines", "archive_existing_table"),
        ("alter table lines drop constraint lines_order_id_fkey", "add one to the database"),
        ("create table heir () inherits (lines)", "inherit"),
        ("create rule quiet as on delete to lines do instead nothing", "trigger"),
        ("alter table lines enable row level security", "row security"),
        (
            "create function skip_row() returns trigger language plpgsql as 'begin return null; end';
             create trigger skip_row before insert on deleted_lines for each row execute function skip_row()",
            "AFTER trigger",
        ),
    ] {
        let database = database("orders", ORDERS, &["orders", "lines"]).await;
        let db = database.connect().await;
        order::Entity::archive_by_id(1).exec(&db).await.unwrap();
        order::Entity::restore_by_id(1).exec(&db).await.unwrap();
        run(&db, change).await;
        let before = contents(&db).await;
        match order::Entity::archive_by_id(1).exec(&db).await.unwrap_err() {
            Error::Drift(DriftError::Schema { problems, .. }) => {
                assert!(problems.iter().any(|p| p.contains(expected)), "{change}: {problems:?}");
            }
            error => panic!("{change}: {error}"),
        }
        assert_eq!(contents(&db).await, before, "{change}");
    }
}

/// The cascade would delete rows that row security hides from the role.
#[tokio::test]
async fn rows_that_row_security_hides_are_refused() {
    let sql = "create table orders (id int primary key);
        create table lines (id int primary key, order_id int not null references orders on delete cascade);
        create table invoices (id int primary key, line_id int not null references lines);
        insert into orders values (1); insert into lines values (1, 1), (2, 1);
        alter table lines enable row level security;
        create policy odd on lines using (id % 2 = 1)";
    let database = database("hidden", sql, &["orders", "lines"]).await;
    let owner = database.connect().await;
    let role = database.role("clerk").await;
    run(
        &owner,
        &format!(
            r#"grant all on all tables in schema public to "{role}";
               grant usage on schema archive to "{role}"; grant all on all tables in schema archive to "{role}";
               grant all on all sequences in schema archive to "{role}""#
        ),
    )
    .await;
    let db = database.connect_as("clerk").await;
    match order::Entity::archive_by_id(1).exec(&db).await.unwrap_err() {
        Error::Drift(DriftError::Schema { problems, .. }) => {
            assert!(
                problems
                    .iter()
                    .any(|p| p.contains("public.lines has rows that row security hides")),
                "{problems:?}"
            );
        }
        error => panic!("{error}"),
    }
    // The owner sees all rows, and can archive.
    order::Entity::archive_by_id(1).exec(&owner).await.unwrap();
}

/// Without the schema `archive` the error names the helper to call.
#[tokio::test]
async fn missing_install_is_reported() {
    let database = sea_orm_archive_tests::Database::empty().await;
    let db = database.connect().await;
    let error = order::Entity::archive_by_id(1).exec(&db).await.unwrap_err();
    assert!(
        matches!(error, Error::Setup(SetupError::NotInstalled { .. })),
        "{error}"
    );
    assert!(error.to_string().contains("install_archive"));
}

/// The answer would be that all is well, and the row in neither table.
#[tokio::test]
async fn archival_whose_root_was_deleted_with_plain_sql_is_not_restored() {
    let database = database("orders", ORDERS, &["orders", "lines"]).await;
    let db = database.connect().await;
    run(&db, "insert into orders values (3)").await;
    let archival = order::Entity::archive_by_id(3).exec(&db).await.unwrap();
    run(&db, "delete from deleted_orders").await;
    let error = archival.restore(&db).await.unwrap_err();
    assert!(
        matches!(error, Error::Drift(DriftError::IncompleteArchival { .. })),
        "{error}"
    );
    let message = error.to_string();
    assert!(message.contains("public.deleted_orders"), "{message}");
    let open = count(&db, "archive.archival", "restored_at is null").await;
    assert_eq!(open, 1);
}

/// A runtime that is newer or older than the schema could call functions that do not exist or differ.
#[tokio::test]
async fn another_version_of_the_installed_schema_is_refused_before_anything_moves() {
    let database = sea_orm_archive_tests::Database::from_template("installed", async |db| {
        SchemaManager::new(&db).install_archive().await?;
        Ok::<_, sea_orm::DbErr>(())
    })
    .await;
    for (version, remedy) in [
        (0, "install_archive"),
        (999, "install_archive"),
        (2000, "upgrade"),
    ] {
        let db = database.connect().await;
        let sql = format!(
            "create or replace function archive.schema_version() returns integer language sql immutable return {version}"
        );
        run(&db, &sql).await;
        let error = order::Entity::archive_by_id(1).exec(&db).await.unwrap_err();
        assert!(
            matches!(error, Error::Setup(SetupError::SchemaVersion { .. })),
            "{error}"
        );
        assert!(error.to_string().contains(remedy), "{error}");
    }
    // A later schema of the same major version has all functions that this runtime calls.
    let db = database.connect().await;
    run(&db, "create or replace function archive.schema_version() returns integer language sql immutable return 1999").await;
    let error = order::Entity::archive_by_id(1).exec(&db).await.unwrap_err();
    assert!(matches!(error, Error::Drift(_)), "{error}");
}
