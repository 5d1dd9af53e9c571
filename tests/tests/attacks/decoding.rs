//! A value that the client cannot represent must not make reads fail.

use blog::post;
use sea_orm::prelude::DateTimeUtc;
use sea_orm::{EntityTrait, QueryOrder};
use sea_orm_archive::prelude::*;
use sea_orm_archive::{archival, audit};
use sea_orm_archive_migration::AuditedTable;
use serde_json::{Value as Json, json};

use crate::attacks::audited::{self, Audited};
use crate::attacks::blog::{blog, run};

/// JSON that `serde_json` cannot represent: a number, and a nesting.
fn beyond() -> [String; 2] {
    [
        format!("1{}", "0".repeat(400)),
        format!("{}{}", "[".repeat(200), "]".repeat(200)),
    ]
}

/// Writes an archival record without an archive, as a role with the rights may. It passes metadata, key and counts.
async fn record(db: &impl sea_orm::ConnectionTrait, value: &str) {
    let recorded = format!(
        "with drawn as materialized (select archive.draw_archivals(1) as drawn)
         select archive.record_archivals(drawn || '{{\"metadata\": {{\"n\": {value}, \"by\": \"web\"}}}}', '{{posts}}', now(),
             array[(drawn->'ids'->>0)::bigint], array['{{\"id\": {value}}}'::jsonb], array['{{\"public.posts\": 1, \"x\": {value}}}'::jsonb],
             array[null])
         from drawn"
    );
    run(db, &recorded).await;
}

#[tokio::test]
async fn records_with_json_that_serde_json_cannot_hold_are_listed_and_restored() {
    let (database, db) = blog().await;
    let web = database.connect_as("web").await;
    let archived = post::Entity::archive_by_id(1).exec(&web).await.unwrap();
    for value in beyond() {
        record(&web, &value).await;
        let records = archival::Entity::find().order_by_asc(archival::Column::Id);
        let records = records.all(&db).await.unwrap();
        assert_eq!(records[0].root_key, archived.root_key);
        let last = records.last().unwrap();
        assert_eq!(last.root_key, json!({"id": value}));
        assert_eq!(last.metadata, Some(json!({"n": value, "by": "web"})));
        assert_eq!(last.row_counts["x"], json!(value));
        assert_eq!(last.rows()["public.posts"], 1);
        // The result of a restore has the same value.
        run(
            &db,
            &format!("update archive.archival set metadata = '{value}', row_counts = row_counts || '{{\"x\": {value}}}' where id = {}", archived.id),
        )
        .await;
        let restored = archived.restore(&web).await.unwrap();
        assert_eq!(restored.archival.metadata, Some(Json::String(value)));
        run(
            &db,
            "update archive.archival set restored_at = null where id = 1",
        )
        .await;
        run(
            &web,
            "with moved as (delete from comments where post_id = 1 returning *)
             insert into deleted_comments (id, post_id, author_id, content, created_at, deleted_at, archival_id)
             select id, post_id, author_id, content, created_at, now(), 1 from moved;
             with moved as (delete from posts where id = 1 returning *)
             insert into deleted_posts (id, title, slug, content, author_id, created_at, deleted_at, archival_id)
             select id, title, slug, content, author_id, created_at, now(), 1 from moved",
        )
        .await;
    }
}

#[tokio::test]
async fn restore_returns_a_record_with_any_time() {
    let (database, db) = blog().await;
    let web = database.connect_as("web").await;
    let time = |text: &str| text.parse::<DateTimeUtc>().unwrap();
    for (written, read) in [
        ("200000-01-01Z", time("+200000-01-01T00:00:00Z")),
        ("0044-03-15 12:00:00Z BC", time("-0043-03-15T12:00:00Z")),
        ("294000-01-01Z", DateTimeUtc::MAX_UTC),
        ("infinity", DateTimeUtc::MAX_UTC),
        ("-infinity", DateTimeUtc::MIN_UTC),
    ] {
        let archived = post::Entity::archive_by_id(1).exec(&web).await.unwrap();
        run(
            &db,
            &format!(
                "update archive.archival set archived_at = '{written}' where id = {}",
                archived.id
            ),
        )
        .await;
        let restored = archived.restore(&web).await.unwrap();
        assert_eq!(restored.archival.archived_at, read, "{written}");
        run(
            &db,
            &format!("delete from archive.archival where id = {}", archived.id),
        )
        .await;
    }
}

#[tokio::test]
async fn entries_with_values_that_serde_json_cannot_hold_are_read() {
    let audited = Audited::new(
        "create table things (id int primary key, name text, amount numeric, doc jsonb)",
        vec![AuditedTable::new("things")],
        &[],
    )
    .await;
    let web = audited.database.session_as("web", "web").await.db();
    let [number, nested] = beyond();
    audited::run(
        &web,
        &format!(
            "insert into things values (1, 'a', 1, '{{}}'); update things set amount = {number}, name = 'b';
             update things set doc = '{nested}'; delete from things"
        ),
    )
    .await;
    let entries = audit::Entity::find().order_by_asc(audit::Column::Id);
    let entries = entries.all(&web).await.unwrap();
    let of = |n: usize| {
        let changes = entries[n].changes().into_iter();
        changes
            .map(|c| (c.column, c.old, c.new))
            .collect::<Vec<_>>()
    };
    let change = |column: &str, old: Json, new: Json| (column.to_owned(), Some(old), Some(new));
    assert_eq!(
        of(1),
        [
            change("amount", json!(1), json!(number)),
            change("name", json!("a"), json!("b"))
        ]
    );
    assert_eq!(of(2), [change("doc", json!({}), json!(nested))]);
    let row = json!({"id": 1, "name": "b", "amount": number, "doc": nested});
    assert_eq!(entries[3].old, Some(row));
    assert_eq!(entries[3].new, None);
}

#[tokio::test]
async fn details_that_serde_json_cannot_hold_are_read_with_their_entries() {
    let audited = Audited::new(
        "create table things (id int primary key)",
        vec![AuditedTable::new("things")],
        &[],
    )
    .await;
    let [number, _] = beyond();
    audited::run(
        &audited.web,
        &format!("begin; select archive.set_context('a', null, null, '{{\"metadata\": {number}}}'); insert into things values (1); commit"),
    )
    .await;
    audited::run(&audited.web, "insert into things values (2)").await;
    let entries = audit::Entity::find()
        .order_by_asc(audit::Column::Id)
        .find_also_related(audit::details::Entity)
        .all(&audited.web)
        .await
        .unwrap();
    let details: Vec<_> = entries
        .into_iter()
        .map(|(_, details)| details.map(|d| d.details))
        .collect();
    assert_eq!(details, [Some(json!({"metadata": number})), None]);
}

/// JSON that is as deep as `serde_json` reads, and deeper once it is inside of an answer.
#[tokio::test]
async fn metadata_of_any_depth_is_archived_and_restored() {
    let (database, db) = blog().await;
    let web = database.connect_as("web").await;
    for deep in [120, 126, 127, 128, 500] {
        let metadata = (0..deep).fold(json!(1.5), |inner, _| json!([inner]));
        let archived = post::Entity::archive_by_id(1).metadata(metadata.clone());
        let archived = archived.exec(&web).await.unwrap();
        let read = archival::Entity::find_by_id(archived.id)
            .one(&db)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(read.metadata, archived.metadata);
        let text = format!("{}1.5{}", "[".repeat(deep), "]".repeat(deep));
        let spelled = match archived.metadata.as_ref().unwrap() {
            Json::String(text) => text.clone(),
            value => value.to_string(),
        };
        assert_eq!(spelled, text);
        assert_eq!(
            archived.restore(&web).await.unwrap().archival.metadata,
            read.metadata
        );
    }
}

#[tokio::test]
async fn numbers_in_entries_have_the_digits_of_the_database() {
    let audited = Audited::new(
        "create table things (id int primary key, amount numeric, many numeric[], doc jsonb)",
        vec![AuditedTable::new("things")],
        &[],
    )
    .await;
    let web = audited.database.session_as("web", "web").await.db();
    let digits = "12345678901234567890.123456789";
    audited::run(
        &web,
        &format!("insert into things values (1, {digits}, '{{0.1,{digits}}}', '{{\"n\": [{digits}, 2.50]}}')"),
    )
    .await;
    let entry = audit::Entity::find().one(&web).await.unwrap().unwrap();
    let row =
        json!({"id": 1, "amount": digits, "many": [0.1, digits], "doc": {"n": [digits, 2.5]}});
    assert_eq!(entry.new, Some(row));
}
