//! The arguments of the command.

use clap::{ArgGroup, Args as Group, Parser, Subcommand, ValueEnum};

use crate::help;

const EVERY_COMMAND: &str = "Options of every command";

/// Lists, shows, restores, purges, holds and erases what sea-orm-archive has archived, and checks the database.
#[derive(Debug, Parser)]
#[command(
    name = "sea-orm-archive",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    max_term_width = 100,
    after_help = help::COMMAND
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub command: Command,
    /// The database: postgres://user@host/name. Also read from a file .env. [env: DATABASE_URL]
    #[arg(long, global = true, help_heading = EVERY_COMMAND, value_name = "URL")]
    pub database_url: Option<String>,
    /// Print the answer as JSON.
    #[arg(long, global = true, help_heading = EVERY_COMMAND)]
    pub json: bool,
    /// Answer every question with yes. Needed where there is no terminal.
    #[arg(long, short = 'y', global = true, help_heading = EVERY_COMMAND)]
    pub yes: bool,
    /// Act for this tenant. [env: SEA_ORM_ARCHIVE_TENANT]
    #[arg(long, global = true, help_heading = EVERY_COMMAND, value_name = "TENANT")]
    pub tenant: Option<String>,
    /// Who acts: recorded with what is restored, purged, held, released, erased or undone. [env: SEA_ORM_ARCHIVE_ACTOR]
    #[arg(long = "as", global = true, help_heading = EVERY_COMMAND, value_name = "ACTOR")]
    pub actor: Option<String>,
}

impl Args {
    /// Takes what is not passed from the environment. clap would print such options in its usage as if they were required.
    pub fn or_environment(mut self) -> Self {
        for (argument, variable) in [
            (&mut self.database_url, "DATABASE_URL"),
            (&mut self.tenant, "SEA_ORM_ARCHIVE_TENANT"),
            (&mut self.actor, "SEA_ORM_ARCHIVE_ACTOR"),
        ] {
            if argument.is_none() {
                *argument = std::env::var(variable).ok();
            }
        }
        self
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List archivals, the latest first.
    #[command(visible_alias = "ls", after_help = help::LIST)]
    List(Filter),
    /// Show an archival, who archived it and why, its holds and its rows.
    #[command(after_help = help::SHOW)]
    Show(Show),
    /// Restore an archival, or one row of it.
    #[command(after_help = help::RESTORE)]
    Restore(Restore),
    /// Delete archivals, or what has expired, from the archive tables for good.
    #[command(after_help = help::PURGE)]
    Purge(Purge),
    /// Place a hold on an archival, a row, a table or a person: it is neither purged nor erased. Without arguments: list the holds.
    #[command(after_help = help::HOLD)]
    Hold(Hold),
    /// End a hold.
    #[command(after_help = help::RELEASE)]
    Release(Release),
    /// Erase the personal data of a person, and print the certificate.
    #[command(after_help = help::ERASE)]
    Erase(Erase),
    /// List what was archived, restored, purged, held and erased, in the order of the commits.
    #[command(after_help = help::EVENTS)]
    Events(Events),
    /// Show the audit log of a row, a table, an actor, a request or a transaction.
    #[command(after_help = help::LOG)]
    Log(Log),
    /// Undo what one request or transaction changed in audited tables. Prints the plan, and asks.
    #[command(after_help = help::UNDO)]
    Undo(Undo),
    /// Draw the tree of a table: the tables whose rows an archive moves too. As text, Mermaid or SVG.
    #[command(after_help = help::PLAN)]
    Plan(Plan),
    /// Turn tables that mark deleted rows, such as with `deleted_at`, into tables with archive tables.
    #[command(after_help = help::ADOPT)]
    Adopt(Adopt),
    /// Compare the database with what the migrations registered. Exits with 1 where something differs.
    #[command(after_help = help::CHECK)]
    Check(Check),
    /// Run `check`, and inspect settings, rights, sequences, partitions and old transactions.
    #[command(after_help = help::DOCTOR)]
    Doctor,
    /// Write a migration that fixes what `check` finds, or that archives or audits more tables.
    #[command(after_help = help::GENERATE)]
    Generate(Generate),
    /// Create partitions, and purge what has expired: for cron. Prints nothing if there was nothing to do.
    #[command(after_help = help::MAINTAIN)]
    Maintain(Maintain),
    /// Print a completion script for a shell.
    #[command(after_help = help::COMPLETIONS)]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page.
    #[command(after_help = help::MAN)]
    Man,
}

#[derive(Debug, Group)]
pub(crate) struct Check {
    /// Also print the triggers of the application that fire while rows move.
    #[arg(long)]
    pub triggers: bool,
    /// Archive and restore this many rows of each entity, roll that back, and report what would not come back. Only in a binary of the application that knows its entities.
    #[arg(long, value_name = "ROWS", default_value_t = 0, default_missing_value = "10", num_args = 0..=1)]
    pub rehearse: u64,
}

#[derive(Debug, Group)]
pub(crate) struct Adopt {
    /// The tables to adopt. Name those that refer to each other in one call, in any order.
    #[arg(required = true)]
    pub tables: Vec<String>,
    /// The column with the time of the deletion. In a table without a mark, rows are archived with the row that they refer to. [default: deleted_at]
    #[arg(long, value_name = "COLUMN")]
    pub deleted_at: Option<String>,
    /// The column with the user who deleted the row. [default: deleted_by]
    #[arg(long, value_name = "COLUMN")]
    pub deleted_by: Option<String>,
    /// The column with the reason of the deletion.
    #[arg(long, value_name = "COLUMN")]
    pub reason: Option<String>,
    /// The boolean column that marks a deleted row, such as is_deleted.
    #[arg(long, value_name = "COLUMN")]
    pub when: Option<String>,
    /// The column that has one value in deleted rows, and the value for rows that are restored later: state=trash,draft.
    #[arg(long, value_name = "COLUMN=DELETED,RESTORED", conflicts_with = "when")]
    pub status: Option<String>,
    /// The column with the time of the deletion where that is not a mark, such as updated_at.
    #[arg(long, value_name = "COLUMN")]
    pub time_of: Option<String>,
    /// The time for deleted rows that have none.
    #[arg(long, value_name = "TIME")]
    pub time_if_unknown: Option<String>,
    /// The time zone for columns without one, such as UTC.
    #[arg(long, value_name = "ZONE")]
    pub time_zone: Option<String>,
    /// Leave the marking columns in the tables.
    #[arg(long)]
    pub keep_columns: bool,
    /// Where a row is not marked, and refers to a marked row: archive it with that row.
    #[arg(long)]
    pub archive_live_children: bool,
    /// First move the rows in batches, while the application uses the tables.
    #[arg(long)]
    pub online: bool,
    /// With --online: leave the columns in the tables. Call again without it when no running application reads them.
    #[arg(long, requires = "online")]
    pub leave_columns_for_now: bool,
    /// How many rows are moved in one batch.
    #[arg(long, default_value_t = 1000)]
    pub batch: u32,
    /// Create the schema `archive` first, if it does not exist.
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
    /// At most this many.
    #[arg(long, default_value_t = 50)]
    pub limit: u32,
}

#[derive(Debug, Group)]
pub(crate) struct Generate {
    /// The folder with the migrations and their lib.rs.
    #[arg(long, default_value = "migration/src", value_name = "FOLDER")]
    pub directory: String,
    /// The name of the migration. Its date is put before it.
    #[arg(long, default_value = "follow_tables")]
    pub name: String,
    /// Also create an archive table for this table.
    #[arg(long, value_name = "TABLE")]
    pub archive: Vec<String>,
    /// Also audit this table. Where the database has no audit log, the migration installs it.
    #[arg(long, value_name = "TABLE")]
    pub audit: Vec<String>,
    /// Only print what to write in the entity of this table, with the relations that need a policy.
    #[arg(long, value_name = "TABLE", conflicts_with_all = ["archive", "audit", "print"])]
    pub entity: Vec<String>,
    /// Print the migration, and write no file.
    #[arg(long)]
    pub print: bool,
}

/// Which archivals.
#[derive(Debug, Group)]
pub(crate) struct Filter {
    /// Only archivals with a root in this table.
    pub table: Option<String>,
    /// Archived by this actor.
    #[arg(long, value_name = "ACTOR")]
    pub by: Option<String>,
    /// With this text in the reason.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Archived at this time or later, as PostgreSQL reads a time: 2026-11-26, yesterday, "2026-11-26 14:00+01".
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Archived before this time.
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Only archivals in this state.
    #[arg(long, value_enum, default_value_t = State::Archived)]
    pub state: State,
    /// At most this many.
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
    /// At most this many rows of each table.
    #[arg(long, default_value_t = 20)]
    pub rows: u32,
}

/// An archival by its id, or by the table and the primary key of a row in it.
#[derive(Debug, Group)]
pub(crate) struct Target {
    /// The id of an archival. Or a table and the primary key of an archived row, for the archival that the row is in.
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
    /// Only restore this row and the rows below it. The rest of its archival stays archived.
    #[arg(long, conflicts_with = "as_new")]
    pub part: bool,
    /// Restore with another value of a column: posts.slug=first-2. Without `=`: NULL.
    #[arg(long, value_name = "TABLE.COLUMN=VALUE")]
    pub set: Vec<String>,
    /// Append a suffix to the value of a text column where it is taken: posts.slug.
    #[arg(long, value_name = "TABLE.COLUMN")]
    pub rename: Vec<String>,
    // Not a comment of documentation: there `{n}` would be a line break.
    #[arg(
        long,
        default_value = "-{n}",
        help = "The suffix of --rename, with the first free number for n in braces"
    )]
    pub suffix: String,
    /// Leave rows with conflicts archived, and restore the others.
    #[arg(long)]
    pub skip_conflicting: bool,
    /// First restore parents of the rows that are archived.
    #[arg(long)]
    pub with_parents: bool,
    /// Restore copies with new ids; the archived rows stay.
    #[arg(long)]
    pub as_new: bool,
}

#[derive(Debug, Group)]
#[command(group(ArgGroup::new("purged").required(true).args(["archivals", "expired", "older_than"])))]
pub(crate) struct Purge {
    /// The ids of archivals.
    #[arg(value_name = "ID")]
    pub archivals: Vec<i64>,
    /// What has expired by the retention rules.
    #[arg(long)]
    pub expired: bool,
    /// What was archived this many days ago or earlier.
    #[arg(long, value_name = "DAYS")]
    pub older_than: Option<u32>,
    /// Leave out archivals that are held. Without it nothing is purged if one is held.
    #[arg(long)]
    pub skip_held: bool,
    /// The name of the rule, to be recorded with the purge.
    #[arg(long, value_name = "NAME")]
    pub policy: Option<String>,
    /// How many archivals are purged in one transaction.
    #[arg(long, default_value_t = 1000)]
    pub batch: u32,
    /// Print what would be purged, and change nothing.
    #[arg(long)]
    pub preview: bool,
}

#[derive(Debug, Group)]
pub(crate) struct Hold {
    /// The id of an archival. Or a table. Or a table and the primary key of a row, active or archived. Without it the holds are listed.
    #[arg(value_name = "ID | TABLE [KEY]", requires = "reason")]
    pub target: Vec<String>,
    /// The row is a person: hold everything of the person.
    #[arg(long, requires = "target")]
    pub person: bool,
    /// Why it is held.
    #[arg(long, requires = "target")]
    pub reason: Option<String>,
    /// When the hold ends, as PostgreSQL reads a time. Without it: when it is released.
    #[arg(long, value_name = "TIME", requires = "target")]
    pub until: Option<String>,
    /// List the holds in force.
    #[arg(long, conflicts_with_all = ["target", "reason"])]
    pub list: bool,
}

#[derive(Debug, Group)]
pub(crate) struct Release {
    /// The id of the hold, as `hold` lists it.
    pub hold: i64,
    /// Why it is released.
    #[arg(long)]
    pub reason: String,
}

#[derive(Debug, Group)]
pub(crate) struct Erase {
    /// The table of persons, such as users.
    pub table: String,
    /// The primary key of the person.
    #[arg(required = true, num_args = 1..)]
    pub key: Vec<String>,
    /// Why. It is in the certificate.
    #[arg(long)]
    pub reason: Option<String>,
    /// Print what would be erased, and change nothing.
    #[arg(long)]
    pub preview: bool,
}

#[derive(Debug, Group)]
pub(crate) struct Log {
    /// A table. Or a table and the primary key of a row.
    #[arg(value_name = "TABLE [KEY]")]
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
    /// At most this many entries, the latest first.
    #[arg(long, default_value_t = 50)]
    pub limit: u32,
}

#[derive(Debug, Group)]
#[command(group(ArgGroup::new("undone").required(true).args(["request", "transaction"])))]
pub(crate) struct Undo {
    /// The id of the request, as `log` prints it.
    #[arg(long, value_name = "ID")]
    pub request: Option<String>,
    /// The id of the transaction, as `log` prints it.
    #[arg(long, value_name = "ID")]
    pub transaction: Option<i64>,
    /// Print the plan, and change nothing.
    #[arg(long)]
    pub preview: bool,
    /// Undo what has no conflict with a later change, and leave the others as they are.
    #[arg(long)]
    pub skip_conflicts: bool,
}

#[derive(Debug, Group)]
pub(crate) struct Plan {
    /// The table at the top of the tree.
    pub table: String,
    /// The format.
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
    /// How many months of the audit log, and partitions of archive tables, exist ahead.
    #[arg(long, default_value_t = 3)]
    pub ahead: i32,
    /// Only create partitions, and purge nothing.
    #[arg(long)]
    pub keep_expired: bool,
}
