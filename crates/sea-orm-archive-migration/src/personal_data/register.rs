//! `archive.personal_data`: which columns contain personal data, and how rows belong to a person.

use sea_orm_archive::erasure::{PersonalData, Replacement};
use sea_orm_archive_postgres::catalog::{Column, Table};
use sea_orm_migration::DbErr;

use crate::{
    archive_table,
    name::{self, literal},
    table_names,
    work::{Work, database_message},
};

/// How long a pseudonym is.
const PSEUDONYM: i32 = 23;

/// Writes the rule for a table. It replaces the one with the same parent and links.
pub(crate) async fn declare(work: &Work, name: &str, data: &PersonalData) -> Result<(), DbErr> {
    archive_table::register::require(work).await?;
    let table = table(work, name).await?;
    if data.parent.is_none() {
        let key = format!("SELECT archive.require_person_key({})", table.id.oid);
        work.run(&key).await?;
    }
    let parent = match &data.parent {
        Some(parent) => Some(parent_of(work, &table, &name::table(parent)?, data).await?),
        None => None,
    };
    check(work, &table, data).await?;
    let mut replacements = Vec::new();
    let mut logged = Vec::new();
    for (column, replacement) in &data.columns {
        let column = column_of(&table, column)?;
        let (exact, json) = match replacement {
            Replacement::Constant(value) => constant(work, &table, column, value).await?,
            _ => (None, "null".to_owned()),
        };
        replacements.push(exact.map_or("NULL".to_owned(), |exact| literal(&exact)));
        logged.push(format!("{}::pg_catalog.jsonb", literal(&json)));
    }
    let array =
        |items: &[String], of: &str| format!("ARRAY[{}]::pg_catalog.{of}[]", items.join(", "));
    let names = |names: &mut dyn Iterator<Item = &String>| {
        array(&names.map(|name| literal(name)).collect::<Vec<_>>(), "name")
    };
    let links = names(&mut data.links.iter());
    let columns = names(&mut data.columns.iter().map(|(name, _)| name));
    let flags = |is: &dyn Fn(&(String, Replacement)) -> bool| {
        let flags: Vec<_> = data
            .columns
            .iter()
            .map(|column| is(column).to_string())
            .collect();
        array(&flags, "bool")
    };
    let (oid, parent) = (
        table.id.oid,
        parent.map_or("NULL".to_owned(), |parent| parent.id.oid.to_string()),
    );
    let sql = format!(
        "INSERT INTO archive.personal_data (relation, parent, link_columns, columns, numbers, place, replacements, logged, pseudonyms, identifying, deletes_rows, acts)
         VALUES ({oid}::pg_catalog.oid, {parent}::pg_catalog.oid, {links}, {columns}, coalesce(archive.numbers_of({oid}, {links} || {columns}), '{{}}'), archive.place_of({oid}),
                 {}, {}, {}, {}, {}, {})
         ON CONFLICT (relation, parent, link_columns) DO UPDATE
         SET columns = EXCLUDED.columns, numbers = EXCLUDED.numbers, place = EXCLUDED.place, replacements = EXCLUDED.replacements, logged = EXCLUDED.logged,
             pseudonyms = EXCLUDED.pseudonyms, identifying = EXCLUDED.identifying, deletes_rows = EXCLUDED.deletes_rows, acts = EXCLUDED.acts",
        array(&replacements, "text"),
        array(&logged, "jsonb"),
        flags(&|(_, replacement)| *replacement == Replacement::Pseudonym),
        flags(&|(name, _)| data.identifying.contains(name)),
        data.deletes_rows,
        data.is_actor,
    );
    work.run(&sql).await?;
    table_names::note(work).await
}

async fn table(work: &Work, name: &str) -> Result<Table, DbErr> {
    let missing = || {
        DbErr::Migration(format!(
            "there is no table {name} whose personal data could be declared: create it first"
        ))
    };
    let table = work.table(name).await?.ok_or_else(missing)?;
    table_names::follow(work, &table.id).await?;
    table_names::follow_rules(work, &table.id).await?;
    let table = work.table(&table.id.sql()).await?.ok_or_else(missing)?;
    if table.key.is_empty() {
        return Err(DbErr::Migration(format!(
            "{} has no primary key, by which an erasure finds its rows: add one first",
            table.id
        )));
    }
    let is_archive = format!("archive_table::oid = {}", table.id.oid);
    if work.count("archive.archived_table", &is_archive).await? > 0 {
        return Err(DbErr::Migration(format!(
            "{} is an archive table: declare the personal data of its table, which is for both",
            table.id
        )));
    }
    Ok(table)
}

/// The table that rows of `table` refer to. It has to have a rule, so that the rules lead to a person.
async fn parent_of(
    work: &Work,
    table: &Table,
    name: &str,
    data: &PersonalData,
) -> Result<Table, DbErr> {
    let refused = |problem: String| Err(DbErr::Migration(problem));
    let Some(parent) = work.table(name).await? else {
        return refused(format!(
            "{} cannot belong to {name}, which does not exist",
            table.id
        ));
    };
    let has_rule = format!("relation::oid = {}", parent.id.oid);
    if parent.id.oid == table.id.oid {
        return refused(format!(
            "rows of {0} cannot belong to rows of {0}: name the table of the persons",
            table.id
        ));
    } else if work.count("archive.personal_data", &has_rule).await? == 0 {
        return refused(format!(
            "{} cannot belong to {1}, whose personal data is not declared: declare it first, with `PersonalData::of_person()` if its rows \
             are persons",
            table.id, parent.id
        ));
    } else if parent.key.len() != data.links.len() {
        return refused(format!(
            "{} is linked to {1} by ({2}), and the primary key of {1} has {3} columns: name one column for each",
            table.id,
            parent.id,
            data.links.join(", "),
            parent.key.len()
        ));
    }
    let key: Vec<_> = parent.key.iter().map(|key| &key.name).collect();
    if !data.refers_to.is_empty() && data.refers_to.iter().ne(key.iter().copied()) {
        return refused(format!(
            "the relation of {} refers to ({}) of {}, and a rule to the columns of its primary key, in their order",
            table.id,
            data.refers_to.join(", "),
            parent.id
        ));
    }
    check_links(table, &parent, data)?;
    let above = format!(
        "relation::oid = {} AND parent::oid = {}",
        parent.id.oid, table.id.oid
    );
    match work.count("archive.personal_data", &above).await? {
        0 => Ok(parent),
        _ => refused(format!(
            "rows of {0} belong to rows of {1}, so those of {1} cannot belong to {0}",
            parent.id, table.id
        )),
    }
}

/// Refuses columns of another type than those of the key that they refer to.
fn check_links(table: &Table, parent: &Table, data: &PersonalData) -> Result<(), DbErr> {
    for (link, key) in data.links.iter().zip(&parent.key) {
        let column = column_of(table, link)?;
        if column.sql_type != key.sql_type {
            return Err(DbErr::Migration(format!(
                "the column {link} of {} is of the type {}, and {} of {} of the type {}: they have to be of the same type",
                table.id, column.sql_type, key.name, parent.id, key.sql_type
            )));
        }
    }
    Ok(())
}

fn column_of<'a>(table: &'a Table, name: &str) -> Result<&'a Column, DbErr> {
    let missing = || {
        DbErr::Migration(format!(
            "{} has no column {name}, so it could not be erased",
            table.id
        ))
    };
    table.column(name).ok_or_else(missing)
}

/// Refuses what an erasure could not do.
async fn check(work: &Work, table: &Table, data: &PersonalData) -> Result<(), DbErr> {
    let id = &table.id;
    let refuse = |problem: String| Err(DbErr::Migration(problem));
    if data.is_actor && (data.parent.is_some() || table.key.len() != 1) {
        return refuse(format!(
            "`.is_actor()` is for the persons themselves, where they have a primary key of one column: leave it out for {id}"
        ));
    } else if let Some(unknown) = data
        .identifying
        .iter()
        .find(|name| data.columns.iter().all(|(column, _)| column != *name))
    {
        return refuse(format!(
            "the column {unknown} of {id} is identifying, and nothing says what it is replaced with: add `.null(..)`, `.constant(..)` or `.pseudonym(..)`"
        ));
    }
    for (name, replacement) in &data.columns {
        check_column(work, table, data, name, replacement).await?;
    }
    refuse_computed(work, table, data).await
}

/// Refuses what an erasure could not replace in one column.
async fn check_column(
    work: &Work,
    table: &Table,
    data: &PersonalData,
    name: &String,
    replacement: &Replacement,
) -> Result<(), DbErr> {
    let id = &table.id;
    let refuse = |problem: String| Err(DbErr::Migration(problem));
    let column = column_of(table, name)?;
    let identifies = data.identifying.contains(name);
    if identifies && !is_single_value(work, column).await? {
        return refuse(format!(
            "the column {name} of {id} is of the type {}, of which an erasure does not search for single values elsewhere: leave it out of `.identifying(..)`",
            column.sql_type
        ));
    } else if table.key.iter().any(|key| key.name == *name) {
        return refuse(format!(
            "the column {name} of {id} is part of the primary key, which cannot be erased: use `.delete_rows()`, or a key without personal data"
        ));
    } else if column.generated {
        return refuse(format!(
            "the column {name} of {id} is generated: declare the columns that it is computed from"
        ));
    } else if is_link(work, table, name, data).await? {
        return refuse(format!(
            "the column {name} of {id} links rows to a person, which an erasure needs to find them: leave it out, or use `.delete_rows()`"
        ));
    } else if *replacement == Replacement::Null && column.not_null {
        return refuse(format!(
            "the column {name} of {id} is NOT NULL: use `.constant(..)` or `.pseudonym(..)`"
        ));
    } else if *replacement == Replacement::Pseudonym && !is_text(work, column).await? {
        return refuse(format!(
            "the column {name} of {id} is of the type {}, which does not take a pseudonym of {PSEUDONYM} characters: use `.null(..)` or `.constant(..)`",
            column.sql_type
        ));
    } else if *replacement != Replacement::Null
        && (data.parent.is_some() || *replacement != Replacement::Pseudonym)
        && is_unique(work, table, name).await?
    {
        return refuse(format!(
            "the column {name} of {id} is in a unique index, and several rows would get the same value: use `.null(..)`, or `.delete_rows()`"
        ));
    }
    Ok(())
}

/// Refuses a generated column that could not be erased in the archive table.
async fn refuse_computed(work: &Work, table: &Table, data: &PersonalData) -> Result<(), DbErr> {
    let id = &table.id;
    let computed = work
        .rows(
            "SELECT g.attname::text AS name FROM pg_catalog.pg_attribute AS g JOIN pg_catalog.pg_attrdef AS f ON f.adrelid = g.attrelid AND f.adnum = g.attnum
             JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND d.objid = f.oid AND d.refobjid = g.attrelid
             JOIN pg_catalog.pg_attribute AS a ON a.attrelid = g.attrelid AND a.attnum = d.refobjsubid
             JOIN archive.archived_table AS r ON r.active = g.attrelid
             WHERE g.attrelid = $1::bigint::oid AND g.attgenerated <> '' AND g.attnotnull AND a.attname::text = ANY ($2)",
            [id.oid.into(), data.columns.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>().into()],
        )
        .await?;
    match computed.first() {
        Some(row) => Err(DbErr::Migration(format!(
            "the generated column {} of {id} is computed from personal data and is NOT NULL, so it could not be erased in the archive table: drop the NOT NULL of both",
            row.try_get::<String>("", "name")?
        ))),
        None => Ok(()),
    }
}

/// Whether a column links rows of the table to another one, by this rule or another.
async fn is_link(
    work: &Work,
    table: &Table,
    column: &str,
    data: &PersonalData,
) -> Result<bool, DbErr> {
    let other = format!(
        "relation::oid = {} AND {}::name = ANY (link_columns)",
        table.id.oid,
        literal(column)
    );
    Ok(data.links.iter().any(|link| link == column)
        || work.count("archive.personal_data", &other).await? > 0)
}

/// Whether the text of a value of the column is one value, and not that of an array, a row or JSON.
async fn is_single_value(work: &Work, column: &Column) -> Result<bool, DbErr> {
    let row = work
        .row(
            "SELECT t.typcategory NOT IN ('A', 'C') AND t.oid NOT IN ('json'::regtype, 'jsonb'::regtype) AS is_single FROM pg_catalog.pg_type AS t WHERE t.oid = $1::bigint::oid",
            [column.type_oid.into()],
        )
        .await?;
    row.try_get("", "is_single")
}

/// Whether a pseudonym fits into the column.
async fn is_text(work: &Work, column: &Column) -> Result<bool, DbErr> {
    let row = work
        .row(
            "SELECT t.typcategory = 'S' AS is_text FROM pg_catalog.pg_type AS t WHERE t.oid = $1::bigint::oid",
            [column.type_oid.into()],
        )
        .await?;
    let is_short = column.type_modifier >= 0 && column.type_modifier - 4 < PSEUDONYM;
    Ok(row.try_get::<bool>("", "is_text")? && !is_short)
}

async fn is_unique(work: &Work, table: &Table, column: &str) -> Result<bool, DbErr> {
    let row = work
        .row(
            "SELECT EXISTS (SELECT FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey::int2[])
                            WHERE i.indrelid = $1::bigint::oid AND (i.indisunique OR i.indisexclusion) AND a.attname = $2) AS is_unique",
            [table.id.oid.into(), column.into()],
        )
        .await?;
    row.try_get("", "is_unique")
}

/// The types that a type is made of: the base of a domain, the elements of an array.
const PARTS: &str = "
    WITH RECURSIVE part AS (
        SELECT y.* FROM pg_catalog.pg_type AS y WHERE y.oid = $1::bigint::oid
        UNION ALL
        SELECT y.* FROM part AS p JOIN pg_catalog.pg_type AS y ON y.oid = CASE WHEN p.typtype = 'd' THEN p.typbasetype WHEN p.typcategory = 'A' THEN p.typelem END
    )
    SELECT (SELECT pg_catalog.bool_or(p.oid >= 16384) FROM part AS p WHERE p.typtype <> 'd' AND p.typcategory <> 'A') AS is_own,
           (SELECT pg_catalog.format('%s of the role %I', p.oid::pg_catalog.regtype, pg_catalog.pg_get_userbyid(p.typowner)) FROM part AS p
            JOIN pg_catalog.pg_constraint AS c ON c.contypid = p.oid AND c.contype = 'c'
            WHERE NOT archive.is_trusted(p.typowner) OR EXISTS (
                SELECT FROM pg_catalog.pg_depend AS d LEFT JOIN pg_catalog.pg_operator AS o ON d.refclassid = 'pg_catalog.pg_operator'::pg_catalog.regclass AND o.oid = d.refobjid
                JOIN pg_catalog.pg_proc AS f ON f.oid = CASE WHEN d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass THEN d.refobjid ELSE o.oprcode::pg_catalog.oid END
                WHERE d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND d.objid = c.oid AND NOT archive.is_trusted(f.proowner)) LIMIT 1) AS domain";

/// The exact text of a constant, and how entries of the log contain it. No CHECK of a domain and no cast of another role runs.
async fn constant(
    work: &Work,
    table: &Table,
    column: &Column,
    value: &str,
) -> Result<(Option<String>, String), DbErr> {
    let parts = work.row(PARTS, [column.type_oid.into()]).await?;
    if let Some(domain) = parts.try_get::<Option<String>>("", "domain")? {
        return Err(DbErr::Migration(format!(
            "the column {} of {} is of the domain {domain}, and its CHECK is code of another role, or may be, which would run as the role of this migration: change the owner \
             of the domain and of its functions, or run the migration as the role that owns them",
            column.name, table.id
        )));
    }
    // As archive.audit_value() writes it.
    let logged = match parts.try_get::<Option<bool>>("", "is_own")? {
        Some(true) => "pg_catalog.format('%s', v.value)",
        _ => "v.value",
    };
    let sql = format!(
        "SELECT archive.exact_text(v.value) AS exact, coalesce(pg_catalog.to_jsonb({logged}), 'null')::text AS logged FROM (SELECT $1::text::{} AS value) AS v",
        column.sql_type
    );
    match work.row(&sql, [value.into()]).await {
        Ok(row) => Ok((row.try_get("", "exact")?, row.try_get("", "logged")?)),
        Err(error) => Err(DbErr::Migration(format!(
            "\"{value}\" is not a value of the column {} of {}: {}",
            column.name,
            table.id,
            database_message(&error)
        ))),
    }
}

/// Deletes the rules of a table.
pub(crate) async fn drop_of(work: &Work, name: &str) -> Result<(), DbErr> {
    archive_table::register::require(work).await?;
    let Some(table) = work.table(name).await? else {
        return forget_dropped(work).await;
    };
    // Also of tables that this one replaced.
    let mut oids = table_names::replaced_rules(work, table.id.oid).await?;
    oids.push(table.id.oid);
    let below = work
        .rows(
            "SELECT r.relation::text AS name FROM archive.personal_data AS r
             WHERE r.parent = ANY ($1::bigint[]::oid[]) AND EXISTS (SELECT FROM archive.personal_data AS o WHERE o.relation = ANY ($1::bigint[]::oid[]))
             ORDER BY 1",
            [oids.clone().into()],
        )
        .await?;
    if let Some(row) = below.first() {
        return Err(DbErr::Migration(format!(
            "rows of {} belong to rows of {}: call `manager.drop_personal_data(..)` for it first",
            row.try_get::<String>("", "name")?,
            table.id
        )));
    }
    // Race: a hold of a person is placed meanwhile. It waits for this transaction, or this waits for it.
    let held = format!(
        "SELECT archive.lock_holds(); SELECT archive.stop_if_held('{{}}', pg_catalog.array_agg(h.id), {what})
         FROM archive.hold_in_force AS h WHERE h.of_person AND (h.relation::oid = ANY ('{{{oids}}}') OR archive.has_personal_data({oid}, h.relation))",
        what = literal(&format!("the personal data of {} was not dropped", table.id)),
        oids = oids.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
        oid = table.id.oid
    );
    work.run(&held).await?;
    work.run_with(
        "DELETE FROM archive.personal_data WHERE relation = ANY ($1::bigint[]::oid[])",
        [oids.into()],
    )
    .await
}

/// Deletes the rules of tables that were dropped and whose name no other table has.
pub(crate) async fn forget_dropped(work: &Work) -> Result<(), DbErr> {
    work.run("DELETE FROM archive.personal_data AS r WHERE archive.is_dropped(r.relation)")
        .await
}
