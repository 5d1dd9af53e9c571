//! What a migration does about each finding of `check`.

use sea_orm::DatabaseConnection;
use sea_orm_archive::Finding;
use serde_json::Value as Json;

use super::call::{Call, Chain, argument};
use crate::answer::raw;
use crate::failure::Failure;
use crate::query::rows;

/// What to do about a finding.
pub(crate) enum Answer {
    /// These calls lose nothing.
    Calls(Vec<Call>),
    /// These create again what is registered for a table, unless a person has to change something of that table first.
    Again(Vec<(String, Call)>),
    /// A person has to decide, for this reason.
    Person(&'static str),
}

/// What a remedy stands for.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Calls of verbs without arguments.
    Verbs(&'static [&'static str]),
    /// `sync_archived_table` with the table that the remedy names.
    Sync,
    /// The remedy is the statement.
    Statement,
    /// The verb again, with what is registered.
    Again(fn(&Json) -> Call, &'static str),
    Person(&'static str),
}

use Kind::{Again, Person, Statement, Sync, Verbs};

const MEANT: &str = "only a person knows whether this was meant";
const OWN: &str =
    "it is an object of the application, which a migration of the application changes";
const UNKNOWN: &str = "the command knows no call for it";
const RIGHTS: &str = "rights are given and revoked by a person";

/// The kinds of remedies, by a part of the text; the first one that is found counts. A test finds every remedy of `check` here.
const REMEDIES: [(&str, Kind); 51] = [
    // Choices, and what other remedies are a part of.
    ("if that was meant", Person(MEANT)),
    (
        "if it was renamed; otherwise",
        Person("only a person knows whether the column was renamed or dropped"),
    ),
    (
        "and restore the rows from a backup",
        Person("the archived rows are lost; a new archive table would be empty"),
    ),
    ("REVOKE EXECUTE", Person(RIGHTS)),
    (
        "give it back to its owner",
        Person("another role replaced or took it: find out which one first"),
    ),
    ("give both to one role", Person(RIGHTS)),
    (
        "drop it, and",
        Person(
            "a trigger of another function has the name: a migration drops it only if nothing of the application needs it",
        ),
    ),
    (
        "add it again, NOT NULL, and call",
        Person("only the application knows the tenants of the rows"),
    ),
    (
        "rename the column here, too",
        Person("only a person knows whether the column was renamed"),
    ),
    ("sync_archived_table(..) for its table, or", Person(MEANT)),
    (
        "unstamp_table(..), and",
        Person("only a person knows whether the column was dropped deliberately"),
    ),
    ("with a role that exists", Person(RIGHTS)),
    (
        "create_history_table(..) in a migration, or add",
        Again(history, HISTORIES),
    ),
    (
        "archive_existing_table(..) for it",
        Person("only a person knows whether the archived rows belong to this table"),
    ),
    (
        "archive_existing_table(",
        Person("the values of the column are lost; a new one would be NULL"),
    ),
    (
        "drop_temporal_foreign_key(..)",
        Person("only a person knows whether the history was dropped deliberately"),
    ),
    (
        "declare_personal_data(..)",
        Person("what is personal is declared by a person"),
    ),
    (
        "put the table of its identities under tenancy",
        Person("only a person knows the tenant column"),
    ),
    // One call.
    (
        "install_archive() and manager.install_audit() again",
        Verbs(&["install_archive", "install_audit"]),
    ),
    ("install_archive() again", Verbs(&["install_archive"])),
    ("install_audit() again", Verbs(&["install_audit"])),
    ("enable_events() again", Verbs(&["enable_events"])),
    ("sync_archived_table(", Sync),
    ("stamp_table(..) again", Again(stamp, STAMPED)),
    (
        "create_temporal_foreign_key(..) again",
        Again(temporal, TEMPORAL),
    ),
    ("guard_table(..) again", Again(guard, GUARDED)),
    ("enable_tenancy(..) again", Again(tenancy, TENANCY)),
    (" ENABLE ", Statement),
    ("DROP TRIGGER", Statement),
    (
        "add those columns to the list, or ALTER PUBLICATION",
        Person("only a person knows what is published"),
    ),
    (" REPLICA IDENTITY ", Statement),
    // What belongs to the application.
    ("OWNER TO", Person(RIGHTS)),
    ("NOBYPASSRLS", Person(RIGHTS)),
    ("revoke it", Person(RIGHTS)),
    (
        "DROP CONSTRAINT",
        Person("it may refuse what the application does not want to be archived"),
    ),
    ("AS RESTRICTIVE", Person(RIGHTS)),
    ("NO INHERIT", Person(OWN)),
    ("AFTER trigger", Person(OWN)),
    ("by triggers", Person(OWN)),
    ("ordinary table", Person(OWN)),
    ("archive the table below it", Person(OWN)),
    ("archive a permanent table", Person(OWN)),
    ("declare its partitioned table", Person(OWN)),
    ("rename", Person(OWN)),
    ("add one", Person(OWN)),
    ("drop ", Person(OWN)),
    ("make it ", Person(OWN)),
    ("change its type", Person(OWN)),
    ("let it be NULL", Person(OWN)),
    ("make the constraint NO ACTION", Person(OWN)),
    (
        "ENFORCED",
        Person("rows may violate it: correct them first"),
    ),
];

/// What to do about a finding.
pub(crate) async fn answer(db: &DatabaseConnection, finding: &Finding) -> Result<Answer, Failure> {
    // A finding names its object as schema.table.
    let is_ambiguous = finding.object.matches('.').count() > 1;
    Ok(match kind(&finding.remedy) {
        Sync | Again(..) if is_ambiguous => {
            Answer::Person("a name with a dot in it: write the call yourself")
        }
        Verbs(verbs) => Answer::Calls(verbs.iter().map(|verb| Call::plain(verb)).collect()),
        Sync => match synced(finding) {
            Some(table) => Answer::Calls(vec![Call::on("sync_archived_table", &table)]),
            None => Answer::Person(UNKNOWN),
        },
        Statement => Answer::Calls(vec![Call::sql(&finding.remedy)]),
        Again(call, registered) => {
            let registered = rows(db, registered, vec![finding.object.clone().into()]).await?;
            match registered.is_empty() {
                true => Answer::Person(
                    "nothing of it is registered now, or a table that it refers to was dropped",
                ),
                false => {
                    let named = |table: &Json| (raw(&table["name"]), call(table));
                    Answer::Again(registered.iter().map(named).collect())
                }
            }
        }
        Person(reason) => Answer::Person(reason),
    })
}

fn kind(remedy: &str) -> Kind {
    let mut kinds = REMEDIES.iter();
    let found = kinds.find(|(part, _)| remedy.contains(part));
    found.map_or(Person(UNKNOWN), |(_, kind)| *kind)
}

/// The table that `sync_archived_table` is to be called for.
fn synced(finding: &Finding) -> Option<String> {
    let (_, rest) = finding
        .remedy
        .split_once("manager.sync_archived_table(\"")?;
    // The name is a string as Rust and JSON write it.
    let (name, _) = rest.split_once("\")")?;
    let name: String = serde_json::from_str(&format!("\"{name}\"")).ok()?;
    // The archive table is in the schema of its table.
    let (schema, _) = finding.object.split_once('.').unwrap_or(("public", ""));
    Some(format!("{schema}.{name}"))
}

/// The tables with the name of the object: itself, and the partitioned table that it is a partition of.
macro_rules! of_object {
    ($select:literal, $from:literal, $relation:literal) => {
        concat!(
            "SELECT pg_catalog.concat(n.nspname, '.', c.relname) AS name, ",
            $select,
            " FROM ",
            $from,
            " JOIN pg_catalog.pg_class AS c ON c.oid = ",
            $relation,
            " JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
        )
    };
}

/// The condition that `relation` is the object `$1`, or that the object is a partition of it.
macro_rules! is_object {
    ($relation:literal) => {
        concat!(
            "EXISTS (SELECT FROM pg_catalog.pg_class AS o JOIN pg_catalog.pg_namespace AS m ON m.oid = o.relnamespace
                     WHERE pg_catalog.concat(m.nspname, '.', o.relname) = $1
                       AND ", $relation, " IN (o.oid, pg_catalog.pg_partition_root(o.oid)))"
        )
    };
}

const STAMPED: &str = concat!(
    of_object!(
        "r.created_at, r.created_by, r.updated_at, r.updated_by,
         (SELECT pg_catalog.format_type(a.atttypid, a.atttypmod) FROM pg_catalog.pg_attribute AS a
          WHERE a.attrelid = r.stamped AND a.attname IN (r.created_by, r.updated_by) LIMIT 1) AS by",
        "archive.stamped_table AS r",
        "r.stamped"
    ),
    " WHERE ",
    is_object!("r.stamped")
);

fn stamp(table: &Json) -> Call {
    let mut stamped = Chain::new(format!(
        "StampedTable::new({})",
        argument(&raw(&table["name"]))
    ));
    for stamp in ["created_at", "created_by", "updated_at", "updated_by"] {
        stamped = match table[stamp].as_str() {
            None => stamped.call(&format!("without_{stamp}"), Vec::<String>::new()),
            Some(name) if name == stamp => stamped,
            Some(name) => stamped.call(&format!("{stamp}_column"), [format!("{name:?}")]),
        };
    }
    if let Some(by) = table["by"].as_str().filter(|by| *by != "bigint") {
        stamped = stamped.call("by", [column_type(by)]);
    }
    Call::of("stamp_table", [stamped]).importing("StampedTable")
}

/// The `ColumnType` of a type as PostgreSQL prints it.
fn column_type(name: &str) -> String {
    match name {
        "bigint" => "ColumnType::BigInteger".to_owned(),
        "uuid" => "ColumnType::Uuid".to_owned(),
        "integer" => "ColumnType::Integer".to_owned(),
        "text" => "ColumnType::Text".to_owned(),
        other => format!("ColumnType::custom({other:?})"),
    }
}

const HISTORIES: &str = concat!(
    of_object!(
        "(SELECT pg_catalog.concat(m.nspname, '.', i.relname) FROM pg_catalog.pg_class AS i
          JOIN pg_catalog.pg_namespace AS m ON m.oid = i.relnamespace WHERE i.oid = r.identity) AS identity,
         r.identity_columns, r.valid_from, r.valid_to, r.range_type = 'pg_catalog.daterange'::pg_catalog.regtype AS dates,
         r.recorded_from, r.recorded_to, r.recorded_by,
         (SELECT pg_catalog.format_type(a.atttypid, a.atttypmod) FROM pg_catalog.pg_attribute AS a
          WHERE a.attrelid = r.history AND a.attname = r.recorded_by) AS by",
        "archive.history_table AS r JOIN pg_catalog.pg_class AS d ON d.oid = r.identity",
        "r.history"
    ),
    " WHERE ",
    is_object!("r.history")
);

/// The call without the columns of the values: the table has them, and the call adds what else it lacks.
fn history(table: &Json) -> Call {
    let literal = |value: &Json| format!("{:?}", raw(value));
    let identity = argument(&raw(&table["identity"]));
    let declared = Chain::new(format!(
        "HistoryTable::new({})",
        argument(&raw(&table["name"]))
    ));
    let columns = texts(table, "identity_columns");
    let mut declared = match columns.as_slice() {
        [column] => declared.call("identity", [column.clone(), identity]),
        several => {
            let several = format!("[{}]", several.join(", "));
            declared.call("identity_columns", [several, identity])
        }
    };
    if table["dates"] == true {
        declared = declared.call("dates", Vec::<String>::new());
    }
    for column in ["valid_from", "valid_to"] {
        if table[column] != column {
            declared = declared.call(column, [literal(&table[column])]);
        }
    }
    if let Some(by) = table["by"].as_str() {
        let recorded_by = [literal(&table["recorded_by"]), column_type(by)];
        declared = declared.call("recorded_by", recorded_by);
    }
    if !table["recorded_from"].is_null() {
        let recorded = ["recorded_from", "recorded_to"].map(|column| literal(&table[column]));
        declared = declared.call("bitemporal_as", recorded);
    }
    Call::of("create_history_table", [declared]).importing("HistoryTable")
}

/// The texts of an array, as source.
fn texts(table: &Json, field: &str) -> Vec<String> {
    let names = table[field].as_array().into_iter().flatten();
    names.map(|name| format!("{:?}", raw(name))).collect()
}

const TEMPORAL: &str = concat!(
    of_object!(
        "r.name AS key_name, r.columns, r.time_columns, (SELECT pg_catalog.concat(hn.nspname, '.', h.relname)
          FROM pg_catalog.pg_class AS h JOIN pg_catalog.pg_namespace AS hn ON hn.oid = h.relnamespace WHERE h.oid = r.history) AS history",
        "archive.temporal_foreign_key AS r JOIN pg_catalog.pg_class AS d ON d.oid = r.history",
        "r.child"
    ),
    " WHERE ",
    is_object!("r.child"),
    " OR ",
    is_object!("r.history")
);

fn temporal(key: &Json) -> Call {
    let (columns, times) = (texts(key, "columns"), texts(key, "time_columns"));
    let declared = Chain::new(format!(
        "TemporalForeignKey::new({}, [{}])",
        argument(&raw(&key["name"])),
        columns.join(", ")
    ));
    let time = if times.len() == 1 { "at" } else { "during" };
    let declared = declared
        .call(time, times)
        .call("references", [argument(&raw(&key["history"]))])
        .call("name", [format!("{:?}", raw(&key["key_name"]))]);
    Call::of("create_temporal_foreign_key", [declared]).importing("TemporalForeignKey")
}

const GUARDED: &str = concat!(
    of_object!("r.catches", "archive.guarded_table AS r", "r.relation"),
    " WHERE ",
    is_object!("r.relation")
);

fn guard(table: &Json) -> Call {
    let guard = match table["catches"] == true {
        true => "Guard::catch()",
        false => "Guard::refuse()",
    };
    let table = argument(&raw(&table["name"]));
    Call::of("guard_table", [table, guard.to_owned()]).importing("Guard")
}

/// The tables whose call creates the objects of `$1`; for a shared table of the schema any one of them.
const TENANCY: &str = concat!(
    of_object!(
        "t.administrator, s.wanted_column AS column_name",
        "archive.tenancy AS t JOIN archive.tenancy_scope AS s ON s.relation = t.relation AND s.what = 'table' AND s.wanted_column IS NOT NULL",
        "t.relation"
    ),
    " WHERE t.relation IN (SELECT e.origin FROM archive.tenancy_scope AS e WHERE ",
    is_object!("e.relation"),
    ") OR $1 LIKE 'archive.%' AND t.relation = (SELECT f.relation FROM archive.tenancy AS f ORDER BY f.relation::oid LIMIT 1)"
);

fn tenancy(table: &Json) -> Call {
    let name = argument(&raw(&table["name"]));
    let declared = Chain::new(format!(
        "Tenancy::new({name}, {:?})",
        raw(&table["column_name"])
    ));
    let declared = match table["administrator"].as_str() {
        Some(role) => declared.call("administrator", [format!("{role:?}")]),
        None => declared,
    };
    Call::of("enable_tenancy", [declared]).importing("Tenancy")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::REMEDIES;

    /// How texts of `check` begin that are no remedies: problems, and parts of definitions.
    const OTHERS: [&str; 32] = [
        "-- ",
        "has ",
        "is ",
        "does ",
        "gives ",
        "belongs ",
        "runs ",
        "it ",
        "its ",
        "the ",
        "row ",
        "AFTER ",
        "BEFORE ",
        "FOR EACH ",
        "REFERENCING ",
        "DEFERRABLE ",
        "WHEN ",
        " EXECUTE ",
        "not ",
        "enabled",
        " of ",
        "USING ",
        "SELECT ",
        "CREATE ",
        "{",
        "%",
        "'",
        "COALESCE",
        ",",
        " ",
        "FOREIGN KEY",
        "EXECUTE ",
    ];

    /// The literals of a source: between single quotes in SQL, double ones in Rust.
    fn literals(source: &str, quote: char) -> Vec<String> {
        let mut found = Vec::new();
        for line in source
            .lines()
            .filter(|line| !line.trim_start().starts_with(['/', '-', '#']))
        {
            let line = line.replace("''", "’").replace("\\\"", "’");
            found.extend(line.split(quote).skip(1).step_by(2).map(str::to_owned));
        }
        found
    }

    #[test]
    fn every_remedy_of_check_has_an_answer() {
        let folder = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../sea-orm-archive-postgres/src/compare"
        );
        let mut used = BTreeSet::new();
        let mut without = Vec::new();
        for file in fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            let source = fs::read_to_string(&path).unwrap();
            let quote = if path.extension().unwrap() == "sql" {
                '\''
            } else {
                '"'
            };
            for literal in literals(&source, quote) {
                let is_other = OTHERS.iter().any(|other| literal.starts_with(other));
                let place = REMEDIES.iter().position(|(part, _)| literal.contains(part));
                match place {
                    Some(place) => drop(used.insert(place)),
                    None if is_other || !literal.trim().contains(' ') => {}
                    None => without.push(literal),
                }
            }
        }
        assert_eq!(without, Vec::<String>::new(), "a remedy without an answer");
        let unused = (0..REMEDIES.len()).filter(|place| !used.contains(place));
        let unused: Vec<_> = unused.map(|place| REMEDIES[place].0).collect();
        assert_eq!(unused, Vec::<&str>::new(), "an answer without a remedy");
    }
}
