//! Valid time: what a change, a look-up, a join and a bulk load cost.

mod change;
mod join;
mod load;
mod look_up;
mod tables;

use throwaway_postgres::Postgres;

use crate::{Fallible, Size};

pub(crate) async fn run(server: &Postgres, size: &Size) -> Fallible {
    change::run(server, size).await?;
    look_up::run(server, size).await?;
    join::run(server, size).await?;
    load::run(server, size).await
}
