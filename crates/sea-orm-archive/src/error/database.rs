//! What PostgreSQL reports in an error.

use sea_orm::{DbErr, RuntimeErr, SqlxError, SqlxPostgresError};
use sea_orm_archive_postgres::sqlstate;

use super::{ConflictError, Error};

/// What a temporal foreign key refuses, or any other trigger that raises the SQLSTATE of a foreign key: no row of the
/// catalog describes the rows in the way, so the message does.
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

/// The same, where the function of a trigger refused, and not a foreign key of the catalog.
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

/// PostgreSQL's own error, where that is what it is.
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
