//! `rehearse` reports what triggers would do to the rows, and changes nothing.

use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::sql::run;
use serde_json::json;

use super::families::{contents, families, parent, suspend, with_function};

#[tokio::test]
async fn rehearsal_of_a_tree_without_triggers_is_exact() {
    let (_database, db) = families("").await;
    let before = contents(&db).await;
    let one = parent::Entity::archive_by_id(1)
        .rehearse(&db)
        .await
        .unwrap();
    assert!(one.is_exact() && one.other_tables.is_empty(), "{one:?}");
    assert_eq!((one.archivals, one.rows["public.children"]), (1, 2));
    let many = parent::Entity::archive_many().rehearse(&db).await.unwrap();
    assert!(many.is_exact(), "{many:?}");
    assert_eq!((many.archivals, many.rows["public.children"]), (2, 3));
    assert_eq!(contents(&db).await, before);
    let missing = parent::Entity::archive_by_id(9).rehearse(&db).await;
    assert!(matches!(missing, Err(Error::NotFound(_))), "{missing:?}");
}

#[tokio::test]
async fn rehearsal_lists_rows_that_differ_and_rows_that_are_added() {
    let body = "new.updated_at := '2030-01-01Z'; new.name := upper(new.name); return new;";
    let trigger = "trigger t before insert or update on parents for each row";
    let (_database, db) = with_function(body, &[trigger]).await;
    run(
        &db,
        "create function g() returns trigger language plpgsql as $$ begin insert into kept values (1000 + new.id, new.id); return null; end $$;
         create trigger g after insert on parents for each row execute function g();
         create table log (t text);
         create function h() returns trigger language plpgsql as $$ begin insert into log values (tg_op); return null; end $$;
         create trigger h after insert or delete on children for each row execute function h()",
    )
    .await;
    let before = contents(&db).await;
    let rehearsal = parent::Entity::archive_by_id(1)
        .rehearse(&db)
        .await
        .unwrap();
    assert!(!rehearsal.is_exact());
    let found: Vec<_> = rehearsal
        .differences
        .iter()
        .map(|d| (d.table.as_str(), &d.key, &d.archived, &d.restored))
        .collect();
    assert_eq!(
        found,
        [
            (
                "public.parents",
                &json!({"id": 1}),
                &json!({"name": "a", "updated_at": "2020-01-01 00:00:00+00"}),
                &json!({"name": "A", "updated_at": "2030-01-01 00:00:00+00"}),
            ),
            (
                "public.kept",
                &json!({"id": 1001}),
                &json!(null),
                &json!({"id": 1001})
            ),
        ]
    );
    let refused = rehearsal.refused.unwrap();
    assert!(refused.contains("t on public.parents"), "{refused}");
    suspend(&db, "parents", "t").await;
    suspend(&db, "parents", "g").await;
    let rehearsal = parent::Entity::archive_by_id(1)
        .rehearse(&db)
        .await
        .unwrap();
    assert!(rehearsal.is_exact(), "{rehearsal:?}");
    let log: Vec<_> = rehearsal
        .other_tables
        .iter()
        .map(|t| (t.table.as_str(), t.inserted, t.updated, t.deleted))
        .collect();
    assert_eq!(log, [("public.log", 4, 0, 0)]);
    assert_eq!(contents(&db).await, before);
}

#[tokio::test]
async fn rehearsal_reports_blocked_archives_and_errors_of_triggers() {
    let (_database, db) = with_function(
        "raise 'no inserting';",
        &["trigger t before insert on children for each row"],
    )
    .await;
    let rehearsal = parent::Entity::archive_by_id(1)
        .rehearse(&db)
        .await
        .unwrap();
    let refused = rehearsal.refused.unwrap();
    assert!(
        refused.contains("the trigger t on public.children raised P0001: no inserting"),
        "{refused}"
    );
    run(&db, "insert into kept values (1, 1)").await;
    let before = contents(&db).await;
    let rehearsal = parent::Entity::archive_by_id(1)
        .rehearse(&db)
        .await
        .unwrap();
    assert!(rehearsal.refused.unwrap().contains("public.kept"));
    assert_eq!(contents(&db).await, before);
}
