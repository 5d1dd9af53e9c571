//! Reads the errors that PostgreSQL reports.

use sea_orm::{DbErr, RuntimeErr, SqlxError, SqlxPostgresError};
use sea_orm_archive_postgres::sqlstate;

use super::{ConflictError, Error};

/// The conflict for an error with the SQLSTATE of a foreign key, which a temporal foreign key or another
/// trigger may raise too. The catalog does not describe such a trigger, so the message of the database is the
/// detail.
pub(crate) fn dependent_rows(table: &str, error: &Error) -> Option<Error> {
    let Error::Database(source) = error else {
        return None;
    };
    let source = postgres(source).filter(|e| sqlstate::is_foreign_key(e.code()))?;
    let dependent = ConflictError::DependentRows {
        table: table.to_owned(),
        constraint: source.constraint().unwrap_or_default().to_owned(),
        detail: match source.detail().filter(|_| !is_raised(source)) {
            Some(detail) => format!("{}: {}", source.message(), detail.trim_end_matches('.')),
            None => source.message().to_owned(),
        },
    };
    Some(dependent.into())
}

/// [`dependent_rows`] only if the function of a trigger raised the error, not a foreign key of the catalog.
pub(crate) fn refused_by_trigger(table: &str, error: &Error) -> Option<Error> {
    let Error::Database(source) = error else {
        return None;
    };
    postgres(source).filter(|e| is_raised(e))?;
    dependent_rows(table, error)
}

fn is_raised(error: &SqlxPostgresError) -> bool {
    error.routine() == Some("exec_stmt_raise")
}

/// The SQLSTATE of a database error.
pub(crate) fn code(error: &Error) -> Option<&str> {
    match error {
        Error::Database(error) => postgres(error).map(SqlxPostgresError::code),
        _ => None,
    }
}

/// The error of PostgreSQL that a `DbErr` contains, if any.
pub(crate) fn postgres(error: &DbErr) -> Option<&SqlxPostgresError> {
    match error {
        DbErr::Exec(RuntimeErr::SqlxError(e))
        | DbErr::Query(RuntimeErr::SqlxError(e))
        | DbErr::Conn(RuntimeErr::SqlxError(e)) => match e.as_ref() {
            SqlxError::Database(e) => e.try_downcast_ref::<SqlxPostgresError>(),
            _ => None,
        },
        _ => None,
    }
}
