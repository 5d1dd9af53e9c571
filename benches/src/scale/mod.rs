//! What does not grow: the time for a row in batches, the memory of the client, small moves beside a large archive, and the time of a purge
//! by partition.

mod batches;
mod flat;
mod partitions;

use throwaway_postgres::Postgres;

use crate::{Fallible, Size};

pub(crate) async fn run(server: &Postgres, size: &Size) -> Fallible {
    partitions::run(server, size).await?;
    flat::run(server, size).await?;
    batches::run(server, size).await
}
