//! Periods, days, composite identities, partitions, corrections, and names that need quoting.

use sea_orm::DbErr;
use sea_orm_archive_migration::{HistorySchema, HistoryTable, TemporalForeignKey};

use crate::migration::database::{Migrated, assert_mentions, refused};
use crate::temporal::company::{company, department_history};

#[tokio::test]
async fn period_of_a_row_must_be_covered_without_a_gap() -> Result<(), DbErr> {
    let m = company().await;
    m.run(
        "insert into department_history (id, department_id, name, valid_from, valid_to) values
             (4, 3, 'a', '2024-01-01Z', '2024-02-01Z'), (5, 3, 'b', '2024-03-01Z', '2024-04-01Z');
         create table posts (id int primary key, dep int, starts timestamptz, ends timestamptz)",
    )
    .await;
    let posts = TemporalForeignKey::new("posts", ["dep"])
        .during("starts", "ends")
        .references("department_history")
        .name("posts_in_time");
    m.manager().create_temporal_foreign_key(posts).await?;
    m.run(
        "insert into posts values
             (1, 1, '2024-01-01Z', null), (2, 1, '2024-02-01Z', '2024-04-01Z'), (3, 3, '2024-01-01Z', '2024-02-01Z'),
             (4, 3, '2024-03-05Z', '2024-04-01Z'), (5, 2, '2024-03-05Z', 'infinity'), (6, null, '2000-01-01Z', null), (7, 3, null, null)",
    )
    .await;
    for (values, time) in [
        ("(9, 3, '2024-01-15Z', '2024-03-15Z')", "from 2024-01-15"),
        (
            "(9, 3, '2024-03-15Z', '2024-04-01 00:00:01Z')",
            "to 2024-04-01",
        ),
        ("(9, 3, '2024-03-15Z', null)", " on"),
        ("(9, 3, '2024-02-01Z', '2024-02-02Z')", "from 2024-02-01"),
        ("(9, 1, '2023-12-31Z', '2024-02-02Z')", "from 2023-12-31"),
        ("(9, 3, '2024-01-15Z', '2024-01-15Z')", "from 2024-01-15"),
        ("(9, 3, '2024-01-16Z', '2024-01-15Z')", "from 2024-01-16"),
    ] {
        let message = m
            .violates(&format!("insert into posts values {values}"))
            .await;
        assert!(
            message.contains("posts_in_time") && message.contains(time),
            "{message}"
        );
    }
    m.run("delete from user_audit").await;
    for sql in [
        "update department_history set valid_to = '2024-02-15Z' where id = 1",
        "update department_history set valid_from = '2024-01-02Z' where id = 1",
        "update department_history set valid_to = '2030-01-01Z' where id = 2",
        "update department_history set valid_to = '2024-03-31Z' where id = 5",
        "update department_history set valid_from = '2024-03-06Z' where id = 5",
        "delete from department_history where id = 4",
        "truncate department_history",
        "update posts set ends = null where id = 4",
    ] {
        m.violates(sql).await;
    }
    m.run(
        "update department_history set valid_from = '2024-03-05Z' where id = 5;
         update department_history set valid_to = '2025-01-01Z' where id = 5;
         update department_history set valid_to = '2024-05-01Z' where id = 5;
         with shorter as (update department_history set valid_to = '2024-02-15Z' where id = 1 returning 1)
         update department_history set valid_from = '2024-02-15Z' from shorter where id = 2;
         delete from posts where id <> 1",
    )
    .await;
    m.violates("delete from department_history where id = 2")
        .await;
    Ok(())
}

#[tokio::test]
async fn days_composite_identity_and_names_that_need_quoting() -> Result<(), DbErr> {
    let m = Migrated::with(
        r#"create schema "My {child}"; create schema "other's";
           create table "My {child}"."$archive$" (tenant int, "the ""key""" text, primary key (tenant, "the ""key"""));
           create table "other's"."ch\ild %s" ("i d" int, "Tenant" int, "{starts}" text, "w{n}" date, "until?" date,
               primary key ("i d", "Tenant"))"#,
    )
    .await;
    let history = HistoryTable::new(("My {child}", "h 'i' $archive$ {body}"))
        .identity_columns(["t", "k"], ("My {child}", "$archive$"))
        .dates()
        .valid_from("from")
        .valid_to("to");
    m.manager().create_history_table(history).await?;
    let child = || {
        TemporalForeignKey::new(("other's", "ch\\ild %s"), ["Tenant", "{starts}"])
            .references(("My {child}", "h 'i' $archive$ {body}"))
    };
    for _ in 0..2 {
        m.manager()
            .create_temporal_foreign_key(child().at("w{n}").name("at 'it' %s \"{name}\""))
            .await?;
        m.manager()
            .create_temporal_foreign_key(child().during("w{n}", "until?"))
            .await?;
    }
    m.run(
        r#"insert into "My {child}"."$archive$" values (1, 'a'), (1, 'b'), (2, 'a');
           insert into "My {child}"."h 'i' $archive$ {body}" (t, k, "from", "to") values
               (1, 'a', '2024-01-01', '2024-02-01'), (1, 'a', '2024-02-01', null), (2, 'a', '2024-05-01', null);
           insert into "other's"."ch\ild %s" values (1, 1, 'a', '2024-01-31', '2024-02-02'), (2, 2, 'a', '2024-05-01', null),
               (4, 9, null, '2000-01-01', null)"#,
    )
    .await;
    let message = m
        .violates(r#"insert into "other's"."ch\ild %s" values (5, 1, 'b', '2024-01-31', null)"#)
        .await;
    assert!(message.contains(r#"{"i d": 5, "Tenant": 1}"#), "{message}");
    assert!(
        message.contains(r#"{"Tenant": 1, "{starts}": "b"}"#),
        "{message}"
    );
    m.violates(r#"update "other's"."ch\ild %s" set "Tenant" = 2"#)
        .await;
    m.violates(r#"update "My {child}"."h 'i' $archive$ {body}" set k = 'b' where t = 1"#)
        .await;
    m.violates(r#"delete from "My {child}"."h 'i' $archive$ {body}" where "to" is not null"#)
        .await;
    m.violates(r#"truncate "My {child}"."h 'i' $archive$ {body}""#)
        .await;
    m.manager()
        .drop_temporal_foreign_key(("other's", "ch\\ild %s"), "at 'it' %s \"{name}\"")
        .await?;
    m.violates(r#"insert into "other's"."ch\ild %s" values (5, 1, 'b', '2024-01-31', null)"#)
        .await;
    m.manager()
        .drop_temporal_foreign_key(
            ("other's", "ch\\ild %s"),
            "ch\\ild %s_Tenant_{starts}_w{n}_until?_fkey",
        )
        .await?;
    m.run(r#"insert into "other's"."ch\ild %s" values (5, 1, 'b', '2024-01-31', null)"#)
        .await;
    m.manager()
        .drop_history_table(("My {child}", "h 'i' $archive$ {body}"))
        .await
}

#[tokio::test]
async fn existing_and_new_partitions_are_checked() -> Result<(), DbErr> {
    let m = company().await;
    m.run(
        "create table visits (id int, dep int, at timestamptz, primary key (id, at)) partition by range (at);
         create table visits_1 partition of visits for values from ('2023-01-01Z') to ('2024-02-01Z');
         create table visits_2 partition of visits for values from ('2024-02-01Z') to ('2025-01-01Z')",
    )
    .await;
    let visits = || {
        TemporalForeignKey::new("visits", ["dep"])
            .at("at")
            .references("department_history")
    };
    for _ in 0..2 {
        m.manager().create_temporal_foreign_key(visits()).await?;
    }
    m.run(
        "create table visits_3 partition of visits for values from ('2025-01-01Z') to ('2026-01-01Z');
         insert into visits values (1, 2, '2024-01-05Z'), (2, 2, '2024-03-05Z'), (3, 2, '2025-01-05Z')",
    )
    .await;
    for sql in [
        "insert into visits values (4, 2, '2023-12-05Z')",
        "insert into visits_1 values (4, 2, '2023-12-05Z')",
        "insert into visits_3 values (4, 3, '2025-12-05Z')",
        "update visits set at = '2023-12-31Z' where id = 2",
        "update visits_2 set dep = 3",
        "delete from department_history where id = 3",
        "update department_history set valid_to = '2025-01-01Z' where id = 3",
    ] {
        m.violates(sql).await;
    }
    m.run("update visits set at = '2024-01-07Z' where id = 2; update visits_1 set dep = dep")
        .await;
    let error = refused(
        m.manager()
            .create_temporal_foreign_key(
                TemporalForeignKey::new("visits_1", ["dep"])
                    .at("at")
                    .references("department_history"),
            )
            .await,
    );
    assert_mentions(&error, &["public.visits_1", "is a partition"]);
    m.manager()
        .drop_temporal_foreign_key("visits", "visits_dep_at_fkey")
        .await?;
    m.run("insert into visits values (4, 2, '2023-12-05Z')")
        .await;
    Ok(())
}

#[tokio::test]
async fn superseded_version_does_not_cover_a_row() -> Result<(), DbErr> {
    let m = company().await;
    m.run("create table units (id int primary key); insert into units values (1); create table notes (id int primary key, unit int, at timestamptz)").await;
    m.manager()
        .create_history_table(
            HistoryTable::new("unit_history")
                .identity("unit_id", "units")
                .bitemporal(),
        )
        .await?;
    m.manager()
        .create_temporal_foreign_key(
            TemporalForeignKey::new("notes", ["unit"])
                .at("at")
                .references("unit_history"),
        )
        .await?;
    m.run(
        "insert into unit_history (unit_id, valid_from, recorded_from, recorded_to) values (1, '2020-01-01Z', '2024-01-01Z', '2024-02-01Z');
         insert into unit_history (unit_id, valid_from) values (1, '2024-01-01Z');
         insert into notes values (1, 1, '2024-05-01Z')",
    )
    .await;
    m.violates("insert into notes values (2, 1, '2023-05-01Z')")
        .await;
    m.violates("update unit_history set recorded_to = clock_timestamp() + interval '1 s' where recorded_to is null").await;
    m.run(
        "with corrected as (update unit_history set recorded_to = clock_timestamp() + interval '1 s'
                            where recorded_to is null returning unit_id)
         insert into unit_history (unit_id, valid_from) select unit_id, '2024-04-01Z' from corrected;
         delete from unit_history where recorded_to is not null",
    )
    .await;
    m.violates(
        "with corrected as (update unit_history set recorded_to = clock_timestamp() + interval '1 s'
                            where recorded_to is null returning unit_id)
         insert into unit_history (unit_id, valid_from) select unit_id, '2024-05-02Z' from corrected",
    )
    .await;
    Ok(())
}

#[tokio::test]
async fn columns_of_other_types_are_refused() -> Result<(), DbErr> {
    let m = company().await;
    m.run("create table t (id int primary key, dep int, big bigint, day date, plain timestamp, at timestamptz)").await;
    let key = |column: &str| {
        TemporalForeignKey::new("t", [column.to_owned()]).references("department_history")
    };
    for (foreign_key, expected) in [
        (key("dep").at("day"), "\"day\" is date"),
        (key("dep").at("plain"), "\"plain\" is timestamp without"),
        (key("dep").during("at", "day"), "\"day\" is date"),
        (key("big").at("at"), "\"big\" is bigint"),
        (key("none").at("at"), "no column \"none\""),
        (key("dep"), ".at(..)"),
        (
            TemporalForeignKey::new("t", ["dep", "big"])
                .at("at")
                .references("department_history"),
            "2 column(s)",
        ),
        (
            TemporalForeignKey::new("t", ["dep"])
                .at("at")
                .references("departments"),
            "not registered as a history",
        ),
        (
            TemporalForeignKey::new("none", ["dep"])
                .at("at")
                .references("department_history"),
            "no table",
        ),
    ] {
        assert_mentions(
            &refused(m.manager().create_temporal_foreign_key(foreign_key).await),
            &[expected],
        );
    }
    Ok(())
}

/// The versions of a team refer to those of its department: a history can be a child table.
#[tokio::test]
async fn history_can_refer_to_a_history() -> Result<(), DbErr> {
    let m = company().await;
    m.run("create table teams (id int primary key); insert into teams values (1)")
        .await;
    m.manager()
        .create_history_table(
            HistoryTable::new("team_history")
                .identity("team_id", "teams")
                .column(sea_orm_migration::schema::integer("department_id")),
        )
        .await?;
    m.manager()
        .create_temporal_foreign_key(
            TemporalForeignKey::new("team_history", ["department_id"])
                .during("valid_from", "valid_to")
                .references("department_history"),
        )
        .await?;
    m.run("insert into team_history (team_id, department_id, valid_from) values (1, 2, '2024-05-01Z')").await;
    m.violates("update department_history set valid_to = '2025-01-01Z' where department_id = 2")
        .await;
    m.violates("update team_history set valid_from = '2023-05-01Z'")
        .await;
    m.manager().create_history_table(department_history()).await
}
