//! `cargo bench -p sea-orm-archive-benches`. With `-- --quick` it only checks that the benchmarks run.
//! With `-- --moves` it measures only archive and restore, with `-- --reads` only reads, with `-- --scale` only what must not
//! grow with the number of rows, with `-- --guard` only guards, with `-- --history` only valid time, with `-- --audit` only the audit log,
//! with `-- --adopt` only the adoption of marked rows.

use sea_orm_archive_benches::{Fallible, Parts, Size, run};

fn main() -> Fallible {
    let has = |flag: &str| std::env::args().any(|argument| argument == flag);
    let size = if has("--quick") {
        Size::QUICK
    } else {
        Size::FULL
    };
    let parts = if has("--moves") {
        Parts::Moves
    } else if has("--reads") {
        Parts::Reads
    } else if has("--scale") {
        Parts::Scale
    } else if has("--guard") {
        Parts::Guard
    } else if has("--history") {
        Parts::History
    } else if has("--audit") {
        Parts::Audit
    } else if has("--adopt") {
        Parts::Adopt
    } else {
        Parts::All
    };
    run(size, parts)
}
