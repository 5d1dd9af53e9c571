//! The connection of a command.

use std::time::Duration;

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement,
};
use url::Url;

use crate::failure::Failure;

/// Connects with one connection. The tenant and the actor are the context of its session.
pub(crate) async fn connect(
    url: Option<&str>,
    tenant: Option<&str>,
    actor: Option<&str>,
) -> Result<DatabaseConnection, Failure> {
    let url = url.ok_or(Failure::NoDatabase)?;
    check(url)?;
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(1)
        .min_connections(1)
        .acquire_timeout(Duration::from_secs(15))
        .connect_timeout(Duration::from_secs(15))
        .idle_timeout(None::<Duration>)
        .max_lifetime(None::<Duration>)
        .sqlx_logging(false);
    let db = Database::connect(options)
        .await
        .map_err(|error| Failure::NoConnection(place(url), error.to_string()))?;
    for (meaning, value) in [("tenant", tenant), ("actor", actor)] {
        if let Some(value) = value {
            let set = Statement::from_sql_and_values(
                DbBackend::Postgres,
                "SELECT pg_catalog.set_config(s.name, $2, false) FROM archive.context_setting AS s WHERE s.meaning OPERATOR(pg_catalog.=) $1",
                [meaning.into(), value.into()],
            );
            db.query_one_raw(set).await?;
        }
    }
    Ok(db)
}

/// The host and the database of a URL, without user and password.
fn place(url: &str) -> String {
    let Ok(url) = Url::parse(url) else {
        return String::new();
    };
    let port = url
        .port()
        .map_or_else(String::new, |port| format!(":{port}"));
    // A URL with a slash too many has the password in its path.
    let database = url.path().rsplit('@').next().unwrap_or_default();
    format!(
        "{}{port}/{}",
        url.host_str().unwrap_or_default(),
        database.trim_start_matches('/')
    )
}

/// The driver panics at some wrong URLs, and its errors would print the password.
fn check(url: &str) -> Result<(), Failure> {
    let parsed =
        Url::parse(url).map_err(|error| Failure::BadUrl(format!("is not a URL: {error}")))?;
    match parsed.scheme() {
        "postgres" | "postgresql" if parsed.has_authority() => Ok(()),
        "postgres" | "postgresql" => Err(Failure::BadUrl(
            "has no // after its scheme: postgres://user@host/database".to_owned(),
        )),
        scheme => Err(Failure::BadUrl(format!(
            "is for {scheme}, and sea-orm-archive works on PostgreSQL: postgres://user@host/database"
        ))),
    }
}
