//! What does not grow: the time for a row in batches, the memory of the client, and small moves beside a large archive.

mod batches;
mod flat;

use throwaway_postgres::Postgres;

use crate::{Fallible, Size};

pub(crate) async fn run(server: &Postgres, size: &Size) -> Fallible {
    flat::run(server, size).await?;
    batches::run(server, size).await
}
