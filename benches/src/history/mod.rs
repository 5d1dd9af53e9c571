//! Valid time: the cost of a change, of reading a version, of a join and of a bulk load.

mod change;
mod join;
mod load;
mod tables;
mod version_at;

use throwaway_postgres::Postgres;

use crate::{Fallible, Size};

pub(crate) async fn run(server: &Postgres, size: &Size) -> Fallible {
    change::run(server, size).await?;
    version_at::run(server, size).await?;
    join::run(server, size).await?;
    load::run(server, size).await
}
