//! Runs a call, and converts its result to the types of the model.

use sea_orm::sea_query::{PostgresQueryBuilder, QueryBuilder};
use sea_orm::{DatabaseConnection, IdenStatic, Value};
use sea_orm_archive::error::{ConflictError, NotFoundError, RefusedError};
use sea_orm_archive::prelude::*;
use serde_json::Value as Json;

use crate::history::calls::{Call, Given, When};
use crate::history::model::{IDENTITIES, Instant, Refusal, Version};
use crate::history::tables::Table;

/// Sets the values of a call on a builder.
macro_rules! give {
    ($builder:expr, $given:expr) => {{
        let Given { name, floor } = $given;
        let mut builder = $builder;
        if let Some(name) = name {
            builder = builder.value(T::NAME, name.clone());
        }
        if let Some(floor) = floor {
            builder = builder.value(T::FLOOR, *floor);
        }
        builder
    }};
}

/// Sets the time of a builder, unless it is now.
macro_rules! at {
    ($builder:expr, $method:ident, $when:expr) => {
        match $when {
            When::At(at) => $builder.$method(T::time(*at)),
            When::Now => $builder,
        }
    };
}

pub async fn perform<T: Table>(
    db: &DatabaseConnection,
    call: &Call,
) -> Result<Vec<Version>, Error> {
    let id = |id: &usize| T::identity(*id);
    let time = |at: &Instant| T::time(*at);
    let done = match call {
        Call::Start {
            id: n,
            from,
            until,
            given,
        } => {
            let mut start = at!(give!(T::start(id(n)), given), valid_from, from);
            if let Some(until) = until {
                start = start.valid_to(time(until));
            }
            vec![start.exec(db).await?]
        }
        Call::Change { id: n, from, given } => {
            let change = give!(T::change(id(n)), given);
            vec![at!(change, valid_from, from).exec(db).await?]
        }
        Call::During {
            id: n,
            from,
            to,
            given,
        } => {
            let to = to.as_ref().map(time);
            let period = Period {
                from: time(from),
                to,
            };
            let change = give!(T::change(id(n)).during(period), given);
            change.exec(db).await?
        }
        Call::Correct { id: n, at, given } => {
            let correct = give!(T::correct(id(n), time(at)), given);
            vec![correct.exec(db).await?]
        }
        Call::End { id: n, at } => vec![at!(T::end(id(n)), at, at).exec(db).await?],
        Call::Merge {
            ended,
            into,
            at,
            given,
        } => {
            let merge = give!(T::merge(id(ended)).into_identity(id(into)), given);
            vec![at!(merge, at, at).exec(db).await?]
        }
        Call::Cancel { id: n, starts } => vec![T::cancel(id(n), time(starts)).exec(db).await?],
        Call::Reschedule { id: n, starts, to } => {
            let moved = T::reschedule(id(n), time(starts), time(to));
            vec![moved.exec(db).await?]
        }
        Call::Coalesce { id: n } => T::coalesce(id(n)).exec(db).await?,
    };
    Ok(done.into_iter().map(T::version).collect())
}

/// The refusal of the model that an error corresponds to; the text of the error if there is none.
pub fn refusal<T: Table>(error: &Error, instants: &[Instant]) -> Result<Refusal, String> {
    let number = |identity: &Json| {
        (0..IDENTITIES)
            .find(|n| identity_json::<T>(*n) == *identity)
            .ok_or_else(|| format!("{error} is of no identity"))
    };
    Ok(match error {
        Error::Conflict(ConflictError::Overlap { .. }) => Refusal::Overlap,
        Error::Refused(RefusedError::EmptyPeriod { .. }) => Refusal::EmptyPeriod,
        Error::NotFound(NotFoundError::Version { identity, .. }) => Refusal::NoVersion {
            identity: number(identity)?,
        },
        Error::Conflict(ConflictError::LaterVersion {
            identity, starts, ..
        }) => Refusal::LaterVersion {
            identity: number(identity)?,
            starts: *instants
                .iter()
                .find(|at| text(T::time(**at).into()) == *starts)
                .ok_or_else(|| format!("{error}: nothing starts then"))?,
        },
        Error::NotFound(NotFoundError::ScheduledVersion { identity, .. }) => {
            Refusal::NotScheduled {
                identity: number(identity)?,
            }
        }
        Error::Refused(RefusedError::SameIdentity { .. }) => Refusal::SameIdentity,
        Error::NotFound(NotFoundError::Identity { .. }) => Refusal::NoIdentity,
        other => return Err(format!("{other:?}")),
    })
}

/// `{"site": 1, "code": "x"}`.
fn identity_json<T: Table>(number: usize) -> Json {
    let values: sea_orm::sea_query::ValueTuple = T::identity(number).into();
    let value = |value: Value| {
        let text = text(value);
        text.parse::<i64>().map_or(Json::from(text), Json::from)
    };
    let names = T::columns().identity.into_iter();
    names
        .zip(values)
        .map(|(column, of_it)| (column.as_str(), value(of_it)))
        .collect()
}

fn text(value: Value) -> String {
    let text = PostgresQueryBuilder.value_to_string(&value);
    text.trim_matches('\'').to_owned()
}
