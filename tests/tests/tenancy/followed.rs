//! Keys and deleted rows of tables that are everybody's, while other tables are under tenancy and their owner is no
//! superuser: the links of every tenant follow.

use sea_orm_archive_migration::ArchiveSchema;

use crate::database::{Organisations, number, run};

#[tokio::test]
async fn links_of_every_tenant_follow() {
    let organisations = Organisations::new().await;
    let owner = &organisations.owner;
    run(owner, "create table seats (code text primary key, post_id bigint references posts on delete set null)").await;
    organisations
        .manager()
        .sync_archived_table("posts")
        .await
        .unwrap();
    let above = organisations.database.connect().await;
    run(&above, "insert into seats values ('A', null), ('B', null);
        insert into archive.detached_link values (77, 'seats', '[\"A\"]', 'post_id', '{}', '1'), (77, 'seats', '[\"B\"]', 'post_id', '{}', '1')").await;
    run(
        owner,
        "update seats set code = 'C' where code = 'A'; delete from seats where code = 'B'",
    )
    .await;
    let links = "select count(*) from archive.detached_link where child_key";
    assert_eq!(
        number(&above, &format!("{links} = '[\"C\"]' and not deleted")).await,
        1
    );
    assert_eq!(
        number(&above, &format!("{links} = '[\"B\"]' and deleted")).await,
        1
    );
}

/// A table of another role refers to an archived one: it keeps no migration from running.
#[tokio::test]
async fn a_table_of_another_role_does_not_stop_the_migrations() {
    let organisations = Organisations::open().await;
    let above = organisations.database.connect().await;
    run(&above, "create schema apart; create table apart.mine (id int primary key, post_id bigint references public.posts on delete set null)").await;
    organisations
        .manager()
        .sync_archived_table("posts")
        .await
        .unwrap();
}
