//! Why a command failed, and its exit code.

use sea_orm_archive::ErrorKind;
use serde_json::json;

use crate::answer::{printable, write};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("no database is named: set DATABASE_URL, also in a file .env, or pass --database-url")]
    NoDatabase,
    #[error("no connection to {0}: {1}")]
    NoConnection(String, String),
    #[error("the database URL {0}")]
    BadUrl(String),
    #[error("there is no {0}")]
    NotFound(String),
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Setup(String),
    #[error("nothing was changed: there is no terminal to ask on; pass --yes to do it")]
    NobodyToAsk,
    #[error("{0}")]
    Conflict(String),
    #[error("nothing was changed")]
    Declined,
    #[error(
        "interrupted: what had not ended is rolled back; what had ended before is done, and the same command goes on with the rest"
    )]
    Interrupted,
    #[error("it is done, and the answer could not be written: {0}")]
    Unprinted(std::io::Error),
    #[error(transparent)]
    Archive(sea_orm_archive::Error),
}

impl From<sea_orm_archive::Error> for Failure {
    fn from(error: sea_orm_archive::Error) -> Self {
        match error {
            sea_orm_archive::Error::Database(error) => error.into(),
            error => Self::Archive(error),
        }
    }
}

impl From<sea_orm::DbErr> for Failure {
    /// A value of an argument that PostgreSQL cannot read, such as a time, is wrong usage: class 22.
    fn from(error: sea_orm::DbErr) -> Self {
        match (code_and_message(&error), error) {
            (Some((code, message)), _) if code.starts_with("22") => Self::Usage(format!(
                "PostgreSQL cannot read the value of an argument: {message}"
            )),
            // Statements of the driver are in another session than that in which it prepared them.
            (Some((code, message)), _) if matches!(code.as_str(), "26000" | "42P05") => {
                Self::Setup(format!(
                    "{message}: a pooler that does not know prepared statements is in between; pass --database-url with the address of PostgreSQL"
                ))
            }
            (Some((code, message)), _) if code == "42501" => Self::Setup(format!(
                "{message}: the guide lists under Roles and grants what the role needs for it"
            )),
            (_, sea_orm::DbErr::Migration(message)) => Self::Setup(message),
            (_, error) => Self::Archive(error.into()),
        }
    }
}

/// The SQLSTATE and the message of PostgreSQL.
fn code_and_message(error: &sea_orm::DbErr) -> Option<(String, String)> {
    let (sea_orm::DbErr::Query(error) | sea_orm::DbErr::Exec(error)) = error else {
        return None;
    };
    let sea_orm::RuntimeErr::SqlxError(error) = error else {
        return None;
    };
    let error = error.as_database_error()?;
    Some((error.code()?.into_owned(), error.message().to_owned()))
}

impl Failure {
    pub fn code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::NobodyToAsk | Self::NoDatabase | Self::BadUrl(_) => 2,
            Self::Conflict(_) => 1,
            Self::NotFound(_) => 3,
            Self::NoConnection(..) | Self::Setup(_) => 5,
            Self::Unprinted(_) => 6,
            Self::Declined => 4,
            Self::Interrupted => 130,
            Self::Archive(error) => match error.kind() {
                ErrorKind::Conflict => 1,
                ErrorKind::Refused => 2,
                ErrorKind::NotFound => 3,
                _ => 5,
            },
        }
    }

    pub fn print(&self, json: bool) {
        let message = self.to_string();
        if json {
            let error = json!({"error": message, "exit_code": self.code()});
            let _ = write(&mut std::io::stdout().lock(), &format!("{error}\n"));
        } else {
            let text = format!("error: {}\n", printable(&message));
            let _ = write(&mut std::io::stderr().lock(), &text);
        }
    }
}
