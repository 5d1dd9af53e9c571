//! `cargo bench -p sea-orm-archive-benches`, with `-- --quick` for a look that proves nothing, and
//! with `-- --history` for valid time alone or `-- --audit` for the audit log alone.

use sea_orm_archive_benches::{Fallible, Parts, Size, run};

fn main() -> Fallible {
    let has = |flag: &str| std::env::args().any(|argument| argument == flag);
    let size = if has("--quick") {
        Size::QUICK
    } else {
        Size::FULL
    };
    let parts = if has("--history") {
        Parts::History
    } else if has("--audit") {
        Parts::Audit
    } else {
        Parts::All
    };
    run(size, parts)
}
