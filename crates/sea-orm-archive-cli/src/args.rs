//! The arguments of the command.

use clap::{Args as Group, Parser, Subcommand, ValueEnum};

/// Lists, shows, restores, purges, holds and erases what sea-orm-archive has archived, and checks the database.
#[derive(Debug, Parser)]
#[command(
    name = "sea-orm-archive",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    max_term_width = 100
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub command: Command,
    /// The database: postgres://user@host/name. Also read from a file .env.
    #[arg(
        long,
        env = "DATABASE_URL",
        global = true,
        hide_env_values = true,
        value_name = "URL"
    )]
    pub database_url: Option<String>,
    /// Print the answer as JSON.
    #[arg(long, global = true)]
    pub json: bool,
    /// Answer every question with yes.
    #[arg(long, short = 'y', global = true)]
    pub yes: bool,
    /// Act for this tenant.
    #[arg(
        long,
        env = "SEA_ORM_ARCHIVE_TENANT",
        global = true,
        value_name = "TENANT"
    )]
    pub tenant: Option<String>,
    /// Who acts: recorded with what is restored, purged, held, released or erased.
    #[arg(
        long = "as",
        env = "SEA_ORM_ARCHIVE_ACTOR",
        global = true,
        value_name = "ACTOR"
    )]
    pub actor: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Compare the database with what the migrations registered. Exits with 1 where something differs.
    Check(Check),
    /// What `check` finds, and settings, rights, sequences, partitions and old transactions that may cause trouble.
    Doctor,
    /// Turn tables that mark deleted rows in a column into tables with archive tables: `adopt tickets comments --online`.
    Adopt(Adopt),
    /// What was archived, restored, purged, held and erased, in the order of the commits.
    Events(Events),
    /// Write a migration that mends what `check` finds, or that archives or audits further tables.
    Generate(Generate),
    /// List archivals, the latest first.
    #[command(visible_alias = "ls")]
    List(Filter),
    /// Show an archival and its rows, or the archival of a row: `show 17`, `show posts 42`.
    Show(Show),
    /// Restore an archival, or the archival of a row: `restore 17`, `restore posts 42 --set posts.slug=first-2`.
    Restore(Restore),
    /// Delete archivals, or what has expired, from the archive tables for good.
    Purge(Purge),
    /// Place a hold on an archival, a row, a table or a person, or list the holds.
    Hold(Hold),
    /// End a hold.
    Release(Release),
    /// Erase the personal data of a person: `erase users 7`.
    Erase(Erase),
    /// The audit log of a row, an actor, a request or a transaction.
    Log(Log),
    /// Undo what one request or transaction changed, by the audit log: as a plan first.
    Undo(Undo),
    /// The tree of a table: what an archive of it moves. As text, Mermaid or SVG.
    Plan(Plan),
    /// Create partitions, and purge what has expired: for cron. Quiet when there was nothing to do.
    Maintain(Maintain),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page.
    Man,
}

#[derive(Debug, Group)]
pub(crate) struct Check {
    /// Also print the triggers of the application that fire while rows move.
    #[arg(long)]
    pub triggers: bool,
    /// Archive and restore so many rows of each entity, roll that back, and report what would not come back. For a command that knows entities.
    #[arg(long, value_name = "ROWS", default_value_t = 0, default_missing_value = "10", num_args = 0..=1)]
    pub rehearse: u64,
}

#[derive(Debug, Group)]
pub(crate) struct Adopt {
    /// The tables, with those that refer to them, in any order.
    #[arg(required = true)]
    pub tables: Vec<String>,
    /// The column with the time of the deletion. A table without it has no marks, and its rows follow those that they refer to.
    #[arg(long, default_value = "deleted_at", value_name = "COLUMN")]
    pub deleted_at: String,
    /// The column with the person who deleted the row.
    #[arg(long, default_value = "deleted_by", value_name = "COLUMN")]
    pub deleted_by: String,
    /// The column with the reason.
    #[arg(long, value_name = "COLUMN")]
    pub reason: Option<String>,
    /// The boolean column that marks a deleted row.
    #[arg(long, value_name = "COLUMN")]
    pub when: Option<String>,
    /// The time of deleted rows that have none.
    #[arg(long, value_name = "TIME")]
    pub time_if_unknown: Option<String>,
    /// The zone of times without one.
    #[arg(long, value_name = "ZONE")]
    pub time_zone: Option<String>,
    /// Leave the marking columns in the tables.
    #[arg(long)]
    pub keep_columns: bool,
    /// Archive rows that are not marked with the marked row that they refer to.
    #[arg(long)]
    pub archive_live_children: bool,
    /// Move most of the rows beside traffic first, in batches.
    #[arg(long)]
    pub online: bool,
    /// With --online: stop before the last step, which requires that no running build reads the marks.
    #[arg(long, requires = "online")]
    pub leave_columns_for_now: bool,
    /// Rows in one batch.
    #[arg(long, default_value_t = 1000)]
    pub batch: u32,
    /// Create the schema `archive` first.
    #[arg(long)]
    pub install: bool,
    /// Print what would be archived, and what prevents it, and change nothing.
    #[arg(long)]
    pub preview: bool,
}

#[derive(Debug, Group)]
pub(crate) struct Events {
    /// Only those after this position.
    #[arg(long, default_value_t = 0, value_name = "POSITION")]
    pub after: i64,
    /// At most so many.
    #[arg(long, default_value_t = 50)]
    pub limit: u32,
}

#[derive(Debug, Group)]
pub(crate) struct Generate {
    /// The folder with the migrations and their lib.rs.
    #[arg(long, default_value = "migration/src", value_name = "FOLDER")]
    pub directory: String,
    /// The name of the migration, after its date.
    #[arg(long, default_value = "follow_tables")]
    pub name: String,
    /// Also create an archive table for this table.
    #[arg(long, value_name = "TABLE")]
    pub archive: Vec<String>,
    /// Also audit this table.
    #[arg(long, value_name = "TABLE")]
    pub audit: Vec<String>,
    /// Print the migration, and write no file.
    #[arg(long)]
    pub print: bool,
}

/// Which archivals.
#[derive(Debug, Group)]
pub(crate) struct Filter {
    /// With a root in this table.
    pub table: Option<String>,
    /// Archived by this actor.
    #[arg(long, value_name = "ACTOR")]
    pub by: Option<String>,
    /// With this text in the reason.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Archived at this time or later, as PostgreSQL reads a time: 2026-11-26, "yesterday", "2026-11-26 14:00+01".
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Archived before this time.
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Which of them.
    #[arg(long, value_enum, default_value_t = State::Archived)]
    pub state: State,
    /// At most so many.
    #[arg(long, default_value_t = 50)]
    pub limit: u32,
    /// Only those with a smaller id: the next page.
    #[arg(long, value_name = "ID")]
    pub before: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum State {
    Archived,
    Restored,
    Purged,
    All,
}

#[derive(Debug, Group)]
pub(crate) struct Show {
    #[command(flatten)]
    pub target: Target,
    /// At most so many rows of each table.
    #[arg(long, default_value_t = 20)]
    pub rows: u32,
}

/// An archival by its id, or by the table and the primary key of a row in it.
#[derive(Debug, Group)]
pub(crate) struct Target {
    /// The id of the archival; or a table and the primary key of an archived row.
    #[arg(required = true, num_args = 1.., value_name = "ID | TABLE KEY")]
    pub target: Vec<String>,
}

#[derive(Debug, Group)]
pub(crate) struct Restore {
    #[command(flatten)]
    pub target: Target,
    /// Print what would be restored, and every conflict, and change nothing.
    #[arg(long)]
    pub preview: bool,
    /// Restore with another value of a column: posts.slug=first-2. Without a value: NULL.
    #[arg(long, value_name = "TABLE.COLUMN=VALUE")]
    pub set: Vec<String>,
    /// Give a text column a suffix where its value is taken: posts.slug.
    #[arg(long, value_name = "TABLE.COLUMN")]
    pub rename: Vec<String>,
    /// The suffix of --rename; {n} is the first free number.
    #[arg(long, default_value = "-{n}")]
    pub suffix: String,
    /// Leave rows with conflicts archived, and restore the others.
    #[arg(long)]
    pub skip_conflicting: bool,
    /// Restore missing parents first, where they are archived.
    #[arg(long)]
    pub with_parents: bool,
    /// Restore copies with new ids; the archived rows stay.
    #[arg(long)]
    pub as_new: bool,
}

#[derive(Debug, Group)]
pub(crate) struct Purge {
    /// The ids of archivals.
    #[arg(required_unless_present_any = ["expired", "older_than"], conflicts_with = "expired")]
    pub archivals: Vec<i64>,
    /// What the retention rules let expire.
    #[arg(long)]
    pub expired: bool,
    /// Archivals that were archived so many days ago or earlier.
    #[arg(long, value_name = "DAYS", conflicts_with_all = ["expired", "archivals"])]
    pub older_than: Option<u32>,
    /// Leave out what is held, instead of refusing.
    #[arg(long)]
    pub skip_held: bool,
    /// Recorded as the rule by which it was purged.
    #[arg(long, value_name = "NAME")]
    pub policy: Option<String>,
    /// Archivals in one transaction.
    #[arg(long, default_value_t = 1000)]
    pub batch: u32,
    /// Print what would be purged, and change nothing.
    #[arg(long)]
    pub preview: bool,
}

#[derive(Debug, Group)]
pub(crate) struct Hold {
    /// The id of an archival; a table; or a table and the primary key of a row. Without it the holds are listed.
    #[arg(value_name = "ID | TABLE [KEY]")]
    pub target: Vec<String>,
    /// The row is a person: hold everything of the person.
    #[arg(long)]
    pub person: bool,
    /// Why.
    #[arg(long, required_unless_present = "list")]
    pub reason: Option<String>,
    /// When it ends, as PostgreSQL reads a time.
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// List the holds in force.
    #[arg(long, conflicts_with_all = ["target", "reason"])]
    pub list: bool,
}

#[derive(Debug, Group)]
pub(crate) struct Release {
    /// The id of the hold.
    pub hold: i64,
    /// Why.
    #[arg(long)]
    pub reason: String,
}

#[derive(Debug, Group)]
pub(crate) struct Erase {
    /// The table of the person.
    pub table: String,
    /// The primary key of the person.
    #[arg(required = true, num_args = 1..)]
    pub key: Vec<String>,
    /// Why: part of the certificate.
    #[arg(long)]
    pub reason: Option<String>,
    /// Print what would be erased, and change nothing.
    #[arg(long)]
    pub preview: bool,
}

#[derive(Debug, Group)]
pub(crate) struct Log {
    /// A table and the primary key of a row.
    #[arg(value_name = "TABLE KEY")]
    pub row: Vec<String>,
    /// What this actor changed.
    #[arg(long, value_name = "ACTOR")]
    pub by: Option<String>,
    /// What this request changed.
    #[arg(long, value_name = "ID")]
    pub request: Option<String>,
    /// What this transaction changed.
    #[arg(long, value_name = "ID")]
    pub transaction: Option<i64>,
    /// Changed at this time or later, as PostgreSQL reads a time.
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Changed before this time.
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// At most so many entries, the latest first.
    #[arg(long, default_value_t = 50)]
    pub limit: u32,
}

#[derive(Debug, Group)]
pub(crate) struct Undo {
    /// The id of the request.
    #[arg(
        long,
        value_name = "ID",
        required_unless_present = "transaction",
        conflicts_with = "transaction"
    )]
    pub request: Option<String>,
    /// The id of the transaction.
    #[arg(long, value_name = "ID")]
    pub transaction: Option<i64>,
    /// Print the plan, and change nothing.
    #[arg(long)]
    pub preview: bool,
    /// Undo what has no conflict with a later change, and leave the rest.
    #[arg(long)]
    pub skip_conflicts: bool,
}

#[derive(Debug, Group)]
pub(crate) struct Plan {
    /// The table of the root.
    pub table: String,
    /// How it is drawn.
    #[arg(long, value_enum, default_value_t = Drawing::Text)]
    pub format: Drawing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Drawing {
    Text,
    Mermaid,
    Svg,
}

#[derive(Debug, Group)]
pub(crate) struct Maintain {
    /// Months of the audit log, and partitions of archive tables, to create ahead.
    #[arg(long, default_value_t = 3)]
    pub ahead: i32,
    /// Create partitions only.
    #[arg(long)]
    pub keep_expired: bool,
}
