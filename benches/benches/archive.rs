//! `cargo bench -p sea-orm-archive-benches`, with `-- --quick` for a look that proves nothing.

use sea_orm_archive_benches::{Fallible, Size, run};

fn main() -> Fallible {
    let quick = std::env::args().any(|argument| argument == "--quick");
    run(if quick { Size::QUICK } else { Size::FULL })
}
