//! The guards check the rows that a foreign key's action would change or delete, before and after it.

use sea_orm::TransactionTrait;
use sea_orm_archive::prelude::*;

use crate::tenancy::bare::{bare, findings_on, grant, refusal};
use crate::tenancy::database::{EVERYTHING, Organisations, attempt, number, run, texts};
use crate::tenancy::model::{department, post};

/// A database with the tables that `sql` creates; `tables` are under tenancy.
async fn with(sql: &str, tables: &[&'static str]) -> Organisations {
    let organisations = bare().await;
    run(&organisations.owner, sql).await;
    grant(&organisations).await;
    for table in tables {
        organisations.enable_one(table).await.unwrap();
    }
    organisations
}

/// A guard refuses the tenant's statement with an error that shows nothing of the rows, and nothing has changed.
async fn refused(organisations: &Organisations, org: i64, table: &str, sql: &str, message: &str) {
    let state = format!("select t::text from {table} t order by 1");
    let before = texts(&organisations.administrator().await, &state).await;
    let txn = organisations.tenant(org).await;
    let error = refusal(&txn, sql).await;
    assert!(
        error.starts_with("AR010") && error.contains(message) && !error.contains("hush"),
        "{sql}: {error}"
    );
    drop(txn);
    assert_eq!(
        texts(&organisations.administrator().await, &state).await,
        before,
        "{sql}"
    );
}

const FOREIGN: &str = "has rows of another tenant that this";
const GIVEN: &str = "would be given to another tenant";

#[tokio::test]
async fn a_constraint_that_a_foreign_key_would_violate_shows_no_row() {
    for partitioned in ["", "partition by range (id)"] {
        let organisations = with(
            &format!(
                "create table posts (id bigint primary key, org_id bigint not null);
                 create table notes (id bigint primary key, org_id bigint not null, secret text,
                     post_id bigint references posts on delete set null on update cascade check (post_id < 100),
                     author_id bigint not null references posts on delete set null,
                     check (post_id is not null)) {partitioned};
                 {}
                 insert into posts values (1, 1), (2, 2), (3, 1);
                 insert into notes values (1, 2, 'hush', 1, 3)",
                match partitioned {
                    "" => "",
                    _ => "create table notes_all partition of notes default;",
                }
            ),
            &["posts", "notes"],
        )
        .await;
        for sql in [
            "delete from posts where id = 1",
            "delete from posts where id = 3",
            "delete from posts",
            "update posts set id = 101 where id = 1",
        ] {
            refused(&organisations, 1, "notes", sql, FOREIGN).await;
        }
    }
}

/// The foreign key contains the tenant column: its action would write another tenant, or change a row of another one.
#[tokio::test]
async fn foreign_key_action_that_changes_the_tenant_of_a_row_is_refused() {
    for partitioned in [false, true] {
        for (action, sql) in [
            ("on delete set default", "delete from groups where id = 1"),
            (
                "on delete set default (org_id)",
                "delete from groups where id = 1",
            ),
            (
                "on update set default",
                "update groups set id = 9 where id = 1",
            ),
            (
                "on update cascade",
                "update groups set org_id = 2 where id = 1",
            ),
        ] {
            // The groups are shared, so only the guard of the notes can refuse.
            let (by, parts) = match partitioned {
                false => ("", ""),
                true => (
                    "partition by list (org_id)",
                    "create table notes_1 partition of notes for values in (1); create table notes_rest partition of notes default;",
                ),
            };
            let organisations = with(
                &format!(
                    "create table groups (id bigint primary key, org_id bigint not null, unique (org_id, id));
                     create table notes (id bigint, org_id bigint not null default 2, secret text, group_id bigint,
                         foreign key (org_id, group_id) references groups (org_id, id) {action} deferrable initially deferred) {by};
                     {parts}
                     insert into groups values (1, 1), (2, 2);
                     insert into notes values (1, 1, 'hush', 1), (2, 2, 'hush', 2)"
                ),
                &["notes"],
            )
            .await;
            refused(&organisations, 1, "notes", sql, GIVEN).await;
            refused(&organisations, 2, "notes", sql, FOREIGN).await;
            // Without a tenant every row belongs to another one.
            let error = refusal(&organisations.web, sql).await;
            assert!(
                error.starts_with("AR010") && error.contains(FOREIGN),
                "{error}"
            );
        }
    }
}

/// ON UPDATE CASCADE would move the rows below as well; the policy of the referenced row refuses the update first.
#[tokio::test]
async fn tenant_cannot_give_a_tree_to_another_tenant() {
    let organisations = with(
        "create table posts (id bigint primary key, org_id bigint not null, unique (org_id, id));
         create table notes (id bigint, org_id bigint not null, post_id bigint,
             foreign key (org_id, post_id) references posts (org_id, id) on update cascade);
         insert into posts values (1, 1), (2, 2);
         insert into notes values (1, 1, 1), (2, 2, 2)",
        &["posts", "notes"],
    )
    .await;
    let txn = organisations.tenant(1).await;
    for table in ["posts", "notes"] {
        let nested = txn.begin().await.unwrap();
        let sql = format!("update {table} set org_id = 2");
        assert!(refusal(&nested, &sql).await.contains("row-level security"));
    }
    drop(txn);
    // The administrator can, and the rows below follow.
    let txn = organisations.administrator().await;
    run(&txn, "update posts set org_id = 2 where id = 1").await;
    assert_eq!(
        number(&txn, "select count(*) from notes where org_id = 2").await,
        2
    );
}

#[tokio::test]
async fn an_archived_row_stays_with_the_tenant_that_archived_it() {
    let organisations = Organisations::new().await;
    let txn = organisations.tenant(1).await;
    run(&txn, "delete from staff").await;
    let posts = post::Entity::archive_by_id(1).exec(&txn).await.unwrap();
    let departments = department::Entity::archive_by_id(1)
        .exec(&txn)
        .await
        .unwrap();
    txn.commit().await.unwrap();
    let superuser = organisations.database.connect().await;
    let before = texts(&superuser, EVERYTHING).await;
    for table in [
        "posts",
        "comments",
        "likes",
        "post_tags",
        "departments",
        "department_history",
    ] {
        let sql = format!("update deleted_{table} set org_id = 2");
        let txn = organisations.administrator().await;
        for error in [refusal(&txn, &sql).await, refusal(&superuser, &sql).await] {
            assert!(
                error.starts_with("AR010")
                    && error.contains("an archived row")
                    && error.contains("Restore the archival first"),
                "{error}"
            );
        }
        drop(txn);
        let txn = organisations.tenant(1).await;
        assert!(attempt(&txn, &sql).await.is_err());
    }
    // Other columns of an archived row can be written, and its own tenant again.
    let txn = organisations.administrator().await;
    run(
        &txn,
        "update deleted_posts set org_id = org_id, slug = slug || '!'",
    )
    .await;
    txn.rollback().await.unwrap();
    assert_eq!(texts(&superuser, EVERYTHING).await, before);
    let txn = organisations.tenant(1).await;
    assert_eq!(
        posts
            .restore(&txn)
            .await
            .unwrap()
            .rows
            .values()
            .sum::<u64>(),
        5
    );
    assert_eq!(
        departments.restore(&txn).await.unwrap().rows["public.department_history"],
        1
    );
    // After the restore the administrator can change the tenant.
    txn.commit().await.unwrap();
    let txn = organisations.administrator().await;
    run(&txn, "update likes set org_id = 2").await;
}

#[tokio::test]
async fn every_partition_has_the_guards() {
    let organisations = with(
        "create table posts (id bigint primary key, org_id bigint not null, title text);
         create table notes (id bigint primary key, org_id bigint not null, secret text,
             post_id bigint references posts on delete cascade on update cascade) partition by range (id);
         create table notes_1 partition of notes for values from (0) to (100) partition by list (id);
         create table notes_1_1 partition of notes_1 default;
         insert into posts values (1, 1), (2, 2), (3, 1), (4, 1);
         insert into notes values (1, 2, 'hush', 1)",
        &["posts", "notes"],
    )
    .await;
    let owner = &organisations.owner;
    for sql in [
        "delete from posts where id = 1",
        "update posts set id = 9 where id = 1",
    ] {
        refused(&organisations, 1, "notes", sql, FOREIGN).await;
    }
    // A partition attached later, with columns in another order and with rows.
    run(
        owner,
        "create table notes_2 (secret text, unused int, post_id bigint references posts, org_id bigint not null, id bigint not null);
         alter table notes_2 drop unused;
         insert into notes_2 values ('hush', 3, 2, 101), ('mine', 4, 1, 102)",
    )
    .await;
    // Policies hide the rows from the owner, so a superuser attaches it.
    run(
        &organisations.database.connect().await,
        "alter table notes attach partition notes_2 for values from (100) to (200)",
    )
    .await;
    grant(&organisations).await;
    let found = findings_on(owner, "public.notes_2").await;
    for problem in [
        "not enabled",
        "has no policy tenancy",
        "has no trigger tenancy_guard_truncate",
    ] {
        assert!(
            found.iter().any(|d| d.problem.contains(problem)),
            "{problem}: {found:#?}"
        );
    }
    let txn = organisations.tenant(1).await;
    assert_eq!(number(&txn, "select count(*) from notes_2").await, 2);
    drop(txn);

    organisations.enable_one("notes").await.unwrap();
    assert_eq!(findings_on(owner, "public.notes_2").await, []);
    for sql in [
        "delete from posts where id = 3",
        "update posts set id = 9 where id = 3",
    ] {
        refused(&organisations, 1, "notes", sql, FOREIGN).await;
    }
    let txn = organisations.tenant(1).await;
    for table in ["notes", "notes_2"] {
        assert_eq!(
            texts(&txn, &format!("select secret from {table}")).await,
            ["mine"]
        );
    }
    run(&txn, "delete from posts where id = 4").await;
    assert_eq!(number(&txn, "select count(*) from notes").await, 0);
    drop(txn);
    for trigger in ["tenancy_guard", "tenancy_guard_given"] {
        run(
            owner,
            &format!("alter table notes_2 disable trigger {trigger}"),
        )
        .await;
        assert_eq!(findings_on(owner, "public.notes_2").await.len(), 1);
        organisations.enable_one("notes").await.unwrap();
        assert_eq!(findings_on(owner, "public.notes_2").await, []);
    }
}

#[tokio::test]
async fn upsert_or_merge_onto_a_row_of_another_tenant_changes_nothing() {
    let organisations = Organisations::new().await;
    let superuser = organisations.database.connect().await;
    let state = "select p::text from posts p order by 1";
    let before = texts(&superuser, state).await;
    let row = "(id, org_id, slug) values (2, 1, 'mine')";
    for (sql, message) in [
        (format!("insert into posts {row} on conflict (id) do update set slug = 'mine'"), "row-level security"),
        (format!("insert into posts {row} on conflict (id) do update set org_id = 1"), "row-level security"),
        ("insert into posts (id, org_id, slug) values (9, 1, 'two') on conflict (slug) do update set slug = 'mine'".to_owned(), "row-level security"),
        (format!("merge into posts using (values (2)) as v (key) on id = key when matched then update set slug = 'mine' when not matched then insert {row}"), "posts_pkey"),
        ("merge into posts using (values (1)) as v (key) on id = key when matched then update set org_id = 2".to_owned(), "row-level security"),
    ] {
        let txn = organisations.tenant(1).await;
        let error = refusal(&txn, &sql).await;
        assert!(error.contains(message) && !error.contains("two"), "{sql}: {error}");
        drop(txn);
        assert_eq!(texts(&superuser, state).await, before, "{sql}");
    }
    for sql in [
        format!("insert into posts {row} on conflict do nothing"),
        "merge into posts using (values (2), (4)) as v (key) on id = key when matched then delete".to_owned(),
        "merge into posts using (values (2), (4)) as v (key) on id = key when matched then update set slug = 'mine'".to_owned(),
    ] {
        let txn = organisations.tenant(1).await;
        assert_eq!(attempt(&txn, &sql).await.unwrap(), 0, "{sql}");
        txn.commit().await.unwrap();
        assert_eq!(texts(&superuser, state).await, before, "{sql}");
    }
}

/// So it fires as well where a superuser replays changes as a replica, when ordinary triggers do not.
#[tokio::test]
async fn a_guard_is_always_enabled() {
    let organisations = Organisations::new().await;
    let other =
        "select count(*) from pg_trigger where tgname like 'tenancy\\_guard%' and tgenabled <> 'A'";
    assert_eq!(number(&organisations.owner, other).await, 0);
    let all = "select count(distinct tgname) from pg_trigger where tgname like 'tenancy\\_guard%'";
    assert_eq!(number(&organisations.owner, all).await, 4);
}
