//! What an erasure erases, and what it leaves.

use sea_orm::entity::prelude::*;
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::sql::{number, one, run, texts};

use super::people::{comment, people, person, post};

#[tokio::test]
async fn nothing_of_a_person_is_left_anywhere() {
    let database = people().await;
    let db = database.connect().await;
    let archival = post::Entity::archive_by_id(3)
        .by("1")
        .reason("asked for by ADA@example.org, Ada Lovelace")
        .metadata(serde_json::json!({"ticket": {"from": "ada@example.org"}, "n": 7}))
        .exec(&db)
        .await
        .unwrap();
    run(&db, "update persons set phone = '+44 20 9999' where id = 1; update comments set content = 'from Ada again' where id = 2").await;
    // A comment that is in the log alone.
    run(
        &db,
        "insert into comments values (9, 2, 1, 'soon gone'); delete from comments where id = 9",
    )
    .await;

    let preview = person::Entity::erase_by_id(1).preview(&db).await.unwrap();
    assert_eq!(number(&db, "select count(*) from archive.erasure").await, 0);
    assert_eq!(
        number(
            &db,
            "select count(*) from persons where email = 'ada@example.org'"
        )
        .await,
        1
    );

    let certificate = person::Entity::erase_by_id(1)
        .by(2)
        .reason("request 17")
        .exec(&db)
        .await
        .unwrap();
    assert!(certificate.is_complete(), "{certificate}");
    assert_eq!(preview.places, certificate.places);

    let pseudonym: Vec<String> = texts(&db, "select email from persons where id = 1").await;
    assert!(pseudonym[0].starts_with("erased-"), "{pseudonym:?}");
    assert_eq!(texts(&db, "select concat(name, ' ', coalesce(phone, 'none'), ' ', initials) from persons where id = 1").await, ["deleted user none d"]);
    assert_eq!(texts(&db, "select content from comments where author_id = 1 union all select content from deleted_comments where author_id = 1").await, ["[erased]", "[erased]"]);
    assert_eq!(
        texts(&db, "select content from comments where author_id = 2").await,
        ["from Bob"]
    );
    assert_eq!(texts(&db, "select file_name from attachments union all select file_name from deleted_attachments order by 1").await, ["bob.pdf", "erased", "erased"]);
    assert_eq!(
        texts(&db, "select person_id::text from sessions").await,
        ["2"]
    );
    assert_eq!(
        texts(&db, "select name from person_history order by person_id").await,
        ["deleted user", "Bob"]
    );
    let record = sea_orm_archive::archival::Entity::find_by_id(archival.id)
        .one(&db)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        record.reason.unwrap(),
        format!("asked for by {0}, {0}", pseudonym[0])
    );
    assert_eq!(
        record.metadata.unwrap(),
        serde_json::json!({"ticket": {"from": pseudonym[0]}, "n": 7})
    );
    for text in [
        "ada@",
        "Lovelace",
        "Byron",
        "+44",
        "from Ada",
        "soon gone",
        "ada.pdf",
        "old.pdf",
    ] {
        for (table, columns) in [
            ("audit_entry", "concat(old, new, whole, key, actor)"),
            (
                "archival",
                "concat(reason, metadata, archived_by, root_key)",
            ),
            ("erasure_value", "value"),
        ] {
            let sql =
                format!("select count(*) from archive.{table} where {columns} like '%{text}%'");
            assert_eq!(number(&db, &sql).await, 0, "{text} in {table}");
        }
    }
    assert_eq!(
        number(&db, "select count(*) from archive.erasure_row").await,
        0
    );
    // What is erased is still archived and restored.
    archival.restore(&db).await.unwrap();
    assert_eq!(
        post::Entity::find_by_id(3)
            .one(&db)
            .await
            .unwrap()
            .unwrap()
            .signature,
        None
    );
    assert_eq!(
        comment::Entity::find_by_id(3)
            .one(&db)
            .await
            .unwrap()
            .unwrap()
            .content,
        "[erased]"
    );
    // A read of an earlier time brings no value back.
    let first: DateTimeUtc = one(&db, "select min(at) from archive.audit_entry").await;
    let then = person::Entity::find_as_of(1, first)
        .one(&db)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (then.row.name.as_str(), then.row.email),
        ("deleted user", pseudonym[0].clone())
    );
}
