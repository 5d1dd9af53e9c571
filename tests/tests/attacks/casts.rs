//! Casts that the owner of a type defines must not run in functions that run as another role.

use sea_orm::{ConnectionTrait, EntityTrait};
use sea_orm_archive::AuditEntity;
use sea_orm_archive_migration::{
    AuditSchema, AuditedTable, HistorySchema, HistoryTable, TemporalForeignKey, Tenancy,
    TenancySchema,
};
use sea_orm_archive_tests::sql;
use serde_json::json;

use crate::attacks::audited::{Audited, json, pretend_to_move, run};

/// The types of a role that owns nothing else.
const TYPES: &str = "
    create type types.mood as enum ('low', 'high');
    create type types.pair as (mood types.mood, n int);
    create type types.moods as range (subtype = types.mood);
    create domain types.checked as types.mood check (value is not null);
    grant usage on type types.mood, types.pair, types.moods, types.checked to public;";

/// If a cast runs as another role, it deletes entries, forges one, and grants access to a table.
const CASTS: &str = "
    create sequence types.ran_as_owner; grant usage on sequence types.ran_as_owner to public;
    create function types.attack(what text) returns text language plpgsql as $$
    begin
        -- A sequence is never rolled back.
        if current_user like '%owner' then perform nextval('types.ran_as_owner'); end if;
        begin
            delete from archive.audit_entry;
            insert into archive.audit_entry (at, transaction_id, operation, table_name, actor, database_user)
                values (now(), 1, 'DELETE', 'public.notes', 'somebody else', 'somebody else');
            execute 'grant all on public.secrets to public';
        exception when insufficient_privilege then null;
        end;
        return what;
    end $$;
    create function types.as_text(types.mood) returns text language sql as $$ select types.attack('low') $$;
    create function types.as_json(types.mood) returns json language sql as $$ select types.attack('\"forged\"')::json $$;
    create function types.as_jsonb(types.mood) returns jsonb language sql as $$ select types.attack('\"forged\"')::jsonb $$;
    create function types.as_text(types.pair) returns text language sql as $$ select types.attack('(low,1)') $$;
    create function types.as_json(types.pair) returns json language sql as $$ select types.attack('\"forged\"')::json $$;
    create function types.as_text(types.moods) returns text language sql as $$ select types.attack('[low,high]') $$;
    create function types.as_json(types.moods) returns json language sql as $$ select types.attack('\"forged\"')::json $$;
    create function types.as_text(types.mood[]) returns text language sql as $$ select types.attack('{low}') $$;
    create function types.as_json(types.mood[]) returns json language sql as $$ select types.attack('\"forged\"')::json $$;
    create cast (types.mood as text) with function types.as_text(types.mood) as KIND;
    create cast (types.mood as json) with function types.as_json(types.mood) as KIND;
    create cast (types.mood as jsonb) with function types.as_jsonb(types.mood) as KIND;
    create cast (types.pair as text) with function types.as_text(types.pair) as KIND;
    create cast (types.pair as json) with function types.as_json(types.pair) as KIND;
    create cast (types.moods as text) with function types.as_text(types.moods) as KIND;
    create cast (types.moods as json) with function types.as_json(types.moods) as KIND;
    create cast (types.mood[] as text) with function types.as_text(types.mood[]) as KIND;
    create cast (types.mood[] as json) with function types.as_json(types.mood[]) as KIND;";

const TABLES: &str = "
    create table secrets (id int primary key);
    create table notes (
        id int primary key, mood types.mood not null, moods types.mood[], pair types.pair, range types.moods, checked types.checked,
        checks types.checked[], pairs types.pair[]);
    create table kinds (mood types.mood, pair types.pair, n int, primary key (mood, pair));
    create table teams (id int primary key, mood types.mood not null, n int);
    create table grades (mood types.mood primary key);
    create table marks (id int primary key, mood types.mood not null, at timestamptz not null);";

/// The contexts of the casts. If only the cast to text is implicit, an operator prefers it.
const KINDS: [&str; 3] = ["assignment", "implicit", "implicit to text"];

fn casts(kind: &str) -> String {
    let of_text = CASTS.replace("KIND", kind.split(' ').next().unwrap_or_default());
    let lines = of_text.lines().map(|line| match kind {
        "implicit to text" if !line.contains("as text)") => {
            line.replace("as implicit", "as assignment")
        }
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

async fn open() -> Audited {
    let audited = Audited::empty().await;
    let mallory = audited.database.role("mallory").await;
    run(
        &audited.database.connect().await,
        "create extension btree_gist",
    )
    .await;
    run(
        &audited.owner,
        &format!("create schema types; grant usage on schema types to public; grant create on schema types to \"{mallory}\""),
    )
    .await;
    let types = audited.database.connect_as("mallory").await;
    run(&types, TYPES).await;
    run(&audited.owner, TABLES).await;
    let tables = ["notes", "kinds", "teams"].map(AuditedTable::new).to_vec();
    audited.audit(tables, &["notes", "kinds", "teams"]).await;
    audited
}

const ROW: &str = "'low', '{low,high}', '(low,1)', '[low,high)', 'low', '{high}', '{\"(high,2)\"}'";

/// Everything that fires a trigger of the log.
async fn write_all(db: &impl ConnectionTrait, owner: &impl ConnectionTrait) {
    let insert =
        |ids: &str| format!("insert into notes select id, {ROW} from unnest(array[{ids}]) as id;");
    let writes = || {
        format!(
            "{} {}
             update notes set mood = 'high' where id = 1;
             update notes set moods = '{{low}}', pair = '(high,2)', range = '[low,low]', checked = 'high', checks = '{{low}}', pairs = null where id = 1;
             update notes set mood = 'high', pair = '(high,3)';
             update notes set id = id + 10 where id > 1;
             delete from notes where id = 1; delete from notes;
             insert into kinds values ('low', '(low,1)', 1), ('high', '(low,1)', 1);
             update kinds set n = 2 where mood = 'low'; update kinds set n = 3; update kinds set pair = '(high,2)'; delete from kinds;
             insert into teams values (1, 'low', 1), (2, 'low', 1);
             update teams set n = 2 where id = 1; update teams set n = 3; delete from teams where id = 1; delete from teams;
             {} truncate notes, kinds;",
            insert("1"),
            insert("2, 3"),
            insert("4"),
        )
    };
    run(db, &writes()).await;
    for (table, columns, change) in [
        (
            "notes",
            "id, mood, moods, pair, range, checked, checks, pairs",
            "mood = 'high'",
        ),
        ("kinds", "mood, pair, n", "n = 5"),
        ("teams", "id, mood, n", "n = 5"),
    ] {
        run(db, &insert("5, 6")).await;
        run(db, "insert into kinds values ('low', '(low,1)', 1); insert into teams values (1, 'low', 1)").await;
        let pretend = pretend_to_move(table, true);
        run(
            db,
            &format!(
                "begin; {pretend} with moved as (delete from {table} returning *)
                     insert into deleted_{table} ({columns}, deleted_at, archival_id) select *, now(), 1 from moved; commit;
                 update deleted_{table} set deleted_at = now(), {change};
                 begin; {pretend} with moved as (delete from deleted_{table} returning {columns}) insert into {table} ({columns}) select * from moved; commit;
                 delete from notes; delete from kinds; delete from teams"
            ),
        )
        .await;
    }
    // With a column that was added after the trigger functions were generated.
    for table in ["notes", "kinds", "teams"] {
        run(owner, &format!("alter table {table} add extra int")).await;
    }
    run(db, &writes()).await;
}

#[tokio::test]
async fn no_cast_of_another_role_runs_as_the_owner_of_the_log() {
    for kind in KINDS {
        let audited = open().await;
        let types = audited.database.connect_as("mallory").await;
        // The session sets its tenant, which is a mood here.
        let owner = audited.database.role("owner").await;
        // Its policies are created once, before or after the casts.
        let tenancy = || Tenancy::new("teams", "mood").administrator(&owner);
        if kind != "assignment" {
            audited.manager().enable_tenancy(tenancy()).await.unwrap();
        }
        run(&types, &casts(kind)).await;
        if kind == "assignment" {
            audited.manager().enable_tenancy(tenancy()).await.unwrap();
        }
        let web = audited.database.session_as("web", "web").await.db();
        run(
            &web,
            "select set_config('app.current_org_id', 'low', false)",
        )
        .await;
        let before = json(
            &audited.owner,
            "select to_jsonb(count(*)) from archive.audit_entry",
        )
        .await;
        assert_eq!(before, [json!(0)]);
        write_all(&web, &audited.owner).await;
        let ran = "select to_jsonb(is_called) from types.ran_as_owner";
        assert_eq!(json(&types, ran).await, [json!(false)], "{kind}");
        let secrets = "select to_jsonb(coalesce(relacl::text, '')) from pg_class where oid = 'secrets'::regclass";
        let acl = json(&audited.owner, secrets).await[0].to_string();
        assert!(!acl.contains("{=") && !acl.contains(",="), "{kind}: {acl}");
        let superuser = audited.database.connect().await;
        let forged = "select to_jsonb(count(*)) from archive.audit_entry
                      where actor = 'somebody else' or concat(key, old, new) like '%forged%' or tenant is distinct from 'low'";
        assert_eq!(json(&superuser, forged).await, [json!(0)], "{kind}");
        let written = "select to_jsonb(count(*) > 50) from archive.audit_entry";
        assert_eq!(json(&superuser, written).await, [json!(true)], "{kind}");
    }
}

#[tokio::test]
async fn no_cast_of_another_role_runs_as_the_owner_of_a_temporal_foreign_key() {
    for kind in KINDS {
        let audited = open().await;
        let manager = audited.manager();
        manager
            .create_history_table(
                HistoryTable::new("grade_history")
                    .identity("mood", "grades")
                    .column(sea_orm_migration::schema::text("name")),
            )
            .await
            .unwrap();
        manager
            .create_temporal_foreign_key(
                TemporalForeignKey::new("marks", ["mood"])
                    .at("at")
                    .references("grade_history"),
            )
            .await
            .unwrap();
        let types = audited.database.connect_as("mallory").await;
        let web = audited.database.role("web").await;
        run(
        &audited.owner,
        &format!(
            "grant all on all tables in schema public to \"{web}\"; grant usage on all sequences in schema public to \"{web}\";
             insert into grades values ('low'), ('high');
             insert into grade_history (mood, name, valid_from) values ('low', 'n', '2020-01-01Z');
             insert into marks values (1, 'low', '2021-01-01Z')"
        ),
    )
    .await;
        run(&types, &casts(kind)).await;
        for refused in [
            "insert into marks values (2, 'high', '2021-01-01Z')",
            "delete from grade_history",
            "update grade_history set valid_from = '2022-01-01Z'",
            "truncate grade_history",
        ] {
            let error = audited.web.execute_unprepared(refused).await.unwrap_err();
            // If the casts make an operator ambiguous, PostgreSQL itself refuses the write.
            assert!(
                error.to_string().contains("temporal foreign key")
                    || kind != "assignment" && error.to_string().contains("not unique"),
                "{kind}: {error}"
            );
        }
        let ran = "select to_jsonb(is_called) from types.ran_as_owner";
        assert_eq!(json(&types, ran).await, [json!(false)]);
    }
}

mod note {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
    #[sea_orm(rs_type = "String", db_type = "Enum", enum_name = "feeling")]
    pub enum Feeling {
        #[sea_orm(string_value = "low")]
        Low,
        #[sea_orm(string_value = "high")]
        High,
    }

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "entries")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub feeling: Feeling,
        pub feelings: Vec<Feeling>,
        pub n: i32,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

#[tokio::test]
async fn values_of_user_types_are_recorded_as_text_and_read_back() {
    let audited = Audited::new(
        "create type feeling as enum ('low', 'high'); create type pair as (feeling feeling, n int); create domain amount as numeric;
         create table entries (id int primary key, feeling feeling not null, feelings feeling[], pair pair, n int, numbers int[], amount amount)",
        vec![AuditedTable::new("entries")],
        &[],
    )
    .await;
    let db = &audited.web;
    run(
        db,
        "insert into entries values (1, 'low', '{low,high}', '(low,1)', 1, '{1,2}', 1.50)",
    )
    .await;
    let then = sql::clock(db).await;
    run(
        db,
        "update entries set feeling = 'high', feelings = '{}', pair = null, numbers = null, amount = 2",
    )
    .await;
    run(db, "update entries set n = 2").await;
    let values = json!({"id": 1, "feeling": "low", "feelings": "{low,high}", "pair": "(low,1)", "n": 1, "numbers": [1, 2], "amount": 1.50});
    let entries = audited.entries().await;
    assert_eq!(entries[0][4], values);
    assert_eq!(
        entries[1][3],
        json!({"feeling": "low", "feelings": "{low,high}", "pair": "(low,1)", "numbers": [1, 2], "amount": 1.50})
    );
    assert_eq!(entries[1][4]["pair"], json!(null));
    let was = note::Entity::find_as_of(1, then).one(db).await.unwrap();
    let was = was.unwrap().row;
    assert_eq!((was.feeling, was.n), (note::Feeling::Low, 1));
    assert_eq!(was.feelings, [note::Feeling::Low, note::Feeling::High]);
    let now = note::Entity::find_by_id(1).one(db).await.unwrap().unwrap();
    assert_eq!(now.feeling, note::Feeling::High);
    let changes = note::Entity::find_changes_of(1, note::Column::Feelings);
    assert_eq!(changes.all(db).await.unwrap().len(), 2);
    // The earlier value can be converted back to its type.
    let read = "select to_jsonb((jsonb_populate_record(null::entries, old)).pair) from archive.audit_entry where operation = 'UPDATE' and old ? 'pair'";
    assert_eq!(json(db, read).await, [json!({"feeling": "low", "n": 1})]);
}

/// The owner of an audited table, who is not the owner of the log, changes the types of its columns.
#[tokio::test]
async fn no_type_of_the_owner_of_an_archive_table_runs_code_as_the_owner_of_the_log() {
    let audited = Audited::new(
        "create table tags (id int primary key)",
        vec![AuditedTable::new("tags")],
        &["tags"],
    )
    .await;
    let alice = audited.database.role("alice").await;
    run(
        &audited.database.connect().await,
        &format!(
            "alter table tags owner to \"{alice}\"; alter table deleted_tags owner to \"{alice}\"; grant usage, create on schema public to \"{alice}\";
             create table ran (who name default current_user); grant all on ran to public"
        ),
    )
    .await;
    let owner = audited.database.connect_as("alice").await;
    run(
        &owner,
        "create type number as enum ('1');
         create function to_number(number) returns bigint language plpgsql as $$ begin insert into public.ran default values; return 1; end $$;
         create cast (number as bigint) with function to_number(number) as implicit;
         alter table deleted_tags alter archival_id type number using '1'",
    )
    .await;
    run(
        &audited.web,
        "insert into deleted_tags (id, deleted_at, archival_id) values (1, now(), '1'); update deleted_tags set deleted_at = now() - interval '1 day';
         delete from deleted_tags",
    )
    .await;
    assert_eq!(
        json(&audited.owner, "select to_jsonb(who) from ran")
            .await
            .len(),
        0
    );
    let entries = audited.entries().await;
    assert_eq!(entries.len(), 2, "{entries:?}");
}

/// A read of the log by key must not run the CHECK constraints of the column types.
#[tokio::test]
async fn no_check_of_a_table_owner_runs_as_a_reader_of_the_log() {
    let audited = Audited::new(
        "create domain code as char(3); create type pair as (a int, b int); create domain codes as text[];
         create table tags (code code, name varchar(5), n numeric(10, 2), pair pair, codes codes, other text, primary key (code, name, n, pair, codes));
         create table ran (who name default current_user); grant all on ran to public;
         insert into tags values ('a', 'b', 1.5, '(1,2)', '{a,b}', 'x')",
        vec![AuditedTable::new("tags")],
        &[],
    )
    .await;
    let auditor = audited.database.role("auditor").await;
    audited.manager().grant_audit(&auditor).await.unwrap();
    run(&audited.owner, "update tags set other = 'y'").await;
    run(
        &audited.owner,
        "create function evil(text) returns boolean language plpgsql as $$ begin insert into public.ran default values; return true; end $$;
         create domain other as text check (public.evil(value));
         alter table tags alter other type other;
         alter domain code add check (public.evil(value)); alter domain codes add check (public.evil(value[1]));
         delete from ran",
    )
    .await;
    let reader = audited.database.connect_as("auditor").await;
    let key = "archive.audit_key('public.tags', '{\"code\": \"a\", \"name\": \"b\", \"n\": \"1.5\", \"pair\": \"(1,2)\", \"codes\": \"{a,b}\"}')";
    let found = format!("select to_jsonb(count(*)) from archive.audit_entry where key = {key}");
    assert_eq!(json(&reader, &found).await, [json!(1)]);
    assert_eq!(
        json(&audited.owner, "select to_jsonb(who) from ran")
            .await
            .len(),
        0
    );
}
