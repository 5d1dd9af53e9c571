//! Keys, types and values that are not the usual ones.

use sea_orm::entity::prelude::Uuid;
use sea_orm_archive::erasure::PersonEntity;
use sea_orm_archive::prelude::*;
use sea_orm_archive::{Context, archival};
use sea_orm_archive_migration::{AuditSchema, ErasureSchema, PersonalData};
use sea_orm_archive_tests::sql::{all, count, one, run, texts};
use sea_orm_archive_tests::tables::tables;
use sea_orm_migration::SchemaManager;

use super::people::{people, person, post};
use super::{assert_gone, places};

mod account {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(schema_name = "Sales \"Dept\"", table_name = "Account")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub region: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub number: Uuid,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

#[tokio::test]
async fn composite_keys_quoted_names_and_partitions_are_erased() {
    let (_database, db) = tables(
        r#"create schema "Sales ""Dept""";
           create collation blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
           create type mood as enum ('glad', 'sad'); create domain word as text;
           create table "Sales ""Dept"""."Account" (region text, number uuid, "E-Mail" text collate blind, code char(30), mood mood, word word, settings jsonb, tags text[],
               primary key (region, number));
           create table "Order Lines" (at date not null, id bigint not null, "Region" text, "Number" uuid, "Note" text, primary key (at, id)) partition by range (at);
           create table lines_1 partition of "Order Lines" for values from ('2026-01-01') to ('2026-02-01');
           create table lines_2 partition of "Order Lines" default"#,
        &["Order Lines"],
    )
    .await;
    let manager = SchemaManager::new(&db);
    manager.install_audit().await.unwrap();
    manager.audit_table("Order Lines").await.unwrap();
    let account = ("Sales \"Dept\"", "Account");
    manager
        .declare_personal_data(
            account,
            PersonalData::of_person()
                .pseudonym("E-Mail")
                .pseudonym("code")
                .constant("mood", "sad")
                .constant("word", "it's \\ none")
                .constant("settings", "{}")
                .constant("tags", "{}")
                .identifying(["E-Mail", "code"]),
        )
        .await
        .unwrap();
    manager
        .declare_personal_data(
            "Order Lines",
            PersonalData::belongs_to(account, ["Region", "Number"]).constant("Note", "x"),
        )
        .await
        .unwrap();
    let number = "00000000-0000-0000-0000-00000000000a";
    run(
        &db,
        &format!(
            r#"insert into "Sales ""Dept""" ."Account" values ('n/o''rth', '{number}', 'Eve@example.org', 'code of eve', 'glad', 'w', '{{"a": "eve"}}', '{{eve}}'),
                   ('south', '{number}', 'mia@example.org', 'code of mia', 'glad', 'w', '{{}}', null);
               insert into "Order Lines" values ('2026-01-05', 1, 'n/o''rth', '{number}', 'by Eve one'), ('2026-03-05', 2, 'n/o''rth', '{number}', 'by Eve two'),
                   ('2026-01-05', 3, 'south', '{number}', 'for EVE@EXAMPLE.ORG'), ('2026-01-05', 4, 'n/o''rth', '{number}', 'by Eve, log alone');
               delete from "Order Lines" where id = 4"#
        ),
    )
    .await;
    let key = || ("n/o'rth".to_owned(), Uuid::parse_str(number).unwrap());
    let certificate = account::Entity::erase_by_id(key()).exec(&db).await.unwrap();
    assert_eq!(
        certificate.found().into_iter().collect::<Vec<_>>(),
        [("public.Order Lines.Note".to_owned(), 1)]
    );
    assert_eq!(
        texts(&db, r#"select "Note" from "Order Lines" order by id"#).await,
        ["x", "x", "for EVE@EXAMPLE.ORG"]
    );
    assert_eq!(texts(&db, r#"select concat(mood, word, settings, tags) from "Sales ""Dept""" ."Account" where region <> 'south'"#).await, ["sadit's \\ none{}{}"]);
    assert_gone(&db, &["by eve", "code of eve"]).await;
    assert_eq!(
        count(
            &db,
            "archive.audit_entry where concat(old, new) ilike '%eve@%'"
        )
        .await,
        0
    );
    // The same person has the same pseudonym, and nothing is left to erase.
    let again = account::Entity::erase_by_id(key()).exec(&db).await.unwrap();
    assert_eq!(
        (again.places, again.erasure.searched),
        (Vec::new(), Some(0))
    );
    assert_eq!(
        texts(&db, "select distinct pseudonym from archive.erasure")
            .await
            .len(),
        1
    );
}

#[tokio::test]
async fn values_with_special_characters_are_found_and_replaced_everywhere() {
    let database = people().await;
    let db = database.connect().await;
    let long = "L".repeat(9000);
    let odd = [
        "a.*b+(c)[d]{e}|f^g$h?",
        "O'Brien \"Bo\" \\ Jr.",
        "Zoë Łukasz 李小龍 🙂",
        "tab\tand\nnewline",
        "100%",
        "_under_score_",
        "***:x y",
    ];
    for (index, value) in odd.iter().chain([&long.as_str()]).enumerate() {
        let id = 100 + index;
        let value = value.replace('\'', "''");
        run(
            &db,
            &format!(
                "insert into persons (id, email, name) values ({id}, 'p{id}@example.org', E'{}')",
                value.replace('\\', "\\\\")
            ),
        )
        .await;
        let literal = format!("E'mail: {} end'", value.replace('\\', "\\\\"));
        run(&db, &format!("insert into archive.archival (root_table, root_key, archived_at, row_counts, tables, reason, metadata) values ('x', '{{}}', now(), '{{}}', '{{}}', {literal}, jsonb_build_object('deep', jsonb_build_array({literal}), {literal}, 1))")).await;
        let certificate = person::Entity::erase_by_id(i64::try_from(id).unwrap())
            .exec(&db)
            .await
            .unwrap();
        assert!(certificate.is_complete(), "{certificate}");
        let reason: String = one(
            &db,
            "select concat(reason, metadata) from archive.archival order by id desc limit 1",
        )
        .await;
        if value.len() > 200 {
            assert_eq!(certificate.erasure.not_searched, Some(1));
        } else {
            assert_eq!(reason.matches("erased-").count(), 3, "{value}: {reason}");
        }
    }
}

#[tokio::test]
async fn thousands_of_values_are_found() {
    let database = people().await;
    let db = database.connect().await;
    run(
        &db,
        "update persons set name = 'Ada Number ' || n from generate_series(1, 1500) n where false;
         insert into person_history (person_id, name, valid_from, valid_to) select 1, 'Nickname ' || n, '1900-01-01'::timestamptz + n * interval '1 day', '1900-01-02'::timestamptz + n * interval '1 day' from generate_series(1, 1500) n;
         insert into archive.archival (root_table, root_key, archived_at, row_counts, tables, reason) select 'x', '{}', now(), '{}', '{}', 'Nickname ' || n || ' and Nickname 15000' from generate_series(1, 1500) n",
    )
    .await;
    let certificate = person::Entity::erase_by_id(1).exec(&db).await.unwrap();
    assert!(certificate.is_complete(), "{certificate}");
    assert_eq!(
        count(&db, "archive.archival where reason ~ 'Nickname [0-9]+ and'").await,
        0
    );
    assert_eq!(
        count(
            &db,
            "archive.archival where reason ~ '^erased-[0-9a-f]{16} and Nickname 15000$'"
        )
        .await,
        1500
    );
}

/// A value that is also a column name, a label of an enumeration or a number leaves the entries of others as they are.
#[tokio::test]
async fn common_words_do_not_break_the_entries_of_others() {
    let database = people().await;
    let db = database.connect().await;
    run(
        &db,
        "insert into persons (id, email, name, phone) values (50, 'author_id', 'content', '100');
         insert into comments values (100, 1, 2, 'about the content of 100 posts')",
    )
    .await;
    let before: Vec<String> = texts(&db, "select concat(key, old, jsonb_object_keys(new)) from archive.audit_entry where table_name = 'public.comments' order by id, 1").await;
    person::Entity::erase_by_id(50).exec(&db).await.unwrap();
    assert_eq!(texts(&db, "select concat(key, old, jsonb_object_keys(new)) from archive.audit_entry where table_name = 'public.comments' order by id, 1").await, before);
    assert_eq!(count(&db, "archive.audit_entry where key = '{\"id\": 100}' and new->>'id' = '100' and new->>'author_id' = '2'").await, 1);
    // It is a whole word within a text of another person, and is replaced there.
    assert_eq!(count(&db, "archive.audit_entry where new->>'content' ~ '^about the erased-\\w+ of erased-\\w+ posts$'").await, 1);
}

/// The address is the actor of archives, requests and stamps.
#[tokio::test]
async fn actors_and_details_of_requests_are_erased() {
    let database = people().await;
    let db = database.connect().await;
    for (actor, address) in [
        ("ada@example.org", "10.1.1.1"),
        ("1", "10.1.1.2"),
        ("2", "10.1.1.3"),
    ] {
        let txn = Context::new()
            .actor(actor)
            .client_address(address.parse::<std::net::IpAddr>().unwrap())
            .user_agent("agent of ada@example.org")
            .begin(&db)
            .await
            .unwrap();
        run(
            &txn,
            &format!(
                "update posts set title = 'changed {}' where id = 2",
                address.trim_start_matches("10.1.1.")
            ),
        )
        .await;
        txn.commit().await.unwrap();
    }
    post::Entity::archive_by_id(2)
        .by("ada@example.org")
        .exec(&db)
        .await
        .unwrap();
    archival::Entity::hold_by_id(1, "asked for by Ada Lovelace")
        .by("ada@example.org")
        .exec(&db)
        .await
        .unwrap();
    run(&db, "update archive.hold set released_at = now(), released_by = 'ada@example.org', release_reason = 'Ada Lovelace'").await;
    let certificate = person::Entity::erase_by_id(1).exec(&db).await.unwrap();
    assert!(certificate.is_complete(), "{certificate}");
    assert_gone(&db, &["ada@", "lovelace", "10.1.1.2"]).await;
    assert_eq!(
        count(&db, "deleted_posts where deleted_by like 'erased-%'").await,
        1
    );
    // The details of a request of Bob's lose the mention alone.
    assert_eq!(
        places(&db, "10.1.1.3").await,
        ["archive.audit_details.details"]
    );
}

#[tokio::test]
async fn person_without_a_row() {
    let database = people().await;
    let db = database.connect().await;
    run(&db, "insert into persons (id, email, name) values (60, 'gone@example.org', 'Gone'); delete from persons where id = 60").await;
    let certificate = person::Entity::erase_by_id(60).exec(&db).await.unwrap();
    assert!(certificate.is_complete(), "{certificate}");
    assert_gone(&db, &["gone@example.org"]).await;
}

/// Every column of the schema that can contain text of an application is searched, or is known to contain none.
#[tokio::test]
async fn every_text_column_of_the_schema_is_searched_or_contains_no_text_of_applications() {
    let database = people().await;
    let db = database.connect().await;
    let not_searched = texts(
        &db,
        "select concat(c.relname, '.', a.attname) from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
         where c.relnamespace = 'archive'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
           and a.atttypid in ('text'::regtype, 'varchar'::regtype, 'jsonb'::regtype, 'json'::regtype, 'text[]'::regtype, 'jsonb[]'::regtype, 'bytea'::regtype)
           and not exists (select from archive.text_columns() t where t.relation = c.oid and t.item = a.attname)
         order by concat(c.relname, '.', a.attname) collate \"C\"",
    )
    .await;
    let expected: Vec<&str> = NOT_SEARCHED.split_whitespace().collect();
    assert_eq!(not_searched, expected);
    let searched: Vec<String> = all(
        &db,
        "select concat(name, '.', item) from archive.text_columns() order by 1",
    )
    .await;
    assert!(
        searched.contains(&"archive.archival.reason".to_owned()) && searched.len() > 20,
        "{searched:?}"
    );
}

/// Names of tables and columns, states, values that exist while an erasure goes on, and rows that are never committed (`caught`).
const NOT_SEARCHED: &str = "
    archival.hooks archival.purge_policy archival.purged_rows archival.root_table archival.row_counts archival.tenant
    archived_table.adopted archived_table.place audit_details.tenant audit_entry.database_user audit_entry.erased
    audit_entry.operation audit_entry.redacted audit_entry.table_name audit_entry.tenant audit_move.digest audit_move.keys
    audit_move.operation audited_table.archive_table_shape audited_table.column_names audited_table.ever_excluded
    audited_table.excluded_names audited_table.known_names audited_table.known_place audited_table.redacted_names audited_table.shape
    audited_table.table_name audited_table.tenant_name caught.actor caught.key caught.reason caught.tenant context_setting.meaning
    context_setting.name detached_link.edge detached_link.place detached_link.tenant erased_place.item erased_place.place
    erased_place.rule erasure.found erasure.pseudonym erasure.state erasure.subject_key erasure.subject_table erasure.tenant
    erasure.unread erasure_row.key erasure_value.digest erasure_value.value event.kind event.root_table event.row_counts event.tenant
    event_consumer.name event_consumer.tenant guarded_table.links guarded_table.shape history_table.place hold.held_table hold.tenant
    personal_data.logged personal_data.place personal_data.replacements retention.metadata retention.name retention.subject
    retention.tenant signing_key.key temporal_foreign_key.place tenancy_object.definition tenancy_object.kind";

/// Functions of PostgreSQL take 100 arguments.
#[tokio::test]
async fn more_than_a_hundred_columns_are_erased() {
    let columns = |of: &str| {
        let columns = (1..=120).map(|n| of.replace('?', &n.to_string()));
        columns.collect::<Vec<_>>().join(", ")
    };
    let (_database, db) = tables(
        &format!(
            "create table persons (id bigint primary key, {}); insert into persons values (1, {})",
            columns("c? text"),
            columns("'value ?'")
        ),
        &["persons"],
    )
    .await;
    let manager = SchemaManager::new(&db);
    let names = || (1..=120).map(|n| format!("c{n}"));
    let rule = names().fold(PersonalData::of_person(), |rule, name| {
        rule.constant(name, "[erased]")
    });
    manager
        .declare_personal_data("persons", rule.identifying(names()))
        .await
        .unwrap();
    let certificate = person::Entity::erase_by_id(1).exec(&db).await.unwrap();
    assert!(certificate.is_complete());
    assert_eq!(certificate.places.len(), 120);
    let row = texts(&db, "select persons::text from persons").await;
    assert!(!row[0].contains("value"), "{row:?}");
}
