//! The audit log: the cost of a change, against the design of a blog post and against native rows.

mod archive;
mod as_of;
mod changes;
mod clock;
mod loggers;

use throwaway_postgres::Postgres;

use crate::{Fallible, Size};

pub(crate) async fn run(server: &Postgres, size: &Size) -> Fallible {
    changes::run(server, size).await?;
    as_of::run(server, size).await?;
    archive::run(server, size).await
}
