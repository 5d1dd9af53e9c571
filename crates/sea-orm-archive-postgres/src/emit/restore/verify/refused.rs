//! The message for rows that triggers of the application change.

use crate::catalog::{RowTrigger, TableId};
use crate::model::RestorePlan;

/// The message for a restore that a trigger changed. It fits the archive too, which is refused with the same message if its
/// restore would be.
pub(super) fn refused(plan: &RestorePlan, what: &str) -> String {
    let suspects = plan.suspects();
    let root = plan
        .tables
        .first()
        .map(|moved| moved.table.id.table.as_str())
        .unwrap_or_default();
    let names: Vec<_> = suspects
        .iter()
        .map(|(table, trigger)| format!("{} on {table}", trigger.name))
        .collect();
    let remedies: Vec<_> = suspects
        .iter()
        .map(|suspect| remedy(*suspect, root))
        .collect();
    let (because, call) = match names.as_slice() {
        [_] => ("of the trigger", "call"),
        _ => ("of one of the triggers", "call as needed"),
    };
    format!(
        "{what}, because {because} {}; nothing has moved: {call} {} in a migration",
        names.join(", "),
        remedies.join(", ")
    )
}

fn remedy((table, trigger): (&TableId, &RowTrigger), root: &str) -> String {
    format!(
        "manager.suspend_trigger(SuspendedTrigger::new({:?}, {:?}).while_moving({root:?}))",
        table.table, trigger.name
    )
}
