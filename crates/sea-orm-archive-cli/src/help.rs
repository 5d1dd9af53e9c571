//! The last lines of each `--help`: examples of real use.

pub(crate) const COMMAND: &str = "\
Words:
  archival  What one deletion moved to the archive tables: a row, and the rows below it
  root      The row of an archival that was deleted itself

Examples:
  sea-orm-archive adopt tickets comments --install --preview
  sea-orm-archive list --since yesterday --until today
  sea-orm-archive restore tickets 42 --preview

Exit codes: 0 done, 1 findings, conflicts or holds, 2 wrong usage, 3 not found, 4 answered no,
5 the database, the schema or the rights do not allow it";

pub(crate) const LIST: &str = "\
Examples:
  sea-orm-archive list --since yesterday --until today
  sea-orm-archive list tickets --by 7 --reason spam --state all";

pub(crate) const SHOW: &str = "\
Examples:
  sea-orm-archive show 17
  sea-orm-archive show tickets 42";

pub(crate) const RESTORE: &str = "\
Examples:
  sea-orm-archive restore tickets 42 --set tickets.slug=printer-2 --as 7
  sea-orm-archive restore comments 204 --part --preview";

pub(crate) const PURGE: &str = "\
Examples:
  sea-orm-archive purge 17 18
  sea-orm-archive purge --older-than 365 --skip-held --preview";

pub(crate) const HOLD: &str = "\
Examples:
  sea-orm-archive hold tickets 42 --reason \"case 17\" --until 2027-01-01
  sea-orm-archive hold";

pub(crate) const RELEASE: &str = "\
Example:
  sea-orm-archive release 3 --reason \"case closed\" --as 7";

pub(crate) const ERASE: &str = "\
Examples:
  sea-orm-archive erase users 7 --preview
  sea-orm-archive erase users 7 --reason \"request 2026-17\" --as 1";

pub(crate) const EVENTS: &str = "\
Example:
  sea-orm-archive events --after 1200 --limit 100 --json";

pub(crate) const LOG: &str = "\
Examples:
  sea-orm-archive log tickets 42
  sea-orm-archive log --by 7 --since yesterday";

pub(crate) const UNDO: &str = "\
Examples:
  sea-orm-archive undo --request 7f3a --preview
  sea-orm-archive undo --transaction 812 --skip-conflicts --as 7";

pub(crate) const PLAN: &str = "\
Examples:
  sea-orm-archive plan tickets
  sea-orm-archive plan tickets --format mermaid > tickets.mmd";

pub(crate) const ADOPT: &str = "\
Examples:
  sea-orm-archive adopt tickets comments --install --preview
  sea-orm-archive adopt tickets comments --install --online --reason delete_reason";

pub(crate) const CHECK: &str = "\
Example, in CI after the migrations:
  sea-orm-archive check";

pub(crate) const DOCTOR: &str = "\
Example:
  sea-orm-archive doctor";

pub(crate) const GENERATE: &str = "\
Examples:
  sea-orm-archive generate --print
  sea-orm-archive generate --name audit_tickets --audit tickets";

pub(crate) const MAINTAIN: &str = "\
Example, a line of a crontab:
  0 3 * * * sea-orm-archive maintain --database-url postgres://maintenance@db/app";

pub(crate) const COMPLETIONS: &str = "\
Examples:
  sea-orm-archive completions bash > ~/.local/share/bash-completion/completions/sea-orm-archive
  sea-orm-archive completions fish > ~/.config/fish/completions/sea-orm-archive.fish";

pub(crate) const MAN: &str = "\
Example:
  sea-orm-archive man > sea-orm-archive.1";
