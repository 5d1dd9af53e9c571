//! Queries that compare the catalog with the registers. Each returns rows (object, problem, remedy) and runs under
//! [`SETTINGS`].

use crate::schema::table_names;
use crate::template::fill;

const AUDITED_TRIGGERS: &str = include_str!("audited_triggers.sql");
const TRIGGERS: &str = concat!(
    "-- Triggers of the schema archive that are missing, different or not needed.\nWITH\n",
    include_str!("../schema/archive_table/follow_key_wanted.sql"),
    ",\n",
    include_str!("../schema/archive_table/mark_wanted.sql"),
    ",\n",
    include_str!("../schema/guard/wanted.sql"),
    include_str!("triggers.sql")
);

/// PostgreSQL omits the schemas of the search_path where it prints an expression. It expects many rows from a recursion over
/// partitions and would compile each query, which takes longer than the whole check.
pub const SETTINGS: &str =
    "SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true),
       pg_catalog.set_config('jit', 'off', true)";

/// Whether the audit log is installed.
pub const HAS_AUDIT: &str =
    "SELECT pg_catalog.to_regclass('archive.audited_table') IS NOT NULL AS installed";

/// The tables that the registers name, for [`archive_table_findings`](super::archive_table_findings) and
/// [`history_findings`](super::history_findings).
pub const TABLES: &str = include_str!("tables.sql");

/// The rules of a table for personal data.
pub const PERSONAL_DATA: &str = include_str!("personal_data.sql");

/// The triggers of the application.
pub const APPLICATION_TRIGGERS: &str = include_str!("application_triggers.sql");

/// All queries, for a database in which the audit log is installed or not.
pub fn queries(is_audited: bool) -> Vec<String> {
    let audited = match is_audited {
        true => AUDITED_TRIGGERS,
        false => "",
    };
    let registered = table_names::registered(is_audited);
    let mut queries = vec![
        fill(TRIGGERS, [("audited", audited.to_owned())]),
        fill(include_str!("registers.sql"), [("registered", registered)]),
        include_str!("grants.sql").to_owned(),
        include_str!("policies.sql").to_owned(),
        include_str!("replica_identity.sql").to_owned(),
        include_str!("tenancy.sql").to_owned(),
    ];
    if is_audited {
        let log = [include_str!("audit.sql"), include_str!("tenancy_log.sql")];
        queries.extend(log.map(str::to_owned));
    }
    queries
}
