//! Starts a throwaway PostgreSQL, prints its address, and keeps it until it is interrupted.
//!
//! ```text
//! $ cargo run -p throwaway-postgres
//! postgres://postgres@localhost:5432/postgres?host=/tmp/pg-x3K9aQ2p
//! ```

use std::{error::Error, thread};

use throwaway_postgres::Postgres;

fn main() -> Result<(), Box<dyn Error>> {
    let postgres = Postgres::start()?;
    println!("{}", postgres.url("postgres"));
    // Ctrl-C ends us without running a destructor, and the server goes all the same.
    loop {
        thread::park();
    }
}
