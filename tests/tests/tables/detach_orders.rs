//! Parents and children of a `detach` relation, archived and restored in every order.

use sea_orm::TransactionTrait;
use sea_orm_archive::error::{ConflictError, DriftError};
use sea_orm_archive::prelude::*;
use sea_orm_archive::{LostLink, LostLinkReason};

use crate::tables::family::{BOTH_SIDES, detached, two_families};
use sea_orm_archive_tests::{
    sql::{count, dump, dumps, run},
    tables::tables,
};

async fn families() -> (sea_orm_archive_tests::Database, sea_orm::DatabaseConnection) {
    tables(
        &two_families("on delete set null"),
        &["parents", "children"],
    )
    .await
}

#[tokio::test]
async fn every_order_of_archive_and_restore_restores_the_link() {
    let (_database, db) = families().await;
    let before = dumps(&db, &BOTH_SIDES).await;
    for child_goes_first in [true, false] {
        for child_returns_first in [true, false] {
            for preview in [true, false] {
                let mut archivals = Vec::new();
                for child in [child_goes_first, !child_goes_first] {
                    archivals.push(if child {
                        detached::child::Entity::archive_by_id(11)
                            .exec(&db)
                            .await
                            .unwrap()
                    } else {
                        detached::parent::Entity::archive_by_id(1)
                            .exec(&db)
                            .await
                            .unwrap()
                    });
                }
                let (child, parent) = if child_goes_first {
                    (&archivals[0], &archivals[1])
                } else {
                    (&archivals[1], &archivals[0])
                };
                if preview {
                    let preview = sea_orm_archive::archival::Entity::restore_by_id(child.id);
                    assert_eq!(preview.preview(&db).await.unwrap().conflicts, []);
                }
                if child_returns_first {
                    child.restore(&db).await.unwrap();
                    assert_eq!(
                        count(&db, "children where id = 11 and parent_id is null").await,
                        1
                    );
                    assert_eq!(parent.restore(&db).await.unwrap().relinked, 2);
                } else {
                    assert_eq!(parent.restore(&db).await.unwrap().relinked, 2);
                    child.restore(&db).await.unwrap();
                }
                assert_eq!(
                    dumps(&db, &BOTH_SIDES).await,
                    before,
                    "{child_goes_first} {child_returns_first}"
                );
                assert_eq!(count(&db, "archive.detached_link").await, 0);
            }
        }
    }
}

#[tokio::test]
async fn child_is_restored_without_link_after_its_archived_parent_was_purged() {
    for child_goes_first in [true, false] {
        let (_database, db) = families().await;
        let mut child = None;
        if child_goes_first {
            child = Some(
                detached::child::Entity::archive_by_id(11)
                    .exec(&db)
                    .await
                    .unwrap(),
            );
        }
        let parent = detached::parent::Entity::archive_by_id(1)
            .exec(&db)
            .await
            .unwrap();
        let child = match child {
            Some(child) => child,
            None => detached::child::Entity::archive_by_id(11)
                .exec(&db)
                .await
                .unwrap(),
        };
        run(
            &db,
            &format!(
                "delete from deleted_parents; delete from archive.detached_link where archival_id = {0};
                 delete from archive.archival where id = {0}",
                parent.id
            ),
        )
        .await;
        child.restore(&db).await.unwrap();
        assert_eq!(
            dump(&db, "children").await,
            ["(11,,a)", "(12,,)", "(21,2,b)", "(22,2,c)", "(99,,d)"]
        );
    }
}

/// Employees with a manager: the table is its own parent.
mod employee {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "employees")]
    #[archive(detach(Entity, via_rel = "Manager"))]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub manager_id: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(belongs_to = "Entity", from = "Column::ManagerId", to = "Column::Id")]
        Manager,
    }

    impl Related<Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Manager.def()
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}

#[tokio::test]
async fn every_order_in_a_self_referencing_table_restores_the_links() {
    let names = ["employees", "deleted_employees"];
    let (_database, db) = tables(
        "create table employees (id bigint primary key, manager_id bigint references employees on delete set null);
         insert into employees values (1, null), (2, 1), (3, 1), (4, 2)",
        &["employees"],
    )
    .await;
    let before = dumps(&db, &names).await;
    // 1 manages 2 and 3, 2 manages 4.
    for order in [
        [1, 2, 4],
        [1, 4, 2],
        [2, 1, 4],
        [2, 4, 1],
        [4, 1, 2],
        [4, 2, 1],
    ] {
        for back in [
            [0, 1, 2],
            [0, 2, 1],
            [1, 0, 2],
            [1, 2, 0],
            [2, 0, 1],
            [2, 1, 0],
        ] {
            let mut archivals = Vec::new();
            for id in order {
                archivals.push(employee::Entity::archive_by_id(id).exec(&db).await.unwrap());
            }
            for n in back {
                archivals[n]
                    .restore(&db)
                    .await
                    .unwrap_or_else(|error| panic!("{order:?} {back:?}: {error}"));
            }
            assert_eq!(dumps(&db, &names).await, before, "{order:?} {back:?}");
            assert_eq!(count(&db, "archive.detached_link").await, 0);
        }
    }
}

/// Tickets with an assignee, which is detached, and comments of users, which are archived with their ticket.
mod desk {
    pub mod user {
        use sea_orm::entity::prelude::*;
        use sea_orm_archive::DeriveArchive;

        #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
        #[sea_orm(table_name = "users")]
        #[archive(detach(super::ticket::Entity), detach(super::comment::Entity))]
        pub struct Model {
            #[sea_orm(primary_key)]
            pub id: i64,
        }

        #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
        pub enum Relation {}

        impl ActiveModelBehavior for ActiveModel {}
    }

    pub mod ticket {
        use sea_orm::entity::prelude::*;
        use sea_orm_archive::DeriveArchive;

        #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
        #[sea_orm(table_name = "tickets")]
        #[archive(cascade(super::comment::Entity))]
        pub struct Model {
            #[sea_orm(primary_key)]
            pub id: i64,
            pub assignee_id: Option<i64>,
        }

        #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
        pub enum Relation {
            #[sea_orm(
                belongs_to = "super::user::Entity",
                from = "Column::AssigneeId",
                to = "super::user::Column::Id"
            )]
            Assignee,
        }

        impl Related<super::user::Entity> for Entity {
            fn to() -> RelationDef {
                Relation::Assignee.def()
            }
        }

        impl ActiveModelBehavior for ActiveModel {}
    }

    pub mod comment {
        use sea_orm::entity::prelude::*;
        use sea_orm_archive::DeriveArchive;

        #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
        #[sea_orm(table_name = "comments")]
        pub struct Model {
            #[sea_orm(primary_key)]
            pub id: i64,
            pub ticket_id: i64,
            pub author_id: Option<i64>,
        }

        #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
        pub enum Relation {
            #[sea_orm(
                belongs_to = "super::ticket::Entity",
                from = "Column::TicketId",
                to = "super::ticket::Column::Id"
            )]
            Ticket,
            #[sea_orm(
                belongs_to = "super::user::Entity",
                from = "Column::AuthorId",
                to = "super::user::Column::Id"
            )]
            Author,
        }

        impl Related<super::ticket::Entity> for Entity {
            fn to() -> RelationDef {
                Relation::Ticket.def()
            }
        }

        impl Related<super::user::Entity> for Entity {
            fn to() -> RelationDef {
                Relation::Author.def()
            }
        }

        impl ActiveModelBehavior for ActiveModel {}
    }
}

const DESK: &str = "
    create table users (id bigint primary key);
    create table tickets (id bigint primary key, assignee_id bigint constraint assignee references users on delete set null);
    create table comments (id bigint primary key, ticket_id bigint not null references tickets on delete cascade,
        author_id bigint constraint author references users on delete set null);
    insert into users values (1), (2);
    insert into tickets values (1, 1), (2, 1), (3, 2);
    insert into comments values (1, 1, 1), (2, 1, 2), (3, 2, 1), (4, 3, 1)";
const DESK_TABLES: [&str; 6] = [
    "users",
    "tickets",
    "comments",
    "deleted_users",
    "deleted_tickets",
    "deleted_comments",
];

#[tokio::test]
async fn row_is_restored_with_its_children_while_a_detached_parent_is_archived() {
    let (_database, db) = tables(DESK, &["users", "tickets", "comments"]).await;
    let before = dumps(&db, &DESK_TABLES).await;
    let ticket = desk::ticket::Entity::archive_by_id(1)
        .exec(&db)
        .await
        .unwrap();
    let user = desk::user::Entity::archive_by_id(1)
        .exec(&db)
        .await
        .unwrap();
    let restored = ticket.restore(&db).await.unwrap();
    assert_eq!(restored.waiting, []);
    assert_eq!(dump(&db, "tickets").await, ["(1,)", "(2,)", "(3,2)"]);
    assert_eq!(
        dump(&db, "comments").await,
        ["(1,1,)", "(2,1,2)", "(3,2,)", "(4,3,)"]
    );
    assert_eq!(user.restore(&db).await.unwrap().relinked, 5);
    assert_eq!(dumps(&db, &DESK_TABLES).await, before);
}

/// The assignee was deleted, and ON DELETE SET NULL changed the active rows alone.
#[tokio::test]
async fn restore_sets_links_to_a_deleted_parent_to_null() {
    let (_database, db) = tables(DESK, &["users", "tickets", "comments"]).await;
    let ticket = desk::ticket::Entity::archive_by_id(1)
        .exec(&db)
        .await
        .unwrap();
    run(&db, "delete from users where id = 1").await;
    let preview = sea_orm_archive::archival::Entity::restore_by_id(ticket.id);
    let preview = preview.preview(&db).await.unwrap();
    assert_eq!(preview.conflicts, []);
    let restored = ticket.restore(&db).await.unwrap();
    assert_eq!(restored.not_relinked, preview.not_relinked);
    let mut lost: Vec<_> = restored.not_relinked.iter().collect();
    lost.sort_by_key(|link| &link.table);
    let expected = |table: &str, constraint: &str, column: &str| LostLink {
        table: table.to_owned(),
        constraint: constraint.to_owned(),
        key: serde_json::json!({ "id": 1 }),
        link: serde_json::json!({ column: 1 }),
        reason: LostLinkReason::ParentDeleted,
    };
    assert_eq!(
        lost,
        [
            &expected("public.comments", "author", "author_id"),
            &expected("public.tickets", "assignee", "assignee_id")
        ]
    );
    assert_eq!(dump(&db, "tickets").await, ["(1,)", "(2,)", "(3,2)"]);
    assert_eq!(
        dump(&db, "comments").await,
        ["(1,1,)", "(2,1,2)", "(3,2,)", "(4,3,)"]
    );
}

/// Setting the link to a deleted parent to NULL must change no other column. The trigger is created after the restore was
/// planned, while it waits for a row of another table.
#[tokio::test]
async fn trigger_that_changes_an_archived_row_when_its_link_is_set_to_null_is_reported() {
    for body in [
        "return old;",
        "new.author_id := 2; return new;",
        "new.id := 77; return new;",
    ] {
        let (database, db) = tables(DESK, &["users", "tickets", "comments"]).await;
        let ticket = desk::ticket::Entity::archive_by_id(1)
            .exec(&db)
            .await
            .unwrap();
        run(&db, "delete from users where id = 1").await;
        let before = dumps(&db, &DESK_TABLES).await;
        let (holder, restorer) = (
            database.session("holder").await,
            database.session("restorer").await,
        );
        let holding = holder.db().begin().await.unwrap();
        run(&holding, "select from deleted_tickets for update").await;
        let restoring = restorer.db();
        let preview = sea_orm_archive::archival::Entity::restore_by_id(ticket.id);
        let restoring = restorer.start(async move { preview.preview(&restoring).await });
        database.wait_until_blocked_by(&restorer, &holder).await;
        let trigger = format!(
            "create function f() returns trigger language plpgsql as $$ begin {body} end $$;
             create trigger changes before update on deleted_comments for each row execute function f()"
        );
        run(&db, &trigger).await;
        holding.rollback().await.unwrap();
        let refused = restoring.finish().await;
        let Err(Error::Drift(DriftError::Trigger { message })) = &refused else {
            panic!("{body}: {refused:?}")
        };
        assert!(
            message.contains("changes") && message.contains("public.deleted_comments"),
            "{message}"
        );
        assert_eq!(dumps(&db, &DESK_TABLES).await, before, "{body}");
    }
}

/// With a foreign key that is not ON DELETE SET NULL the link stays, and the restore is a conflict.
#[tokio::test]
async fn deleted_parent_of_a_foreign_key_that_refuses_is_a_conflict() {
    let (_database, db) = tables(&two_families(""), &["parents", "children"]).await;
    let child = detached::child::Entity::archive_by_id(11)
        .exec(&db)
        .await
        .unwrap();
    run(
        &db,
        "delete from children where parent_id = 1; delete from parents where id = 1",
    )
    .await;
    let refused = child.restore(&db).await;
    let Err(Error::Conflict(ConflictError::Restore { conflicts, .. })) = &refused else {
        panic!("{refused:?}")
    };
    assert!(
        matches!(
            conflicts.as_slice(),
            [Conflict::MissingParent { archival: None, .. }]
        ),
        "{conflicts:?}"
    );
}
