//! Versions to which rows refer stay.

use sea_orm_archive_migration::{
    ArchiveSchema, HistorySchema, HistoryTable, Retention, RetentionSchema, TemporalForeignKey,
};
use sea_orm_archive_tests::sql::{run, texts};
use sea_orm_migration::{SchemaManager, schema::string};

use super::{audit, database, history, label, left, previewed, purge};

#[tokio::test]
async fn version_of_a_time_to_which_a_row_refers_stays() {
    let (_database, db) = database().await;
    run(&db, &audit(1, 60)).await;
    assert_eq!((previewed(&db).await, purge(&db).await.versions), (2, 2));
    assert_eq!(left(&db).await, "BCDF");
    run(&db, "delete from user_audit").await;
    assert_eq!(purge(&db).await.versions, 1);
    assert_eq!(left(&db).await, "CDF");
}

/// The period of a version is half-open: the row at its end refers to the next one.
#[tokio::test]
async fn row_at_the_end_of_a_version_does_not_refer_to_it() {
    let (_database, db) = database().await;
    let at = |bound: &str| {
        format!(
            "truncate user_audit; insert into user_audit (department_id, changed_at) select 1, {bound} from department_history where name = 'B'"
        )
    };
    run(&db, &at("valid_from")).await;
    assert_eq!(purge(&db).await.versions, 2);
    assert_eq!(left(&db).await, "BCDF");
    run(&db, &at("valid_to")).await;
    assert_eq!(purge(&db).await.versions, 1);
    assert_eq!(left(&db).await, "CDF");
}

/// A foreign key to the row of a version deletes nothing, and refuses nothing.
#[tokio::test]
async fn version_to_whose_key_a_row_refers_stays() {
    let (_database, db) = database().await;
    run(&db, &label("A")).await;
    assert_eq!((previewed(&db).await, purge(&db).await.versions), (2, 2));
    assert_eq!(left(&db).await, "ACDF");
    assert_eq!(
        texts(&db, "select version_id::text from labels")
            .await
            .len(),
        1
    );
}

/// The restore of an archived row needs the version.
#[tokio::test]
async fn version_to_which_an_archived_row_refers_stays() {
    let (_database, db) = database().await;
    let manager = SchemaManager::new(&db);
    manager.archive_existing_table("user_audit").await.unwrap();
    run(
        &db,
        "insert into deleted_user_audit (id, department_id, changed_at, deleted_at, archival_id) values (7, 1, now() - interval '1440 hours', now(), 7)",
    )
    .await;
    assert_eq!((previewed(&db).await, purge(&db).await.versions), (2, 2));
    assert_eq!(left(&db).await, "BCDF");
    // Without the column every archived row may refer to the version.
    run(&db, "alter table deleted_user_audit drop changed_at").await;
    let all = Retention::days(0);
    manager
        .retain_versions("department_history", all)
        .await
        .unwrap();
    assert_eq!((previewed(&db).await, purge(&db).await.versions), (0, 0));
    run(&db, "delete from deleted_user_audit").await;
    assert_eq!(purge(&db).await.versions, 2);
}

#[tokio::test]
async fn versions_of_a_period_to_which_a_row_refers_stay() {
    let rows = "insert into versions (thing_id, name, valid_from, valid_to) values
             (1, 'A', '2000-01-01', '2001-01-01'), (1, 'B', '2001-01-01', '2002-01-01'), (1, 'C', '2002-01-01', '2003-01-01'),
             (1, 'D', '2003-01-01', '2004-01-01'), (1, 'E', '2004-01-01', null);
         create table members (thing_id bigint, since date, until date);
         insert into members values (1, '2001-01-01', '2003-01-01'), (null, '2000-01-01', null), (2, null, null)";
    let (_database, db) = history(HistoryTable::new("versions").dates(), rows).await;
    let manager = SchemaManager::new(&db);
    let members = TemporalForeignKey::new("members", ["thing_id"])
        .during("since", "until")
        .references("versions");
    manager.create_temporal_foreign_key(members).await.unwrap();
    let rule = Retention::days(10);
    manager.retain_versions("versions", rule).await.unwrap();
    assert_eq!((previewed(&db).await, purge(&db).await.versions), (2, 2));
    let names = "select name from versions order by name";
    assert_eq!(texts(&db, names).await.concat(), "BCE");
    run(&db, "update members set since = '2002-06-01', until = null where thing_id = 1 and until is null").await;
    run(&db, "delete from members where thing_id = 1; insert into members values (1, '2004-06-01', null)").await;
    assert_eq!(purge(&db).await.versions, 2);
}

/// A batch goes on behind versions that stay, and is no larger for it.
#[tokio::test]
async fn versions_that_stay_do_not_fill_a_batch() {
    let (_database, db) = database().await;
    let manager = SchemaManager::new(&db);
    let all = Retention::days(0);
    manager
        .retain_versions("department_history", all)
        .await
        .unwrap();
    run(&db, &audit(1, 150)).await;
    let purged = "select archive.purge_expired_versions(2)::text";
    assert_eq!(texts(&db, purged).await, ["2"]);
    assert_eq!(left(&db).await, "ACDF");
    run(&db, &audit(1, 30)).await;
    assert_eq!(texts(&db, purged).await, ["0"]);
}

/// The columns are compared with the operators of the key.
#[tokio::test]
async fn identity_with_a_key_of_two_columns_and_odd_names() {
    let (_database, db) = sea_orm_archive_tests::tables::tables(
        r#"create schema "Odd"; create table "Odd"."Things" ("the key" text collate "C", n int, primary key (n, "the key"));
           insert into "Odd"."Things" values ('x', 1), ('y', 1)"#,
        &[],
    )
    .await;
    let manager = SchemaManager::new(&db);
    let odd = HistoryTable::new(("Odd", "My Versions"))
        .identity_columns(["N", "Thing"], ("Odd", "Things"))
        .column(string("name"));
    manager.create_history_table(odd).await.unwrap();
    run(
        &db,
        r#"create table uses (n int, thing text collate "C", at timestamptz);
           insert into "Odd"."My Versions" ("N", "Thing", name, valid_from, valid_to) values
             (1, 'x', 'A', '2000-01-01Z', '2001-01-01Z'), (1, 'x', 'B', '2001-01-01Z', '2002-01-01Z'), (1, 'x', 'C', '2002-01-01Z', null),
             (1, 'y', 'D', '2000-01-01Z', '2001-01-01Z'), (1, 'y', 'E', '2001-01-01Z', '2002-01-01Z');
           insert into uses values (1, 'x', '2000-05-05Z')"#,
    )
    .await;
    let uses = TemporalForeignKey::new("uses", ["n", "thing"])
        .at("at")
        .references(("Odd", "My Versions"));
    manager.create_temporal_foreign_key(uses).await.unwrap();
    manager
        .retain_versions(("Odd", "My Versions"), Retention::days(9))
        .await
        .unwrap();
    assert_eq!((previewed(&db).await, purge(&db).await.versions), (2, 2));
    let names = r#"select name from "Odd"."My Versions" order by name"#;
    assert_eq!(texts(&db, names).await.concat(), "ACE");
}

#[tokio::test]
async fn versions_of_a_held_identity_stay() {
    let (_database, db) = database().await;
    for held in ["departments", "department_history"] {
        let hold =
            format!("select archive.place_hold(null, '{held}', '[\"1\"]', 'case 17', null, null)");
        run(&db, &hold).await;
        assert_eq!(previewed(&db).await, 0);
        let purged = purge(&db).await;
        assert_eq!(
            (purged.versions, purged.not_allowed),
            (0, vec!["public.department_history".to_owned()])
        );
        run(&db, "update archive.hold set released_at = now()").await;
    }
    assert_eq!(purge(&db).await.versions, 3);
}
