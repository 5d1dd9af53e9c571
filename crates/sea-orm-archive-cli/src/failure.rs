//! Why a command failed, and its exit code.

use sea_orm_archive::ErrorKind;
use serde_json::json;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("no database is named: set DATABASE_URL, also in a file .env, or pass --database-url")]
    NoDatabase,
    #[error("the database URL {0}")]
    BadUrl(String),
    #[error("there is no {0}")]
    NotFound(String),
    #[error("{0}")]
    Usage(String),
    #[error("not done: there is no terminal to ask on; pass --yes to do it")]
    NobodyToAsk,
    #[error("{0}")]
    Conflict(String),
    #[error("not done")]
    Declined,
    #[error(
        "interrupted: what ran was rolled back; batches before it are done, and the same command goes on with the rest"
    )]
    Interrupted,
    #[error(transparent)]
    Archive(#[from] sea_orm_archive::Error),
}

impl From<sea_orm::DbErr> for Failure {
    fn from(error: sea_orm::DbErr) -> Self {
        Self::Archive(error.into())
    }
}

impl Failure {
    pub fn code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::NobodyToAsk | Self::NoDatabase | Self::BadUrl(_) => 2,
            Self::Conflict(_) => 1,
            Self::NotFound(_) => 3,
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
        if json {
            println!(
                "{}",
                json!({"error": self.to_string(), "exit_code": self.code()})
            );
        } else {
            eprintln!("error: {self}");
        }
    }
}
