//! Tenants.
use super::kit::no_raw;
use crate::tenancy::database::{EVERYTHING, Organisations, number, run, texts};
use crate::tenancy::model::{comment, post};
use sea_orm_archive::archival;
use sea_orm_archive::prelude::*;

async fn archived() -> Organisations {
    let organisations = Organisations::new().await;
    for org in [1, 2] {
        let txn = organisations.tenant(org).await;
        post::Entity::archive_by_id(org).exec(&txn).await.unwrap();
        txn.commit().await.unwrap();
    }
    organisations
}
/// Every row, as a superuser.
async fn all(organisations: &Organisations) -> Vec<String> {
    texts(&organisations.database.connect().await, EVERYTHING).await
}
/// Archived rows without an open archival.
async fn orphans(organisations: &Organisations) -> Vec<String> {
    let db = organisations.database.connect().await;
    texts(&db, "select t.w from (select archival_id, 'posts ' || id as w from deleted_posts union all select archival_id, 'comments ' || id from deleted_comments union all select archival_id, 'likes ' || id from deleted_likes
        union all select archival_id, 'tags ' || tag from deleted_post_tags) t where not exists (select from archive.archival a where a.id = t.archival_id and a.restored_at is null and a.purged_at is null)").await
}

#[tokio::test]
async fn an_administrator_moves_no_row_to_another_tenant() {
    let organisations = archived().await;
    let txn = organisations.administrator().await;
    let done = post::Entity::restore_by_id(1)
        .set(post::Column::OrgId, 2)
        .exec(&txn)
        .await;
    txn.commit().await.unwrap();
    let found = texts(&organisations.database.connect().await, "select 'active ' || id || ' ' || org_id from posts union all select 'archived ' || id || ' ' || org_id from deleted_posts").await;
    assert_eq!(
        orphans(&organisations).await,
        Vec::<String>::new(),
        "{found:?}"
    );
    if let Err(error) = &done {
        no_raw(error);
    }
}

#[tokio::test]
async fn an_administrator_moves_no_rows_to_another_tenant() {
    let organisations = archived().await;
    let txn = organisations.administrator().await;
    let done = post::Entity::restore_by_id(1)
        .set_every(comment::Column::OrgId, 2)
        .exec(&txn)
        .await;
    txn.commit().await.unwrap();
    assert_eq!(orphans(&organisations).await, Vec::<String>::new());
    if let Err(error) = &done {
        no_raw(error);
    }
}

#[tokio::test]
async fn a_tenant_moves_no_row_to_another_tenant() {
    let organisations = archived().await;
    let before = all(&organisations).await;
    for n in 0..2 {
        let txn = organisations.tenant(1).await;
        let restore = post::Entity::restore_by_id(1);
        let done = match n {
            0 => restore.set(post::Column::OrgId, 2),
            _ => restore.set_every(comment::Column::OrgId, 2),
        }
        .exec(&txn)
        .await;
        let error = done.unwrap_err();
        txn.commit().await.unwrap();
        assert_eq!(all(&organisations).await, before);
        no_raw(&error);
    }
}

#[tokio::test]
async fn another_tenant_finds_nothing() {
    let organisations = archived().await;
    let before = all(&organisations).await;
    let ids = texts(
        &organisations.database.connect().await,
        "select id::text from archive.archival where tenant = '2'",
    )
    .await;
    let id: i64 = ids[0].parse().unwrap();
    let txn = organisations.tenant(1).await;
    for error in [
        post::Entity::restore_by_id(2)
            .as_new()
            .exec(&txn)
            .await
            .unwrap_err(),
        post::Entity::restore_by_id(2)
            .as_part()
            .set(post::Column::Slug, "x")
            .exec(&txn)
            .await
            .unwrap_err(),
        comment::Entity::restore_by_id(12)
            .as_part()
            .set(comment::Column::PostId, 3)
            .exec(&txn)
            .await
            .unwrap_err(),
        archival::Entity::restore_by_id(id)
            .as_new()
            .with_parents()
            .exec(&txn)
            .await
            .unwrap_err(),
        archival::Entity::restore_by_id(id)
            .skip_conflicting()
            .exec(&txn)
            .await
            .unwrap_err(),
    ] {
        assert_eq!(error.http_status(), 404, "{error}");
    }
    let done = post::Entity::restore_many()
        .skip_conflicting()
        .rename(post::Column::Slug, "-{n}")
        .exec(&txn)
        .await
        .unwrap();
    assert_eq!(done.archivals.len(), 1);
    txn.rollback().await.unwrap();
    let forged = format!(
        "with d as materialized (select archive.draw_archivals(1) as d) select archive.record_parts(d.d, {id}, array['posts']::regclass[], array[(d.d->'ids'->>0)::bigint], array['{{}}']::jsonb[], array['{{}}']::jsonb[]) from d"
    );
    let txn = organisations.tenant(1).await;
    let _error = sea_orm::ConnectionTrait::execute_unprepared(&txn, &forged)
        .await
        .unwrap_err();
    drop(txn);
    assert_eq!(all(&organisations).await, before);
}

#[tokio::test]
async fn a_tenant_uses_every_policy() {
    let organisations = archived().await;
    let superuser = organisations.database.connect().await;
    let owner = &organisations.owner;
    let two = texts(&superuser, "select t::text from deleted_posts t where org_id = 2 union all select t::text from deleted_comments t where org_id = 2").await;
    let txn = organisations.tenant(2).await;
    run(
        &txn,
        "insert into posts (id, org_id, slug) values (50, 2, 'one')",
    )
    .await;
    txn.commit().await.unwrap();
    let _ = owner;
    // A slug of another tenant is taken, and the tenant does not see it.
    let txn = organisations.tenant(1).await;
    let done = post::Entity::restore_by_id(1)
        .rename(post::Column::Slug, "-{n}")
        .exec(&txn)
        .await;
    if let Err(error) = &done {
        no_raw(error);
    }
    txn.rollback().await.unwrap();
    let txn = organisations.tenant(1).await;
    run(&txn, "insert into comments values (11, 1, 3)").await;
    let done = post::Entity::restore_by_id(1)
        .set(post::Column::Slug, "free")
        .skip_conflicting()
        .exec(&txn)
        .await
        .unwrap();
    assert_eq!((done.stayed.len(), done.rows["public.comments"]), (1, 1));
    let record = archival::Entity::restore_by_id(done.stayed[0].archival.unwrap());
    run(&txn, "delete from comments where id = 11").await;
    let done = record.exec(&txn).await.unwrap();
    assert_eq!(done.archival.tenant.as_deref(), Some("1"));
    assert_eq!(done.rows["public.likes"], 1);
    txn.commit().await.unwrap();
    let now = texts(&superuser, "select t::text from deleted_posts t where org_id = 2 union all select t::text from deleted_comments t where org_id = 2").await;
    assert_eq!(now, two);
    assert_eq!(orphans(&organisations).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_tenant_copies_its_rows() {
    let organisations = archived().await;
    let superuser = organisations.database.connect().await;
    run(&superuser, "create sequence cs start 1000; create sequence ls start 1000; grant usage on cs, ls to public; alter table comments alter id set default nextval('cs'); alter table likes alter id set default nextval('ls'); select setval('posts_id_seq', 100)").await;
    let txn = organisations.tenant(1).await;
    let done = post::Entity::restore_by_id(1)
        .as_new()
        .exec(&txn)
        .await
        .unwrap();
    txn.commit().await.unwrap();
    assert_eq!(
        (
            done.rows["public.comments"],
            done.rows["public.likes"],
            done.rows["public.post_tags"]
        ),
        (2, 1, 1)
    );
    assert_eq!(done.archival.tenant.as_deref(), Some("1"));
    let txn = organisations.administrator().await;
    let done = post::Entity::restore_by_id(2)
        .as_new()
        .exec(&txn)
        .await
        .unwrap();
    assert_eq!(done.archival.tenant.as_deref(), Some("2"));
    txn.commit().await.unwrap();
    assert_eq!(
        number(
            &superuser,
            "select count(*) from posts where id > 100 and org_id = 2"
        )
        .await,
        1
    );
    assert_eq!(orphans(&organisations).await, Vec::<String>::new());
    let txn = organisations.administrator().await;
    let many = archival::Entity::restore_many()
        .rename(post::Column::Slug, "-{n}")
        .skip_conflicting();
    let preview = many.clone().preview(&txn).await.unwrap();
    let done = many.exec(&txn).await.unwrap();
    assert_eq!((done.archivals.len(), done.changes.len()), (2, 2));
    assert_eq!(preview.changes.len(), 2);
    txn.commit().await.unwrap();
}
