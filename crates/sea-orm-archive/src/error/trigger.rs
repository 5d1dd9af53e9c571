//! The errors of triggers of the application, with the names of the triggers.

use std::collections::BTreeSet;

use sea_orm::SqlxPostgresError;
use sea_orm_archive_postgres::catalog::{RowTrigger, TableId};
use sea_orm_archive_postgres::model::{Plan, RestorePlan};
use sea_orm_archive_postgres::sqlstate;

use super::{ConflictError, DriftError, Error, postgres};

/// A trigger with its table.
type Named<'a> = (&'a TableId, &'a RowTrigger);

/// The triggers that a move may fire.
pub(crate) trait Triggers {
    /// The table of the root.
    fn root(&self) -> Option<&TableId>;
    fn triggers(&self) -> Vec<Named<'_>>;
    /// Those that fire before the statement changes a row.
    fn before(&self) -> Vec<Named<'_>>;
}

impl Triggers for Plan {
    fn root(&self) -> Option<&TableId> {
        Some(&Plan::root(self).table.id)
    }

    fn triggers(&self) -> Vec<Named<'_>> {
        let nodes = self.nodes.iter().flat_map(|node| {
            let table = &node.moved.table;
            table
                .row_triggers
                .iter()
                .map(|trigger| (&table.id, trigger))
        });
        let detached = self.detached.iter().flat_map(|child| {
            let triggers = child.triggers.iter();
            triggers.map(|trigger| (&child.table, trigger))
        });
        nodes.chain(detached).filter(|(_, t)| !t.ours).collect()
    }

    fn before(&self) -> Vec<Named<'_>> {
        let moves = |oid: i64| {
            let mut nodes = self.nodes.iter();
            nodes.any(|node| node.moved.table.id.oid == oid)
        };
        let suspended = |trigger: &RowTrigger| {
            let mut tables = trigger.suspended_while.iter();
            tables.any(|oid| moves(*oid))
        };
        let mut all = self.triggers();
        let mut known = BTreeSet::new();
        all.retain(|(table, t)| known.insert((table.oid, &t.name)));
        all.retain(|(table, t)| {
            let fires = match moves(table.oid) {
                true => t.before_delete,
                false => t.before_update,
            };
            fires && !suspended(t)
        });
        all
    }
}

impl Triggers for RestorePlan {
    fn root(&self) -> Option<&TableId> {
        self.tables.first().map(|moved| &moved.table.id)
    }

    fn triggers(&self) -> Vec<Named<'_>> {
        self.suspects()
    }

    fn before(&self) -> Vec<Named<'_>> {
        let mut all = self.suspects();
        all.retain(|(_, t)| t.before_insert || t.before_update);
        all
    }
}

/// The error with the names of the triggers that raised it, if triggers did.
pub(crate) fn of_trigger(plan: &impl Triggers, error: Error) -> Error {
    of_move(plan, &[], &[], error)
}

/// The same for an archive. The triggers `acting` fire during the restore that proves it.
pub(crate) fn of_archive(plan: &Plan, back: &RestorePlan, error: Error) -> Error {
    let deletes: Vec<_> = plan.acting_deletes().collect();
    of_move(plan, &back.acting(), &deletes, error)
}

fn of_move(
    plan: &impl Triggers,
    acting: &[Named<'_>],
    deletes: &[Named<'_>],
    error: Error,
) -> Error {
    let Error::Database(source) = &error else {
        return error;
    };
    let Some(source) = postgres(source) else {
        return error;
    };
    let table = plan.root().map(ToString::to_string).unwrap_or_default();
    let code = source.code();
    let raised = raised(&plan.triggers(), source);
    match code {
        sqlstate::NOT_RESTORABLE => {
            let root = plan.root().map_or("", |root| root.table.as_str());
            ConflictError::NotRestorable {
                table,
                constraint: source.constraint().unwrap_or_default().to_owned(),
                message: not_restorable(source, &raised, acting, deletes, root),
            }
            .into()
        }
        sqlstate::TRIGGERED_DATA_CHANGE => already_changed(plan).unwrap_or(error),
        _ if raised.is_empty() => error,
        _ => ConflictError::Trigger {
            table,
            triggers: raised.into_iter().map(name).collect(),
            code: code.to_owned(),
            message: source.message().to_owned(),
        }
        .into(),
    }
}

/// The triggers whose function is in the context of the error.
///
/// PostgreSQL reports the function, not the trigger: `PL/pgSQL function keep() line 3 at RAISE`.
fn raised<'a>(triggers: &[Named<'a>], error: &SqlxPostgresError) -> Vec<Named<'a>> {
    // The error of a proof has the context as its hint.
    let context = match error.code() {
        sqlstate::NOT_RESTORABLE => error.hint(),
        _ => error.r#where(),
    };
    let lines = context.unwrap_or_default().lines();
    let functions: Vec<_> = lines.filter_map(function_of).collect();
    let mut raised = triggers.to_vec();
    raised.retain(|(_, trigger)| functions.contains(&trigger.function));
    raised
}

/// The function of a line of the context, without its schema.
fn function_of(line: &str) -> Option<String> {
    let (_, call) = line.split_once(" function ")?;
    let (name, _) = call.split_once('(')?;
    let name = match name.strip_suffix('"') {
        Some(quoted) => {
            let start = quoted.rfind(".\"").map_or(1, |dot| dot + 2);
            quoted.get(start..)?.replace("\"\"", "\"")
        }
        None => name.rsplit('.').next()?.to_owned(),
    };
    Some(name)
}

fn name((table, trigger): Named<'_>) -> String {
    format!("the trigger {} on {table}", trigger.name)
}

/// The message for an archive whose restore fails, with the calls that suspend the triggers that may be the cause: those that
/// raised the error, or else those that may have changed the row before it was inserted.
fn not_restorable(
    error: &SqlxPostgresError,
    raised: &[Named<'_>],
    acting: &[Named<'_>],
    deletes: &[Named<'_>],
    root: &str,
) -> String {
    let mut message = error.message().to_owned();
    if let Some(detail) = error.detail().filter(|detail| !detail.is_empty()) {
        message = format!("{message}: {}", detail.trim_end_matches('.'));
    }
    let mut changing = acting.to_vec();
    changing
        .retain(|(table, trigger)| trigger.before_insert && error.table() == Some(&table.table));
    let (causes, what) = match (raised, changing.as_slice()) {
        ([], []) => (deletes, "may have added rows"),
        ([], changing) => (changing, "may have changed that row"),
        (raised, _) => (raised, "raised it"),
    };
    if causes.is_empty() {
        return message;
    }
    let names: Vec<_> = causes.iter().copied().map(name).collect();
    let calls: Vec<_> = causes.iter().map(|named| remedy(*named, root)).collect();
    format!(
        "{message} ({} {what}: call {} in a migration)",
        names.join(" or "),
        calls.join(" or ")
    )
}

/// The call that suspends a trigger while rows of a tree move.
fn remedy((table, trigger): Named<'_>, root: &str) -> String {
    format!(
        "manager.suspend_trigger(SuspendedTrigger::new({:?}, {:?}).while_moving({root:?}))",
        table.table, trigger.name
    )
}

/// PostgreSQL does not report the trigger that changed a row before the statement itself did: it can only be a BEFORE
/// trigger of that statement.
fn already_changed(plan: &impl Triggers) -> Option<Error> {
    let before = plan.before();
    let root = &plan.root()?.table;
    let remedy: Vec<_> = before.iter().map(|named| remedy(*named, root)).collect();
    let names: Vec<_> = before.iter().map(|named| name(*named)).collect();
    (!before.is_empty()).then(|| {
        DriftError::Trigger {
            message: format!(
                "{} changed or deleted a row that the same statement moves, so nothing was moved: call {} in a migration, or make it an AFTER trigger",
                names.join(" or "),
                remedy.join(" or "),
            ),
        }
        .into()
    })
}

#[cfg(test)]
mod tests {
    use super::function_of;

    #[test]
    fn function_of_a_context_is_named_without_its_schema() {
        for (line, name) in [
            ("PL/pgSQL function keep() line 3 at RAISE", "keep"),
            ("PL/pgSQL function app.keep() line 3 at RAISE", "keep"),
            (
                "PL/pgSQL function app.\"Keep it\"() line 3 at RAISE",
                "Keep it",
            ),
            (
                "PL/pgSQL function \"a \"\"b\"\"\"() line 3 at RAISE",
                "a \"b\"",
            ),
        ] {
            assert_eq!(function_of(line).as_deref(), Some(name));
        }
        assert_eq!(function_of("SQL statement \"SELECT 1\""), None);
    }
}
