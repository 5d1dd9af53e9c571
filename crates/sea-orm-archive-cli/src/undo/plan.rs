//! What an undo would do, and what is in its way.

use std::collections::hash_map::Entry::{Occupied, Vacant};
use std::collections::{BTreeMap, BTreeSet, HashMap};

use sea_orm::DatabaseConnection;
use serde_json::Value as Json;

use super::net::{Entry, Kind, NetChange};
use super::order::order;
use super::step::{Action, Row, Step};
use super::values::{Values, key, object, texts};
use crate::answer::{self, raw};
use crate::failure::Failure;
use crate::query::{json as json_of, rows};

/// The entries of a request or a transaction, with their values as texts.
fn entries() -> String {
    format!(
        "SELECT e.operation, e.table_name, {} AS key, {} AS old, {} AS new, e.redacted, e.erased, e.archival_id FROM archive.audit_entry AS e
         WHERE (e.request_id = $1 OR e.transaction_id = $2) ORDER BY e.at, e.id",
        texts("e.key"),
        texts("e.old"),
        texts("e.new")
    )
}

// $1: the transaction.
const TWO_TRANSACTIONS: &str = "
    SELECT pg_catalog.to_jsonb(pg_catalog.bool_or(g.gap OPERATOR(pg_catalog.>) '1 day'::pg_catalog.interval))
    FROM (SELECT e.at OPERATOR(pg_catalog.-) pg_catalog.lag(e.at) OVER (ORDER BY e.at) AS gap FROM archive.audit_entry AS e
          WHERE e.transaction_id OPERATOR(pg_catalog.=) $1) AS g";

/// Numbers of transactions start again where a dump is restored into another cluster, so entries that are far apart may be of two transactions.
async fn refuse_two_transactions(db: &DatabaseConnection, transaction: i64) -> Result<(), Failure> {
    let two = json_of(db, TWO_TRANSACTIONS, vec![transaction.into()]).await?;
    match two == Some(Json::Bool(true)) {
        true => Err(Failure::Conflict(format!(
            "nothing was undone: entries of transaction {transaction} are more than a day apart, so they may be of two transactions, one of them from before a restore of the database: use --request"
        ))),
        false => Ok(()),
    }
}

/// The steps that undo a request or a transaction: the latest change first, so that each finds the rows as its change left them. What is in
/// the way of a step is found by [`rehearse`](super::rehearse).
pub(crate) async fn plan(
    db: &DatabaseConnection,
    request: Option<&str>,
    transaction: Option<i64>,
) -> Result<Vec<Step>, Failure> {
    if let Some(transaction) = transaction {
        refuse_two_transactions(db, transaction).await?;
    }
    let entries = rows(
        db,
        &entries(),
        vec![request.map(str::to_owned).into(), transaction.into()],
    )
    .await?;
    let entries: Vec<Entry> = entries.iter().map(Entry::of).collect();
    let (archivals, changes) = net(&entries);
    let mut steps = Vec::new();
    for (archival, place) in archivals {
        let action = Action::Restore(archival);
        let conflict = None;
        steps.push((place, Step { action, conflict }));
    }
    let mut tables = BTreeMap::new();
    let mut restored = BTreeSet::new();
    for (place, change) in changes {
        if let Some(archival) = change.restored_from {
            if restored.insert(archival) {
                steps.push((place, archived_again(db, archival).await?));
            }
            continue;
        }
        if !tables.contains_key(&change.table) {
            tables.insert(change.table.clone(), table(db, &change.table).await?);
        }
        let table = tables.get(&change.table).and_then(Option::as_ref);
        steps.extend(step(table, change).map(|step| (place, step)));
    }
    steps.sort_by_key(|(place, _)| std::cmp::Reverse(*place));
    order(db, steps.into_iter().map(|(_, step)| step).collect()).await
}

/// The archivals that the entries archived, and the net change of each row, each with the place of its last entry.
fn net(entries: &[Entry]) -> (BTreeMap<i64, usize>, Vec<(usize, NetChange)>) {
    let mut archivals: BTreeMap<i64, usize> = BTreeMap::new();
    let mut changes: Vec<(usize, NetChange)> = Vec::new();
    let mut of_row: HashMap<(&str, String), usize> = HashMap::new();
    for (place, entry) in entries.iter().enumerate() {
        match (entry.operation.as_str(), entry.archival) {
            ("ARCHIVE", Some(archival)) => {
                archivals.insert(archival, place);
                continue;
            }
            // A change of an archived row, such as a link that was cut: the restore of the archival puts it back.
            ("UPDATE", Some(archival)) if archivals.contains_key(&archival) => continue,
            _ => {}
        }
        match of_row.entry((&entry.table, object(&entry.key))) {
            Occupied(known) => {
                let (last, change) = &mut changes[*known.get()];
                change.add(entry);
                *last = place;
            }
            Vacant(new) => {
                new.insert(changes.len());
                changes.push((place, NetChange::of(entry)));
            }
        }
    }
    (archivals, changes)
}

/// What undoes the restore of an archival: the command has no entities, which declare what belongs to a tree.
async fn archived_again(db: &DatabaseConnection, archival: i64) -> Result<Step, Failure> {
    const ROOT: &str = "SELECT a.root_table, a.root_key FROM archive.archival AS a WHERE a.id = $1";
    let found = rows(db, ROOT, vec![archival.into()]).await?;
    let (table, root) = match found.first() {
        Some(found) => (raw(&found["root_table"]), answer::key(&found["root_key"])),
        None => ("its root".to_owned(), String::new()),
    };
    let name = format!("{table} {root}");
    Ok(Step {
        action: Action::Refused(format!("archive {} again", name.trim_end())),
        conflict: Some(format!(
            "archival {archival} was restored, and the command archives no rows: archive the row in the application, with `archive_by_id(..)` of the \
             entity of {table}; `sea-orm-archive show {archival}` prints the archival"
        )),
    })
}

fn step(table: Option<&Table>, change: NetChange) -> Option<Step> {
    let refused = |what: String, why: String| {
        Some(Step {
            action: Action::Refused(what),
            conflict: Some(why),
        })
    };
    let name = format!("{} {}", change.table, key(&change.key));
    if let Some(archival) = change.archived_in {
        return refused(
            format!("change the archived row {name}"),
            format!(
                "it was changed or purged in archival {archival}, and the command changes active rows only"
            ),
        );
    }
    let Some(row) = table.map(|table| table.row(change.key.clone())) else {
        return refused(
            format!("change {name}"),
            "the table is not audited now".to_owned(),
        );
    };
    if change.key.is_empty() {
        return refused(
            format!("undo TRUNCATE of {}", change.table),
            "the log has no row of it".to_owned(),
        );
    }
    let hidden = (!change.hidden.is_empty())
        .then(|| format!("the log has no values of {}", change.hidden.join(", ")));
    let conflict = hidden.or_else(|| row.missing_column(&change.before));
    let kind = change.kind();
    let (mut before, after) = (change.before, change.after);
    let action = match kind {
        Kind::Nothing => return None,
        Kind::Inserted => Action::Delete(row, after),
        Kind::Deleted => Action::Insert(row, before),
        Kind::Updated => {
            before.retain(|name, _| row.columns.contains(name));
            if before.is_empty() && conflict.is_none() {
                return None;
            }
            Action::Update(row, before, after)
        }
    };
    Some(Step { action, conflict })
}

/// An audited table.
struct Table {
    name: String,
    sql: String,
    is_row: String,
    columns: Vec<String>,
    plain: Vec<String>,
    instants: Vec<String>,
    generated: Vec<String>,
}

impl Table {
    fn row(&self, key: Values) -> Row {
        Row {
            name: self.name.clone(),
            table: self.sql.clone(),
            key,
            is_row: self.is_row.clone(),
            columns: self.columns.clone(),
            plain: self.plain.clone(),
            instants: self.instants.clone(),
            generated: self.generated.clone(),
        }
    }
}

async fn table(db: &DatabaseConnection, name: &str) -> Result<Option<Table>, Failure> {
    let found = rows(
        db,
        "SELECT pg_catalog.concat(n.nspname, '.', c.relname) AS name, pg_catalog.format('%I.%I', n.nspname, c.relname) AS \"table\",
                archive.is_same_identity(c.oid, 't', archive.key_columns(c.oid), 'k', archive.key_columns(c.oid)) AS is_row,
                ARRAY(SELECT a.attname FROM pg_catalog.pg_attribute AS a
                      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY a.attnum) AS columns,
                ARRAY(SELECT a.attname FROM pg_catalog.pg_attribute AS a
                      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid = ANY (ARRAY['pg_catalog.bool', 'pg_catalog.int2',
                            'pg_catalog.int4', 'pg_catalog.int8', 'pg_catalog.text', 'pg_catalog.varchar', 'pg_catalog.uuid', 'pg_catalog.date',
                            'pg_catalog.timestamp']::pg_catalog.regtype[])) AS plain,
                ARRAY(SELECT a.attname FROM pg_catalog.pg_attribute AS a
                      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid = 'pg_catalog.timestamptz'::pg_catalog.regtype) AS instants,
                ARRAY(SELECT a.attname FROM pg_catalog.pg_attribute AS a
                      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated <> '') AS generated
         FROM archive.audited_table AS r JOIN pg_catalog.pg_class AS c ON c.oid = r.relation JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
         WHERE r.table_name = $1",
        vec![name.to_owned().into()],
    )
    .await?;
    let names = |names: &Json| names.as_array().into_iter().flatten().map(raw).collect();
    Ok(found.first().map(|found| Table {
        name: raw(&found["name"]),
        sql: raw(&found["table"]),
        is_row: raw(&found["is_row"]),
        columns: names(&found["columns"]),
        plain: names(&found["plain"]),
        instants: names(&found["instants"]),
        generated: names(&found["generated"]),
    }))
}
