//! The helpdesk as a whole: adopted, restored, retained.

use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::prelude::*;
use sea_orm_archive_tests::sql::{count, run, texts};
use sea_orm_migration::SchemaManager;

use super::helpdesk::{TABLES, archivals, comment, helpdesk, marked, rows, ticket};

#[tokio::test]
async fn marked_rows_become_archivals_as_they_were_deleted() {
    let (_database, db) = helpdesk().await;
    let before = rows(&db, &TABLES).await;
    let manager = SchemaManager::new(&db);
    let preview = manager.preview_adopt(marked()).await.unwrap();
    assert_eq!(preview.problems, Vec::<String>::new());
    assert_eq!(rows(&db, &TABLES).await, before);
    assert_eq!(count(&db, "archive.archived_table").await, 0);

    let adopted = manager.adopt_soft_deleted(marked()).await.unwrap();
    assert_eq!(adopted, preview.adopted);
    assert_eq!(
        archivals(&db).await,
        [
            r#"public.tags {"id": 2} 2024-01-01 00:00:00 - - {"public.tags": 1, "public.ticket_tags": 1}"#,
            r#"public.comments {"id": 5} 2024-02-02 00:00:00 8 - {"public.comments": 1}"#,
            r#"public.tickets {"id": 2} 2024-03-03 10:00:00 7 spam {"public.tickets": 1, "public.comments": 2, "public.attachments": 1, "public.ticket_tags": 1}"#,
            r#"public.comments {"id": 6} 2024-04-04 00:00:00 8 - {"public.comments": 1, "public.attachments": 1}"#,
            r#"public.organisations {"id": 3} 2024-05-05 05:05:05.123456 8 - {"public.tickets": 1, "public.organisations": 1}"#,
            r#"public.organisations {"id": 4} 2024-06-06 00:00:00 - - {"public.organisations": 1}"#,
            r#"public.comments {"id": 7} 2024-08-08 00:00:00 8 - {"public.comments": 1}"#,
        ]
    );
    let tickets = &adopted.tables[1];
    assert_eq!((tickets.marked, tickets.unmarked, tickets.roots), (2, 0, 1));
    assert_eq!(
        tickets.replaced_indexes,
        ["tickets_number_key", "tickets_open"]
    );
    assert_eq!(tickets.dropped_indexes, ["tickets_deleted"]);
    assert_eq!(
        tickets.dropped_columns,
        ["deleted_at", "deleted_by", "delete_reason"]
    );
    assert_eq!(adopted.tables[5].unmarked, 2);
    assert_eq!(
        texts(&db, "select indexdef from pg_indexes where indexname in ('tickets_number_key', 'tickets_open', 'tags_name_key') order by 1").await,
        [
            "CREATE INDEX tickets_open ON public.tickets USING btree (subject) WHERE (number > 0)",
            "CREATE UNIQUE INDEX tags_name_key ON public.tags USING btree (name)",
            "CREATE UNIQUE INDEX tickets_number_key ON public.tickets USING btree (organisation_id, number)",
        ]
    );
    assert_eq!(
        texts(&db, "select concat(id, ' ', body, ' ', deleted_by, ' ', deleted_at at time zone 'UTC') from deleted_comments order by id").await,
        [
            "3 with the ticket 7 2024-03-03 10:00:00",
            "4 an answer  2024-03-03 10:00:00",
            "5 earlier 8 2024-02-02 00:00:00",
            "6 alone 8 2024-04-04 00:00:00",
            "7 later 8 2024-08-08 00:00:00",
        ]
    );
    assert_eq!(
        count(&db, "tickets where updated_at <> '2020-01-01Z'").await,
        0
    );

    // The same call again changes nothing.
    let again = manager.adopt_soft_deleted(marked()).await.unwrap();
    assert_eq!(again.rows(), 0);
    assert_eq!(sea_orm_archive::check(&db).await.unwrap(), []);
}

#[tokio::test]
async fn adopted_rows_are_restored_byte_for_byte() {
    let (_database, db) = helpdesk().await;
    let sql = "select (to_jsonb(t) - 'deleted_at' - 'deleted_by' - 'delete_reason')::text from tickets as t where id = 2
               union all select (to_jsonb(t) - 'deleted_at' - 'deleted_by')::text from comments as t where id in (3, 4) order by 1";
    let before = texts(&db, sql).await;
    SchemaManager::new(&db)
        .adopt_soft_deleted(marked())
        .await
        .unwrap();
    run(&db, "delete from tickets where id = 5").await;
    let restored = ticket::Entity::restore_by_id(2).exec(&db).await.unwrap();
    assert_eq!(restored.rows["public.comments"], 2);
    assert_eq!(texts(&db, sql).await, before);
    // Comment 5 was deleted earlier, so it is still deleted.
    assert_eq!(
        texts(&db, "select id::text from deleted_comments order by 1").await,
        ["5", "6", "7"]
    );
    // A row with two marked parents belongs to the archival of the first foreign key, which is that of the tag.
    assert_eq!(
        texts(
            &db,
            "select tag_id::text from ticket_tags where ticket_id = 2"
        )
        .await,
        ["1"]
    );
    comment::Entity::restore_by_id(5).exec(&db).await.unwrap();
    comment::Entity::restore_by_id(7).exec(&db).await.unwrap();
}
