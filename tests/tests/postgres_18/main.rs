//! Behaviour and features of PostgreSQL 18 that 15 to 17 do not have. On an older server the tests are skipped; CI runs
//! this binary once more against 18.

use sea_orm::DatabaseConnection;
use sea_orm_archive::error::{ConflictError, DriftError};
use sea_orm_archive::prelude::*;
use sea_orm_archive::{Blocker, Error};
use sea_orm_archive_tests::Database;

#[allow(dead_code, reason = "not every relation of every family is used here")]
#[path = "../tables/family.rs"]
mod family;

use family::{BOTH_SIDES, FAMILY, cascaded, detached, restricted, two_families, undeclared};
use sea_orm_archive_tests::{
    sql::{count, dumps, run},
    tables::{installed, tables},
};

/// Whether the server is PostgreSQL 18 or newer. If `PG_EXPECT` is set, another version fails the test.
async fn is_18(db: &DatabaseConnection) -> bool {
    let sql = "select current_setting('server_version_num')::int / 10000";
    let version: i32 = sea_orm_archive_tests::sql::one(db, sql).await;
    if let Ok(expected) = std::env::var("PG_EXPECT") {
        assert_eq!(version.to_string(), expected, "not the expected server");
    }
    if version < 18 {
        eprintln!("skipped: this is PostgreSQL {version}, and the test needs 18");
    }
    version >= 18
}

/// The two families, if the server is PostgreSQL 18.
async fn family(on_delete: &str) -> Option<(Database, DatabaseConnection)> {
    let database = installed().await;
    if !is_18(&database.connect().await).await {
        return None;
    }
    Some(tables(&two_families(on_delete), &FAMILY).await)
}

fn blockers() -> [Blocker; 1] {
    [Blocker {
        table: "public.children".to_owned(),
        constraint: "children_parent".to_owned(),
        rows: 2,
    }]
}

/// PostgreSQL 18 reports 23001 instead of 23503.
#[tokio::test]
async fn on_delete_restrict_blocks_an_archive() {
    let Some((_database, db)) = family("on delete restrict").await else {
        return;
    };
    let before = dumps(&db, &BOTH_SIDES).await;
    match undeclared::parent::Entity::archive_by_id(1).exec(&db).await {
        Err(Error::Conflict(ConflictError::Blocked { blockers, .. })) => {
            assert_eq!(blockers[..], self::blockers())
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(dumps(&db, &BOTH_SIDES).await, before);
}

/// The database does not enforce the policy: it neither refuses a child of an archived parent nor lets a child block.
#[tokio::test]
async fn declared_policy_over_a_key_that_is_not_enforced_is_refused() {
    for on_delete in ["", "on delete cascade", "on delete set null"] {
        let Some((_database, db)) = family(&format!("{on_delete} not enforced")).await else {
            return;
        };
        let before = dumps(&db, &BOTH_SIDES).await;
        for done in [
            restricted::parent::Entity::archive_by_id(1)
                .exec(&db)
                .await
                .map(drop),
            cascaded::parent::Entity::archive_by_id(1)
                .exec(&db)
                .await
                .map(drop),
            detached::parent::Entity::archive_by_id(1)
                .exec(&db)
                .await
                .map(drop),
            restricted::parent::Entity::archive_by_id(1)
                .preview(&db)
                .await
                .map(drop),
        ] {
            let Err(Error::Drift(DriftError::Schema { problems, .. })) = done else {
                panic!("{done:?}");
            };
            let named = "public.children has the foreign key children_parent NOT ENFORCED";
            let fix =
                "ALTER TABLE \"public\".\"children\" ALTER CONSTRAINT \"children_parent\" ENFORCED";
            assert!(
                problems
                    .iter()
                    .any(|p| p.contains(named) && p.contains(fix)),
                "{problems:?}"
            );
        }
        assert_eq!(dumps(&db, &BOTH_SIDES).await, before);
        // The fix that the error names works.
        run(
            &db,
            "alter table children alter constraint children_parent enforced",
        )
        .await;
        let one = restricted::parent::Entity::archive_by_id(1);
        assert!(matches!(
            one.exec(&db).await,
            Err(Error::Conflict(ConflictError::Blocked { .. }))
        ));
    }
}

/// A plan that was cached while the key was enforced detects the change.
#[tokio::test]
async fn cached_plan_detects_a_key_that_is_no_longer_enforced() {
    let Some((_database, db)) = family("on delete cascade").await else {
        return;
    };
    let archive = async || restricted::parent::Entity::archive_by_id(1).exec(&db).await;
    assert!(matches!(
        archive().await,
        Err(Error::Conflict(ConflictError::Blocked { .. }))
    ));
    run(
        &db,
        "alter table children alter constraint children_parent not enforced",
    )
    .await;
    assert!(matches!(
        archive().await,
        Err(Error::Drift(DriftError::Schema { .. }))
    ));
    assert_eq!(count(&db, "parents").await, 2);
}

/// The database allows a child without its parent, so children are not changed, whatever ON DELETE is.
#[tokio::test]
async fn rows_below_an_undeclared_key_that_is_not_enforced_are_not_changed() {
    for on_delete in ["", "on delete cascade", "on delete set null"] {
        let Some((_database, db)) = family(&format!("{on_delete} not enforced")).await else {
            return;
        };
        let before = dumps(&db, &BOTH_SIDES).await;
        let children = dumps(&db, &["children"]).await;
        let one = || undeclared::parent::Entity::archive_by_id(1);
        assert_eq!(one().preview(&db).await.unwrap().blockers, []);
        let archival = one().exec(&db).await.unwrap();
        assert_eq!(dumps(&db, &["children"]).await, children);
        archival.restore(&db).await.unwrap();
        assert_eq!(dumps(&db, &BOTH_SIDES).await, before);
    }
}

/// A NOT ENFORCED CHECK of the archive table cannot refuse a row.
#[tokio::test]
async fn check_that_is_not_enforced_is_no_drift() {
    let Some((_database, db)) = family("on delete cascade").await else {
        return;
    };
    run(
        &db,
        "alter table deleted_children add constraint calm check (name <> 'a') not enforced",
    )
    .await;
    let one = cascaded::parent::Entity::archive_by_id(1);
    one.exec(&db).await.unwrap();
    assert_eq!(count(&db, "deleted_children").await, 2);
}

mod season {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "seasons")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub room: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// A row refers to all the rows whose periods together contain its own.
#[tokio::test]
async fn row_below_two_periods_is_counted_once() {
    let database = installed().await;
    let db = database.connect().await;
    if !is_18(&db).await {
        return;
    }
    run(
        &db,
        "create extension if not exists btree_gist;
         create table seasons (id bigint primary key, room bigint not null, valid daterange not null,
             unique (room, valid without overlaps));
         create table stays (id bigint primary key, room bigint not null, during daterange not null,
             constraint stays_season foreign key (room, period during) references seasons (room, period valid));
         insert into seasons values (1, 1, '[2026-01-01,2026-07-01)'), (2, 1, '[2026-07-01,2027-01-01)'), (3, 2, '[2026-01-01,2027-01-01)');
         insert into stays values (1, 1, '[2026-06-28,2026-07-03)'), (2, 1, '[2026-02-01,2026-02-05)')",
    )
    .await;
    sea_orm_archive_tests::tables::archive_table(&db, "seasons".to_owned()).await;
    let blockers = [Blocker {
        table: "public.stays".to_owned(),
        constraint: "stays_season".to_owned(),
        rows: 2,
    }];
    let preview = season::Entity::archive_many().preview(&db).await.unwrap();
    assert_eq!(preview.blockers, blockers);
    let preview = season::Entity::archive_by_id(2).preview(&db).await.unwrap();
    assert_eq!(preview.blockers[0].rows, 1);
    match season::Entity::archive_many().exec(&db).await {
        Err(Error::Conflict(ConflictError::Blocked {
            blockers: found, ..
        })) => {
            assert_eq!(found, blockers);
        }
        other => panic!("{other:?}"),
    }
    season::Entity::archive_by_id(3).exec(&db).await.unwrap();
}
