//! Default privileges that were set earlier: PostgreSQL grants them on each object at its creation, without a notice.
//! No object of the archive may be left with such a grant, neither to the application's role nor to PUBLIC.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, RuntimeErr, SqlxError};
use sea_orm_archive_migration::{
    ArchiveSchema, AuditSchema, HistorySchema, HistoryTable, StampSchema, TemporalForeignKey,
    Tenancy, TenancySchema,
};
use sea_orm_archive_tests::Database;
use sea_orm_migration::{SchemaManager, schema::text};
use serde_json::Value as Json;

use crate::audit::database::{json, run};

const SHOP: &str = "
    create table customers (id bigint primary key, org_id bigint not null default 1, email text);
    create table departments (id bigint primary key);
    create table staff (id bigint primary key, department_id bigint not null, hired_at timestamptz not null);";

/// The privileges of roles other than the owner on the schema of the archive and its objects. Ordinary functions are
/// left out: PUBLIC may call them, such as `actor_as`, which is the default of a column.
const GIVEN: &str = "
    select to_jsonb(concat_ws(' ', g.name, acl.privilege_type, acl.grantee::regrole)) from (
        select oid::regclass::text as name, relowner as owner, relacl as acl from pg_class where relnamespace = 'archive'::regnamespace
        union all select attrelid::regclass || '.' || attname, relowner, attacl from pg_attribute join pg_class as c on c.oid = attrelid
                  where relnamespace = 'archive'::regnamespace
        union all select 'schema', nspowner, nspacl from pg_namespace where nspname = 'archive'
        union all select oid::regproc::text, proowner, coalesce(proacl, acldefault('f', proowner)) from pg_proc
                  where pronamespace = 'archive'::regnamespace and (prosecdef or prorettype = 'trigger'::regtype)
    ) as g, aclexplode(g.acl) as acl where acl.grantee <> g.owner order by 1";

/// Every statement that writes to one of these or creates a trigger on it, except those that `grant_archive` allows.
const WRITES: &str = "
    select to_jsonb(w.statement) from pg_class as c, lateral (
        select quote_ident(attname) as name from pg_attribute
        where attrelid = c.oid and attnum > 0 and attidentity = '' and attgenerated = '' limit 1) as a, lateral (values
        ('insert', format('insert into %s default values', c.oid::regclass)),
        ('update', format('update %s set %s = null', c.oid::regclass, a.name)),
        ('delete', format('delete from %s', c.oid::regclass)),
        ('truncate', format('truncate %s', c.oid::regclass)),
        ('trigger', format('create trigger mine after insert on %s execute function forge()', c.oid::regclass))) as w (kind, statement)
    where c.relnamespace = 'archive'::regnamespace and c.relkind in ('r', 'p')
      and (c.relname, w.kind) not in (('archival', 'insert'), ('archival', 'update'), ('detached_link', 'insert'), ('detached_link', 'update'),
                                      ('detached_link', 'delete'))
    union all
    select to_jsonb(format('create trigger mine after insert on mine for each row execute function %s()', oid::regproc)) from pg_proc
    where pronamespace = 'archive'::regnamespace and prorettype = 'trigger'::regtype
    union all
    select to_jsonb(format('select setval(%L, 1)', oid::regclass)) from pg_class
    where relnamespace = 'archive'::regnamespace and relkind = 'S'
    union all
    select to_jsonb('create function archive.audit_text(value varchar) returns text return ''forged'''::text)";

struct Shop {
    database: Database,
    owner: DatabaseConnection,
    web: String,
}

impl Shop {
    /// A database whose owner, an ordinary role, grants everything that it creates to others by default.
    async fn open() -> Self {
        let database = Database::empty().await;
        let admin = database.connect().await;
        let (owner, web) = (database.role("owner").await, database.role("web").await);
        run(
            &admin,
            &format!(
                "create extension btree_gist; grant create on database \"{}\" to \"{owner}\";
                 grant all on schema public to \"{owner}\", \"{web}\"",
                database.name()
            ),
        )
        .await;
        let owner = database.connect_as("owner").await;
        let shop = Self {
            database,
            owner,
            web,
        };
        for (kind, to) in [
            ("tables", "with grant option"),
            ("sequences", "with grant option"),
            ("functions", "with grant option"),
            ("schemas", ""),
        ] {
            shop.give_away(&format!("grant all on {kind}"), to).await;
        }
        run(&shop.owner, SHOP).await;
        shop
    }

    async fn give_away(&self, what: &str, options: &str) {
        run(
            &self.owner,
            &format!(
                "alter default privileges {what} to public; alter default privileges {what} to \"{}\" {options}",
                self.web
            ),
        )
        .await;
    }

    fn manager(&self) -> SchemaManager<'_> {
        SchemaManager::new(&self.owner)
    }

    /// Creates every kind of object of the library, and checks after each that no such grant is left.
    async fn install(&self) {
        let manager = self.manager();
        manager.install_archive().await.unwrap();
        self.assert_private("install_archive").await;
        for what in ["tables", "sequences", "functions"] {
            self.give_away(&format!("in schema archive grant all on {what}"), "")
                .await;
        }
        manager.install_audit().await.unwrap();
        self.assert_private("install_audit").await;
        manager.audit_table("customers").await.unwrap();
        self.assert_private("audit_table").await;
        manager.archive_existing_table("customers").await.unwrap();
        self.assert_private("the archive table of an audited one")
            .await;
        manager.stamp_table("staff").await.unwrap();
        self.assert_private("stamp_table").await;
        manager
            .create_history_table(
                HistoryTable::new("department_history")
                    .identity("department_id", "departments")
                    .column(text("name")),
            )
            .await
            .unwrap();
        manager
            .create_temporal_foreign_key(
                TemporalForeignKey::new("staff", ["department_id"])
                    .at("hired_at")
                    .references("department_history"),
            )
            .await
            .unwrap();
        self.assert_private("create_temporal_foreign_key").await;
        manager
            .enable_tenancy(Tenancy::new("customers", "org_id"))
            .await
            .unwrap();
        manager.make_audit_partitions(6).await.unwrap();
        self.assert_private("make_audit_partitions").await;
    }

    async fn assert_private(&self, after: &str) {
        assert_eq!(self.given().await, Vec::<Json>::new(), "{after}");
    }

    async fn grant(&self) {
        self.manager().grant_archive(&self.web).await.unwrap();
        self.manager().grant_audit(&self.web).await.unwrap();
        let maintains = self.manager().grant_audit_maintenance(&self.web).await;
        maintains.unwrap();
    }

    async fn given(&self) -> Vec<Json> {
        json(&self.owner, GIVEN).await
    }
}

fn code(refused: &DbErr) -> Option<String> {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) =
        refused
    else {
        return None;
    };
    match error.as_ref() {
        SqlxError::Database(error) => error.code().map(Into::into),
        _ => None,
    }
}

#[tokio::test]
async fn default_privileges_are_revoked_from_new_objects() {
    let shop = Shop::open().await;
    shop.install().await;
    assert_eq!(sea_orm_archive::check(&shop.owner).await.unwrap(), []);
}

#[tokio::test]
async fn application_can_neither_write_to_the_log_nor_use_its_trigger_functions() {
    let shop = Shop::open().await;
    shop.install().await;
    shop.grant().await;
    let web = shop.database.connect_as("web").await;
    run(
        &web,
        "create table mine (id bigint); create function forge() returns trigger language plpgsql as 'begin return null; end'",
    )
    .await;
    // A partition that the application creates does not belong to it either.
    run(&web, "select archive.make_audit_partitions(9)").await;
    run(
        &web,
        "set app.current_org_id = '1'; insert into customers (id) values (1); update customers set email = 'a'",
    )
    .await;
    let writes = json(&shop.owner, WRITES).await;
    assert!(writes.len() > 100, "{writes:?}");
    for statement in writes {
        let statement = statement.as_str().unwrap();
        let refused = web.execute_unprepared(statement).await;
        let refused = refused.expect_err(statement);
        assert_eq!(
            code(&refused).as_deref(),
            Some("42501"),
            "{statement}: {refused}"
        );
    }
}

#[tokio::test]
async fn second_install_preserves_the_grants() {
    let shop = Shop::open().await;
    shop.install().await;
    shop.grant().await;
    let before = shop.given().await;
    assert!(!before.is_empty());
    shop.manager().install_archive().await.unwrap();
    shop.manager().install_audit().await.unwrap();
    assert_eq!(shop.given().await, before);
}

/// As an earlier release left it, which revoked nothing.
#[tokio::test]
async fn second_install_revokes_what_lets_others_write() {
    let shop = Shop::open().await;
    shop.install().await;
    shop.grant().await;
    let before = shop.given().await;
    run(
        &shop.owner,
        &format!(
            "grant insert, trigger on archive.audit_entry, archive.audit_details to public; grant all on archive.audit_move to \"{web}\";
             grant update (excluded) on archive.audited_table to \"{web}\"; grant truncate on archive.archived_table to \"{web}\" with grant option;
             grant all on archive.audit_entry_default to \"{web}\"; grant update on sequence archive.audit_entry_id_seq to \"{web}\";
             grant execute on function archive.audit_1() to \"{web}\"; grant select, insert, delete on archive.snapshot_probe to \"{web}\"",
            web = shop.web
        ),
    )
    .await;
    assert_ne!(shop.given().await, before);
    shop.manager().install_archive().await.unwrap();
    assert_eq!(shop.given().await, before);
}
