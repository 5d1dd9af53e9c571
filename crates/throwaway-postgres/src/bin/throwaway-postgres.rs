//! Starts a throwaway PostgreSQL, prints its address, and runs it until it is interrupted.
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
    // Ctrl-C ends this process without running a destructor. The server is stopped all the same.
    loop {
        thread::park();
    }
}
