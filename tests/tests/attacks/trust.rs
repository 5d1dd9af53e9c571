//! Code that the owner of a table attaches to it must not run as the owner of our functions when they query it.

use sea_orm::{ConnectionTrait, DatabaseConnection};
use sea_orm_archive_migration::{AuditedTable, HistorySchema, HistoryTable, TemporalForeignKey};
use serde_json::json;

use crate::attacks::audited::{Audited, json, run};

/// The code of mallory. A call with a constant argument runs while a query is planned.
const CODE: &str = "
    create sequence evil.ran_as_owner; grant usage on sequence evil.ran_as_owner to public;
    create function evil.f(v bigint) returns bigint immutable language plpgsql as $$
    begin
        -- A sequence is never rolled back.
        if current_user like '%owner' then perform nextval('evil.ran_as_owner'); end if;
        return v;
    end $$;
    create type evil.number as enum ('1');
    create function evil.cast(evil.number) returns bigint language sql as 'select evil.f(1)';
    create cast (evil.number as bigint) with function evil.cast(evil.number) as implicit;";

/// The tables of `sql`, archived and audited, and a role whose code is in the schema `evil`.
async fn open(sql: &str, archived: &[&'static str]) -> (Audited, DatabaseConnection) {
    let audited = Audited::empty().await;
    let mallory = audited.database.role("mallory").await;
    run(
        &audited.database.connect().await,
        &format!(
            "create schema evil authorization \"{mallory}\"; grant usage on schema evil to public;
             grant create on schema public to \"{mallory}\""
        ),
    )
    .await;
    let code = audited.database.connect_as("mallory").await;
    run(&code, CODE).await;
    run(&audited.owner, sql).await;
    let tables = archived.iter().copied().map(AuditedTable::new).collect();
    audited.audit(tables, archived).await;
    (audited, code)
}

impl Audited {
    /// Makes mallory the owner of a table. The owner of the archive may still do everything with its rows.
    async fn give(&self, table: &str) {
        let mallory = self.database.role("mallory").await;
        let owner = self.database.role("owner").await;
        let superuser = self.database.connect().await;
        run(
            &superuser,
            &format!(
                "alter table {table} owner to \"{mallory}\"; grant all on {table} to \"{owner}\""
            ),
        )
        .await;
    }

    /// Asserts that the application's statement is refused, and that no code of mallory ran as the owner.
    async fn refuses(&self, sql: &str, reason: &str) {
        let answer = self.web.execute_unprepared(sql).await;
        let ran = "select to_jsonb(is_called) from evil.ran_as_owner";
        let superuser = self.database.connect().await;
        assert_eq!(json(&superuser, ran).await, [json!(false)], "{sql}");
        let error = answer.expect_err(sql).to_string();
        assert!(error.contains(reason), "{sql}: {error}");
    }
}

const INDEX: &str = "create index on TABLE ((evil.f(1)))";

const CITIES: &str = "
    create table countries (code bigint primary key);
    create table cities (id bigint primary key, country bigint references countries deferrable initially deferred);
    insert into countries values (1), (2);";

const ROW: &str = "insert into deleted_cities values (1, 1, now(), null, 1)";

#[tokio::test]
async fn a_truncate_runs_no_code_of_the_owner_of_the_table() {
    for table in ["cities", "deleted_cities"] {
        let (audited, mallory) = open(CITIES, &["cities"]).await;
        audited.give(table).await;
        run(&mallory, &INDEX.replace("TABLE", table)).await;
        audited
            .refuses(&format!("truncate {table}"), "belongs to the role")
            .await;
    }
}

/// To mark the links of the rows that it deletes, a TRUNCATE queries the other table.
#[tokio::test]
async fn a_truncate_runs_no_code_of_the_owner_of_the_other_table() {
    let tables = "create table parents (id bigint primary key);
                  create table children (id bigint primary key, parent_id bigint references parents on delete set null)";
    for (given, truncated) in [
        ("children", "deleted_children"),
        ("deleted_children", "children"),
    ] {
        let (audited, mallory) = open(tables, &["parents", "children"]).await;
        run(
            &audited.owner,
            "insert into archive.detached_link values (1, 'children', '[1]', 'parent_id', '{\"parent_id\": 1}')",
        )
        .await;
        audited.give(given).await;
        run(&mallory, &INDEX.replace("TABLE", given)).await;
        audited
            .refuses(&format!("truncate {truncated}"), "belongs to the role")
            .await;
    }
}

const CHANGE: &str = "update countries set code = 3 where code = 1";

#[tokio::test]
async fn a_key_that_is_followed_runs_no_code_of_the_owner_of_the_other_table() {
    for table in ["cities", "deleted_cities"] {
        let (audited, mallory) = open(CITIES, &["cities"]).await;
        run(&audited.owner, ROW).await;
        audited.give(table).await;
        run(&mallory, &INDEX.replace("TABLE", table)).await;
        audited.refuses(CHANGE, "belongs to the role").await;
    }
}

/// The owner of the table is trusted, and uses a function of another role in it.
#[tokio::test]
async fn no_function_of_another_role_runs_in_a_query_of_a_trusted_table() {
    for (place, sql) in [
        ("index", INDEX),
        (
            "index",
            "create index on TABLE (id) where evil.f(1) > 0 and id > 0",
        ),
        (
            "statistics object",
            "create statistics s on (evil.f(1) + id) from TABLE",
        ),
        (
            "constraint",
            "alter table TABLE add check (evil.f(1) + id > 0) not valid",
        ),
        (
            "policy",
            "alter table TABLE enable row level security, force row level security;
             create policy p on TABLE using (evil.f(1) > 0)",
        ),
    ] {
        let (audited, _) = open(CITIES, &["cities"]).await;
        run(&audited.owner, ROW).await;
        run(&audited.owner, &sql.replace("TABLE", "deleted_cities")).await;
        // Creating it has called the function as the owner.
        run(
            &audited.database.connect().await,
            "select setval('evil.ran_as_owner', 1, false)",
        )
        .await;
        let reason = format!("{place} ");
        for attack in [CHANGE, "truncate deleted_cities"] {
            audited.refuses(attack, &reason).await;
            audited.refuses(attack, "of the role").await;
        }
    }
}

/// PostgreSQL 15 converts an empty table to a view when it gets an ON SELECT rule.
#[tokio::test]
async fn an_archive_table_that_became_a_view_is_not_queried() {
    let (audited, mallory) = open(CITIES, &["cities"]).await;
    audited.give("deleted_cities").await;
    run(
        &mallory,
        "do $$ declare dropped text; begin
             for dropped in select format('drop trigger %I on deleted_cities', tgname) from pg_trigger
                            where tgrelid = 'deleted_cities'::regclass and not tgisinternal loop execute dropped; end loop;
             alter table deleted_cities drop constraint deleted_cities_pkey;
             for dropped in select format('drop index %s', indexrelid::regclass) from pg_index
                            where indrelid = 'deleted_cities'::regclass loop execute dropped; end loop;
         end $$",
    )
    .await;
    run(&mallory, "vacuum deleted_cities").await;
    let rule = "create rule \"_RETURN\" as on select to deleted_cities do instead
                select v.id, v.country, v.deleted_at, v.deleted_by, v.archival_id
                from (select 1::bigint as id, 1::bigint as country, now() as deleted_at, null::DELETED_BY as deleted_by, 1::bigint as archival_id) as v
                where evil.f(1) > 0";
    let kind = "select to_jsonb(format_type(atttypid, atttypmod)) from pg_attribute
                where attrelid = 'deleted_cities'::regclass and attname = 'deleted_by'";
    let kind = json(&mallory, kind).await;
    let kind = kind[0].as_str().unwrap();
    let created = mallory
        .execute_unprepared(&rule.replace("DELETED_BY", kind))
        .await;
    let version = "select to_jsonb(current_setting('server_version_num')::int)";
    if json(&mallory, version).await[0].as_i64() >= Some(160_000) {
        created.expect_err("a view only by CREATE VIEW");
        return;
    }
    created.unwrap();
    audited.refuses(CHANGE, "is no longer a table").await;
}

/// If the followed key is part of the rows' own key, archived rows further below are checked.
#[tokio::test]
async fn a_key_that_is_followed_converts_no_column_of_a_table_further_below() {
    let tables = "create table roots (id bigint primary key, number bigint unique);
         create table parents (id bigint primary key references roots (number));
         create table children (id bigint primary key, parent_id bigint references parents);
         insert into roots values (1, 1)";
    for given in [true, false] {
        let (audited, mallory) = open(tables, &["parents", "children"]).await;
        run(
            &audited.owner,
            "insert into deleted_parents (id, deleted_at, archival_id) values (1, now(), 1);
             insert into deleted_children (id, parent_id, deleted_at, archival_id) values (11, 1, now(), 1)",
        )
        .await;
        let retype = "alter table deleted_children alter parent_id type evil.number using '1'";
        if given {
            audited.give("deleted_children").await;
            run(&mallory, retype).await;
        } else {
            run(&audited.owner, retype).await;
        }
        let reason = match given {
            true => "belongs to the role",
            false => "part of their own key",
        };
        audited
            .refuses("update roots set number = 2 where id = 1", reason)
            .await;
    }
}

#[tokio::test]
async fn a_temporal_foreign_key_runs_no_code_of_the_owners_of_its_tables() {
    let tables = "create table grades (id bigint primary key);
                  create table marks (id bigint primary key, grade_id bigint not null, at timestamptz not null)";
    for (given, attacks) in [
        ("grades", &[INSERT, SHORTEN, DELETE][..]),
        ("grade_history", &[INSERT, SHORTEN, DELETE]),
        ("marks", &[SHORTEN, DELETE, "truncate grade_history"]),
    ] {
        let (audited, mallory) = open(tables, &[]).await;
        let manager = audited.manager();
        run(
            &audited.database.connect().await,
            "create extension btree_gist",
        )
        .await;
        manager
            .create_history_table(
                HistoryTable::new("grade_history")
                    .identity("grade_id", "grades")
                    .column(sea_orm_migration::schema::text("name")),
            )
            .await
            .unwrap();
        manager
            .create_temporal_foreign_key(
                TemporalForeignKey::new("marks", ["grade_id"])
                    .at("at")
                    .references("grade_history"),
            )
            .await
            .unwrap();
        let web = audited.database.role("web").await;
        run(
            &audited.owner,
            &format!(
                "grant all on all tables in schema public to \"{web}\";
                 insert into grades values (1);
                 insert into grade_history (id, grade_id, name, valid_from) overriding system value values (1, 1, 'n', '2020-01-01Z');
                 insert into marks values (1, 1, '2021-01-01Z')"
            ),
        )
        .await;
        // This session has cached the plans of the triggers.
        run(&audited.web, "insert into marks values (2, 1, '2021-01-01Z'); update grade_history set valid_from = '2020-02-01Z'").await;
        let before = audited.database.session_as("web", "web").await.db();
        run(&before, "insert into marks values (3, 1, '2021-01-01Z'); update grade_history set valid_from = '2020-03-01Z'").await;
        audited.give(given).await;
        run(&mallory, &INDEX.replace("TABLE", given)).await;
        for attack in attacks {
            audited.refuses(attack, "belongs to the role").await;
            let refused = before.execute_unprepared(attack).await;
            let error = refused.expect_err(attack).to_string();
            assert!(error.contains("belongs to the role"), "{attack}: {error}");
        }
        audited.refuses(attacks[0], "belongs to the role").await;
    }
}

const INSERT: &str = "insert into marks values (9, 1, '2021-01-01Z')";
const SHORTEN: &str = "update grade_history set valid_from = '2022-01-01Z'";
const DELETE: &str = "delete from grade_history";

/// The owner of an archive table changes the type of `archival_id`, so that a comparison runs a cast of that owner.
#[tokio::test]
async fn the_end_of_a_restore_runs_no_code_of_the_owner_of_an_archive_table() {
    let (audited, mallory) = open(CITIES, &["cities"]).await;
    let web = audited.database.role("web").await;
    run(
        &audited.owner,
        &format!("grant insert on cities to \"{web}\"; grant insert, delete on deleted_cities to \"{web}\""),
    )
    .await;
    let archival = "with d as materialized (select archive.draw_archivals(1) as d)
         select to_jsonb(d->'ids'->0) from d, lateral archive.record_archivals(d, '{cities}', now(), array[(d->'ids'->>0)::bigint],
             array['{\"id\": 1}'::jsonb], array['{}'::jsonb], array[null]::text[])";
    let id = &json(&audited.owner, archival).await[0];
    audited.give("deleted_cities").await;
    run(
        &mallory,
        "alter table deleted_cities disable trigger user;
         alter table deleted_cities alter archival_id type evil.number using '1'::evil.number;
         alter table deleted_cities enable row level security",
    )
    .await;
    audited
        .refuses(
            &format!("select archive.finish_restores(array[{id}::bigint], 'me')"),
            "belongs to the role",
        )
        .await;
}

#[tokio::test]
async fn code_in_a_partition_key_is_not_trusted() {
    let (audited, _code) = open(
        "create table parts (id bigint) partition by range (evil.f(id))",
        &[],
    )
    .await;
    let query = audited
        .owner
        .execute_unprepared("select archive.require_trusted('parts')");
    let error = query.await.unwrap_err().to_string();
    assert!(error.contains("evil.f"), "{error}");
}
