//! Checks of an UPDATE of archived rows: each row that it returns has the required values, or the restore stops. A trigger could
//! preserve an old value, change another one, or assign the row to another archival.

use crate::ident::{literal, quote};
use crate::model::Moved;
use crate::sqlstate::TRIGGER;

/// The condition that the row `t`, after its triggers, has the values of `new` and otherwise those of the row `before`.
pub(super) fn is_rewritten(moved: &Moved, before: &str, new: &[(&str, String)]) -> String {
    let (is, wanted): (Vec<_>, Vec<_>) = moved
        .written()
        .chain([moved.archive_table.archival_id.as_str()])
        .map(|name| {
            let column = quote(name);
            let value = new.iter().find(|(other, _)| *other == name);
            let value = value.map(|(_, value)| value.clone());
            (
                format!("t.{column}"),
                value.unwrap_or_else(|| format!("{before}.{column}")),
            )
        })
        .unzip();
    // As text, since not every type can be compared.
    format!(
        "ROW({})::pg_catalog.text OPERATOR(pg_catalog.=) ROW({})::pg_catalog.text",
        is.join(", "),
        wanted.join(", ")
    )
}

/// The condition `done`, or else an error that names the triggers that may have changed the row. `what` describes the row.
pub(super) fn stop_unless_rewritten(moved: &Moved, done: &str, what: &str) -> String {
    let archive_table = &moved.archive_table.id;
    format!(
        "CASE WHEN {done} THEN true ELSE archive.stop('{TRIGGER}', pg_catalog.concat('a trigger changed a row of ', {}, {}, (\
         SELECT ' (' OPERATOR(pg_catalog.||) pg_catalog.string_agg(g.tgname::pg_catalog.text, ', ' ORDER BY g.tgname) OPERATOR(pg_catalog.||) ')' \
         FROM pg_catalog.pg_trigger AS g WHERE g.tgrelid OPERATOR(pg_catalog.=) {}::pg_catalog.regclass AND NOT g.tgisinternal \
         AND g.tgenabled OPERATOR(pg_catalog.<>) 'D' AND g.tgtype OPERATOR(pg_catalog.&) 19::pg_catalog.int2 OPERATOR(pg_catalog.=) 19), \
         ', so nothing was restored: make it an AFTER trigger, or drop it')) END",
        literal(&archive_table.to_string()),
        literal(&format!(" {what}")),
        literal(&archive_table.sql()),
    )
}
