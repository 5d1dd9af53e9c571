//! The policies and the guards of a table, and of every table that holds rows of it.

use sea_orm_archive_postgres::catalog::{Table, TableId};
use sea_orm_migration::DbErr;

use crate::{
    archive_table::partition,
    feature, guard,
    name::{self, literal, quote},
    table_names,
    tenancy::{
        archivals,
        column::{self, Compared},
        history, log,
        objects::{POLICIES, ROW_TRIGGERS, refresh_foreign_keys},
        options::Tenancy,
        register::{self, Member, Registered},
        remove, shared, temporal,
    },
    work::Work,
};

/// Puts a table under tenancy.
pub(crate) async fn enable(work: &Work, wanted: &Tenancy) -> Result<(), DbErr> {
    crate::archive_table::register::require(work).await?;
    if !register::is_installed(work).await? {
        return Err(DbErr::Migration(
            "the archive was installed by a version without tenancy: call `manager.install_archive()` again"
                .to_owned(),
        ));
    }
    feature::forget_dropped(work).await?;
    register::forget_dropped(work).await?;
    let table = work.existing_table(&name::table(&wanted.table)?).await?;
    table_names::follow(work, &table.id).await?;
    register::take_over(work, &table.id).await?;
    let table = work.existing_table(&table.id.sql()).await?;
    let number = verify(work, &table, wanted).await?;
    let before = register::find(work, &table.id).await?;
    let is_first = before.is_none();
    let left = before.filter(|before| before.column != wanted.column);
    if let Some(before) = &left {
        leave(work, &table.id, &before.column).await?;
    }
    register::put(work, &table.id, number, wanted).await?;
    for member in register::members(work, table.id.oid).await? {
        refuse_other_policies(work, &member, is_first).await?;
    }
    protect(work, &table, is_first || left.is_some()).await
}

/// Drops what was created for another tenant column.
async fn leave(work: &Work, table: &TableId, column: &str) -> Result<(), DbErr> {
    register::follow(work, table, column).await?;
    let members = register::members(work, table.oid).await?;
    for member in &members {
        remove::unprotect(work, member).await?;
    }
    remove::drop_objects(work, table, &members).await
}

/// Replaces the policies and guards of the tables under tenancy that `table` belongs to: it may have a new archive table or
/// other columns, or be a new history.
pub(crate) async fn refresh(work: &Work, table: &TableId) -> Result<(), DbErr> {
    if !register::is_installed(work).await? {
        return Ok(());
    }
    register::forget_dropped(work).await?;
    for origin in register::origins(work, table).await? {
        protect(work, &work.existing_table(&origin).await?, false).await?;
    }
    Ok(())
}

/// Lets a migration change rows of every tenant in `table`. [`refresh`] creates the guards again.
pub(crate) async fn lift_guards(work: &Work, table: &TableId) -> Result<(), DbErr> {
    if !register::is_installed(work).await? {
        return Ok(());
    }
    work.run_each(
        "SELECT pg_catalog.format('ALTER TABLE %s DISABLE TRIGGER %I', $2::text, tgname) AS statement
         FROM pg_catalog.pg_trigger
         WHERE tgrelid = $1::bigint::oid AND tgname::text = ANY ($3) AND EXISTS (
             SELECT FROM archive.tenancy_scope AS s WHERE s.relation = tgrelid)",
        [
            table.oid.into(),
            table.sql().into(),
            ROW_TRIGGERS.map(str::to_owned).to_vec().into(),
        ],
    )
    .await
}

/// Adds everything that tenancy needs on `table`. `is_new` is set where another column, or none, contained the tenant before.
async fn protect(work: &Work, table: &Table, is_new: bool) -> Result<(), DbErr> {
    let Some(registered) = register::find(work, &table.id).await? else {
        return Ok(());
    };
    register::follow(work, &table.id, &registered.column).await?;
    temporal::refuse_unseen(work, vec![table.id.oid]).await?;
    lift(work, table).await?;
    history::add_tenant_columns(work, &table.id, table, &registered.column).await?;
    let members = register::members(work, table.id.oid).await?;
    let tables = members.iter().map(|member| member.oid).collect();
    partition::refuse_tenancy(work, tables).await?;
    leave_to_administrator(work, table, &members, is_new).await?;
    for member in &members {
        protect_member(work, member, &registered).await?;
        register::record_objects(work, member.oid).await?;
    }
    shared::protect(work).await?;
    refresh_foreign_keys(work).await?;
    // They record the tenants of caught rows.
    guard::refresh_all(work).await?;
    table_names::note(work).await
}

/// Lets the migration see the rows of every tenant. [`protect_member`] and [`shared::protect`] force row-level security on
/// these tables again.
async fn lift(work: &Work, table: &Table) -> Result<(), DbErr> {
    let mut tables = shared::tables(work).await?;
    let members = register::members(work, table.id.oid).await?;
    tables.extend(members.into_iter().map(|member| member.name));
    work.unforce_all(tables).await.map(drop)
}

/// Leaves earlier archivals and entries of the audit log to the administrator. Later ones have the tenant of their rows.
async fn leave_to_administrator(
    work: &Work,
    table: &Table,
    members: &[Member],
    is_new: bool,
) -> Result<(), DbErr> {
    archivals::clear(work, &table.id, is_new).await?;
    for member in members.iter().filter(|member| member.is_whole()) {
        let member = work.existing_table(&member.name).await?;
        if log::follow(work, &member).await? || is_new {
            log::clear(work, &member.id).await?;
        }
    }
    Ok(())
}

async fn protect_member(
    work: &Work,
    member: &Member,
    registered: &Registered,
) -> Result<(), DbErr> {
    let name = &member.name;
    let missing = || {
        DbErr::Migration(format!(
            "{name} has no column \"{}\" of the same type, NOT NULL, as its table has: call \
             `manager.sync_archived_table(..)` first, or rename the column there, too",
            member.wanted.as_deref().unwrap_or(&registered.column)
        ))
    };
    let column = member.column.as_ref().ok_or_else(missing)?;
    let column = column::read(work, member.oid, column).await?;
    let column = column.ok_or_else(missing)?;
    let mut sql = format!(
        "ALTER TABLE {name} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;\n{}",
        policies(member, registered, &column.is_own)
    );
    let administrator = literal(registered.administrator.as_deref().unwrap_or_default());
    sql.push_str(&row_triggers(member, &column, &administrator));
    sql.push_str(&format!(
        "DROP TRIGGER IF EXISTS tenancy_guard_truncate ON {name};
         CREATE TRIGGER tenancy_guard_truncate BEFORE TRUNCATE ON {name}
             FOR EACH STATEMENT EXECUTE FUNCTION archive.tenancy_guard({administrator});
         ALTER TABLE {name} ENABLE ALWAYS TRIGGER tenancy_guard_truncate;"
    ));
    work.run(&sql).await
}

/// An archive table needs no guard against foreign keys, since none refers to it. But the tenant of an archived row must
/// not change: it is that of the archival.
fn row_triggers(member: &Member, column: &Compared, administrator: &str) -> String {
    let guard = format!("archive.tenancy_guard({administrator})");
    // An UPDATE that moves a row to another partition ends as an INSERT there.
    let given = match member.is_partitioned {
        true => "AFTER INSERT OR UPDATE",
        false => "AFTER UPDATE",
    };
    let triggers = if member.is_archived {
        vec![(
            "tenancy_guard_archived",
            "AFTER UPDATE",
            &column.is_given,
            "archive.tenancy_guard_archived()",
        )]
    } else {
        vec![
            (
                "tenancy_guard",
                "BEFORE DELETE OR UPDATE",
                &column.was_foreign,
                guard.as_str(),
            ),
            (
                "tenancy_guard_given",
                given,
                &column.is_foreign,
                guard.as_str(),
            ),
        ]
    };
    let name = &member.name;
    let mut sql = String::new();
    for (trigger, event, condition, function) in triggers {
        if !member.is_partition {
            sql.push_str(&format!(
                "DROP TRIGGER IF EXISTS {trigger} ON {name};
                 CREATE TRIGGER {trigger} {event} ON {name}
                     FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION {function};\n"
            ));
        }
        sql.push_str(&format!(
            "ALTER TABLE {name} ENABLE ALWAYS TRIGGER {trigger};\n"
        ));
    }
    sql
}

/// The policy of the administrator compares `current_user`, because TO also includes every member that inherits the rights
/// of the role: a member has to SET ROLE first. Functions that run as the owner, such as those of a temporal foreign
/// key, see every row when the administrator or a superuser calls them.
fn policies(member: &Member, registered: &Registered, is_own: &str) -> String {
    let name = &member.name;
    let mut sql: String = POLICIES
        .iter()
        .map(|policy| format!("DROP POLICY IF EXISTS {policy} ON {name};\n"))
        .collect();
    let administrator = literal(registered.administrator.as_deref().unwrap_or_default());
    // A subquery, so that PostgreSQL evaluates it once and not for every row.
    let for_all = format!("(SELECT archive.acts_for_all(nullif({administrator}, '')))");
    sql.push_str(&format!(
        "CREATE POLICY tenancy ON {name} USING ({is_own}) WITH CHECK ({is_own});
         CREATE POLICY tenancy_trusted ON {name} TO {owner} USING ({for_all}) WITH CHECK ({for_all});\n",
        owner = quote(&member.owner),
    ));
    if let Some(role) = &registered.administrator {
        let (to, is) = (quote(role), literal(role));
        sql.push_str(&format!(
            "CREATE POLICY tenancy_administration ON {name} TO {to}
                 USING (current_user OPERATOR(pg_catalog.=) {is}) WITH CHECK (current_user OPERATOR(pg_catalog.=) {is});\n",
        ));
    }
    sql
}

/// Checks that the table can be put under tenancy, and returns the number of the tenant column.
async fn verify(work: &Work, table: &Table, wanted: &Tenancy) -> Result<i16, DbErr> {
    let id = &table.id;
    let refuse = |reason: String| Err(DbErr::Migration(format!("{id} {reason}")));
    if id.schema == "archive" || id.schema.starts_with("pg_") {
        return refuse(
            "cannot be put under tenancy: it is not a table of the application".to_owned(),
        );
    }
    if table.is_partition {
        return refuse(
            "is a partition: put the partitioned table under tenancy, and its partitions are too"
                .to_owned(),
        );
    }
    if table.has_inheritors {
        return refuse(
            "has tables that inherit from it, which policies do not reach: use partitions"
                .to_owned(),
        );
    }
    if let Some(active) = crate::archive_table::register::active_of(work, id).await? {
        return refuse(format!(
            "is the archive table of {active}: put that under tenancy"
        ));
    }
    if crate::history::register::find(work, id).await?.is_some() {
        return refuse(
            "is a history: put the table of its identities under tenancy, and its versions are too"
                .to_owned(),
        );
    }
    let column = &wanted.column;
    let Some(found) = column::read(work, id.oid, column).await? else {
        return refuse(format!(
            "has no column \"{column}\" for the tenant of its rows: add it first"
        ));
    };
    if found.cuts {
        return refuse(format!(
            "has the tenant column \"{column}\", whose type truncates a longer tenant to another one: make it text"
        ));
    }
    if !found.not_null {
        return refuse(format!(
            "may have rows without a tenant, which no tenant would see: fill the column and run ALTER TABLE {} ALTER \
             COLUMN {} SET NOT NULL first",
            id.sql(),
            quote(column)
        ));
    }
    verify_administrator(work, table, wanted).await?;
    Ok(found.number)
}

async fn verify_administrator(work: &Work, table: &Table, wanted: &Tenancy) -> Result<(), DbErr> {
    let Some(role) = &wanted.administrator else {
        return Ok(());
    };
    let exists: bool = work
        .row(
            "SELECT pg_catalog.count(*) > 0 AS exists FROM pg_catalog.pg_roles WHERE rolname = $1",
            [role.as_str().into()],
        )
        .await?
        .try_get("", "exists")?;
    if !exists {
        return Err(DbErr::Migration(format!(
            "there is no role \"{role}\" to administer {}: create it first, with CREATE ROLE",
            table.id
        )));
    }
    let others = work
        .rows(
            "SELECT r.rolname::text AS role FROM archive.tenancy AS t JOIN pg_catalog.pg_roles AS r ON r.rolname = t.administrator
             WHERE r.rolname <> $1::text AND t.relation <> $2::bigint::oid LIMIT 1",
            [role.as_str().into(), table.id.oid.into()],
        )
        .await?;
    match others.first() {
        None => Ok(()),
        Some(other) => Err(DbErr::Migration(format!(
            "{} cannot have the administrator \"{role}\": that of the other tables is \"{}\", and all share the archival table \
             and the audit log; name the same role",
            table.id,
            other.try_get::<String>("", "role")?
        ))),
    }
}

/// Refuses other permissive policies: they are combined with OR, and would show rows that the policies of tenancy hide.
async fn refuse_other_policies(work: &Work, member: &Member, first: bool) -> Result<(), DbErr> {
    let ours: Vec<String> = match first && member.what == "table" {
        true => Vec::new(),
        false => POLICIES.map(str::to_owned).to_vec(),
    };
    let rows = work
        .rows(
            "SELECT pg_catalog.string_agg(pg_catalog.quote_ident(polname), ', ' ORDER BY polname) AS names
             FROM pg_catalog.pg_policy
             WHERE polrelid = $1::bigint::oid AND polpermissive AND polname::text <> ALL ($2)",
            [member.oid.into(), ours.into()],
        )
        .await?;
    let names: Option<String> = match rows.first() {
        Some(row) => row.try_get("", "names")?,
        None => None,
    };
    match names {
        None => Ok(()),
        Some(names) => Err(DbErr::Migration(format!(
            "{} has permissive policies that would show more than the rows of the tenant: {names}; drop them, or create \
             them AS RESTRICTIVE",
            member.name
        ))),
    }
}
