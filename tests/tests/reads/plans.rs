//! PostgreSQL plans the two tables like two partitions: filters, orders and limits reach the indexes of both.

use sea_orm::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    DatabaseConnection, DbBackend, QueryOrder, QuerySelect, QueryTrait, SelectTwo, Statement,
};
use sea_orm_archive::deletion;
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::{
    Database,
    sql::{run, texts},
};

use crate::reads::blog::{blog, post, user};

type Posts = SelectTwo<post::Entity, deletion::Entity>;

/// Ten thousand active and ten thousand deleted posts.
async fn many() -> (Database, DatabaseConnection) {
    let (database, db) = blog().await;
    run(
        &db,
        "insert into posts (id, author_id, slug) select n, 1, 'active ' || n from generate_series(101, 20099, 2) as n;
         insert into deleted_posts (id, author_id, slug, deleted_at, deleted_by, archival_id)
         select n, 1, 'deleted ' || n, now(), 7, n from generate_series(100, 20098, 2) as n",
    )
    .await;
    run(&db, "vacuum analyze posts, deleted_posts").await;
    (database, db)
}

async fn plan(db: &DatabaseConnection, select: Posts) -> String {
    let query = select.build(DbBackend::Postgres).to_string();
    let explain = format!("explain (costs off) {query}");
    texts(db, &explain).await.join("\n")
}

fn count(plan: &str, part: &str) -> usize {
    plan.matches(part).count()
}

#[tokio::test]
async fn newest_page_merges_the_two_primary_keys() {
    let (_database, db) = many().await;
    let page = post::Entity::find_with_deleted()
        .order_by_desc(post::Column::Id)
        .limit(50);
    let plan = plan(&db, page.clone()).await;
    assert!(plan.contains("Merge Append"), "{plan}");
    assert_eq!(count(&plan, "Index Scan Backward using"), 2, "{plan}");
    assert_eq!(count(&plan, "Sort\n"), 0, "{plan}");
    assert_eq!(count(&plan, "Nested Loop"), 0, "{plan}");
    let found = page.all(&db).await.unwrap();
    let ids: Vec<_> = found.iter().map(|(post, _)| post.id).collect();
    assert_eq!(ids, (20050..20100).rev().collect::<Vec<_>>());
    assert!(
        found
            .iter()
            .all(|(post, deletion)| deletion.is_some() == (post.id % 2 == 0))
    );
}

#[tokio::test]
async fn one_row_is_searched_in_both_primary_keys() {
    let (_database, db) = many().await;
    let one = post::Entity::find_with_deleted().filter(post::Column::Id.eq(500));
    let plan = plan(&db, one.limit(1)).await;
    assert_eq!(count(&plan, "Index Cond: (id = "), 2, "{plan}");
    assert_eq!(count(&plan, "Seq Scan"), 0, "{plan}");
}

#[tokio::test]
async fn join_searches_both_primary_keys() {
    let (_database, db) = many().await;
    let joined = post::Entity::find_with_deleted()
        .find_also_related(user::Entity)
        .filter(post::Column::Id.is_in([500, 501]));
    let query = joined.build(DbBackend::Postgres).to_string();
    let plan = texts(&db, &format!("explain (costs off) {query}"))
        .await
        .join("\n");
    assert_eq!(count(&plan, "Index Cond: (id = ANY"), 2, "{plan}");
}

#[tokio::test]
async fn count_reads_each_table_once_and_no_column() {
    let (_database, db) = many().await;
    assert_eq!(
        post::Entity::find_with_deleted().count(&db).await.unwrap(),
        20_004
    );
    let query = post::Entity::find_with_deleted()
        .build(DbBackend::Postgres)
        .to_string();
    let explain =
        format!("explain (costs off, verbose) select count(*) from ({query}) as sub_query");
    let plan = texts(&db, &explain).await.join("\n");
    assert_eq!(count(&plan, " Scan "), 2, "{plan}");
    assert_eq!(
        count(&plan, " Only Scan ") + count(&plan, "Seq Scan "),
        2,
        "{plan}"
    );
    assert!(!plan.contains("slug") && !plan.contains("format"), "{plan}");
}

/// The columns of the deletion are constants in the active rows, so PostgreSQL does not read those.
#[tokio::test]
async fn filter_on_the_deletion_skips_the_active_table() {
    let (_database, db) = many().await;
    for filter in [
        deletion::Column::ArchivalId.is_not_null(),
        deletion::Column::ArchivalId.eq(500),
        deletion::Column::DeletedAt
            .into_expr()
            .lt(Expr::current_timestamp()),
    ] {
        let plan = plan(&db, post::Entity::find_with_deleted().filter(filter)).await;
        assert_eq!(count(&plan, "on posts"), 0, "{plan}");
    }
}

/// Bound parameters and a generic plan, as for a statement that a session has executed often.
#[tokio::test]
async fn generic_plan_is_the_same() {
    let (database, db) = many().await;
    let session = database.session("prepared").await.db();
    run(&session, "set plan_cache_mode = force_generic_plan").await;
    let page = post::Entity::find_with_deleted()
        .filter(post::Column::AuthorId.eq(1))
        .order_by_desc(post::Column::Id)
        .limit(50);
    let Statement { sql, .. } = page.build(DbBackend::Postgres);
    run(&session, &format!("prepare page as {sql}")).await;
    let plan = texts(&session, "explain (costs off) execute page (1, 50)")
        .await
        .join("\n");
    assert!(plan.contains("Merge Append"), "{plan}");
    assert_eq!(count(&plan, "Index Scan Backward using"), 2, "{plan}");
    assert_eq!(count(&plan, "Nested Loop"), 0, "{plan}");
    db.close().await.unwrap();
}
