//! The connection of a command.

use std::str::FromStr;
use std::time::Duration;

use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::sqlx::{self, Connection, PgConnection};
use sea_orm::{ConnectOptions, Database, DatabaseConnection};
use url::Url;

use crate::failure::Failure;

const EXAMPLE: &str = "postgres://user@host/database";
const PATIENCE: Duration = Duration::from_secs(15);

/// PostgreSQL rolls back what runs when it finds, this often, that the command has ended: otherwise it would go on, and commit.
const CHECK_OF_CLIENT: &str = "100ms";
/// How long PostgreSQL may need to find that.
pub(crate) const UNTIL_ROLLED_BACK: Duration = Duration::from_millis(300);
/// A setting that a connection starts with. A pooler, which would share a session with the context among its clients, refuses or loses it.
const MARK: (&str, &str) = ("archive.command", "direct");

/// The context of each session.
#[derive(Clone, Debug)]
struct Context {
    tenant: Option<String>,
    actor: Option<String>,
}

impl Context {
    fn is_empty(&self) -> bool {
        self.tenant.is_none() && self.actor.is_none()
    }

    fn options(&self, options: PgConnectOptions) -> PgConnectOptions {
        match self.is_empty() {
            true => options,
            false => options.options([MARK]),
        }
    }

    /// Prepares a new session, also that of a connection which replaces a lost one.
    async fn set(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        // Not every system that PostgreSQL runs on can check a connection.
        let _ = sqlx::query(
            "SELECT pg_catalog.set_config('client_connection_check_interval', $1, false)",
        )
        .bind(CHECK_OF_CLIENT)
        .execute(&mut *connection)
        .await;
        if self.is_empty() {
            return Ok(());
        }
        let mark = sqlx::query_scalar("SELECT pg_catalog.current_setting($1, true)");
        let mark: Option<String> = mark.bind(MARK.0).fetch_one(&mut *connection).await?;
        if mark.as_deref() != Some(MARK.1) {
            return Err(sqlx::Error::Configuration(NOT_DIRECT.into()));
        }
        sqlx::query("SELECT archive.set_session_context($1, $2)")
            .bind(&self.actor)
            .bind(&self.tenant)
            .execute(&mut *connection)
            .await?;
        Ok(())
    }
}

const NOT_DIRECT: &str = "--tenant and --as need a direct connection: a pooler would lose them, or pass them on to its other clients; pass --database-url with the address of PostgreSQL";

/// Connects with one connection. The tenant and the actor are the context of its session.
pub(crate) async fn connect(
    url: Option<&str>,
    tenant: Option<&str>,
    actor: Option<&str>,
) -> Result<DatabaseConnection, Failure> {
    let url = url.ok_or(Failure::NoDatabase)?;
    check(url)?;
    let context = Context {
        tenant: tenant.map(str::to_owned),
        actor: actor.map(str::to_owned),
    };
    let unreachable = |error: String| Failure::NoConnection(place(url), error);
    let first = async {
        let options = PgConnectOptions::from_str(url)?;
        PgConnection::connect_with(&context.options(options)).await
    };
    // A pool would try again until its time is over, and then report that time instead of the cause.
    match tokio::time::timeout(PATIENCE, first).await {
        Ok(Ok(mut first)) => {
            context.set(&mut first).await.map_err(not_set)?;
            drop(first.close().await);
        }
        // The server's own message, without the place in its source.
        Ok(Err(sqlx::Error::Database(error))) => {
            let message = error.message();
            return Err(unreachable(match message.contains("startup parameter") {
                true if !context.is_empty() => format!("{message}: {NOT_DIRECT}"),
                _ => message.to_owned(),
            }));
        }
        Ok(Err(error)) => return Err(unreachable(error.to_string())),
        Err(_) => {
            return Err(unreachable(format!(
                "no answer in {} seconds",
                PATIENCE.as_secs()
            )));
        }
    }
    let mut options = ConnectOptions::new(url);
    let for_options = context.clone();
    options
        .max_connections(1)
        .min_connections(1)
        .acquire_timeout(PATIENCE)
        .connect_timeout(PATIENCE)
        .idle_timeout(None::<Duration>)
        .max_lifetime(None::<Duration>)
        .sqlx_logging(false)
        .map_sqlx_postgres_opts(move |options| for_options.options(options))
        .map_sqlx_postgres_pool_opts(move |options| {
            let context = context.clone();
            options.after_connect(move |connection, _| {
                let context = context.clone();
                Box::pin(async move { context.set(connection).await })
            })
        });
    Database::connect(options)
        .await
        .map_err(|error| unreachable(error.to_string()))
}

/// Why a session has no context.
fn not_set(error: sqlx::Error) -> Failure {
    let code = error.as_database_error().and_then(|error| error.code());
    let code = code.map(std::borrow::Cow::into_owned);
    match (code.as_deref(), error) {
        // There is no such schema, or no such function.
        (Some("3F000" | "42883"), _) => Failure::Setup(
            "--tenant and --as need the schema `archive` of this version: run the migrations first, or `adopt --install` once without them"
                .to_owned(),
        ),
        (_, sqlx::Error::Configuration(error)) => Failure::Setup(error.to_string()),
        (_, error) => sea_orm::DbErr::Query(sea_orm::RuntimeErr::SqlxError(error.into())).into(),
    }
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
    let parsed = Url::parse(url)
        .map_err(|error| Failure::BadUrl(format!("is not a URL, such as {EXAMPLE} ({error})")))?;
    match parsed.scheme() {
        "postgres" | "postgresql" if parsed.has_authority() => Ok(()),
        "postgres" | "postgresql" => Err(Failure::BadUrl(
            "has no // after its scheme: postgres://user@host/database".to_owned(),
        )),
        scheme => Err(Failure::BadUrl(format!(
            "is for {scheme}, and sea-orm-archive works on PostgreSQL: {EXAMPLE}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pooler ignores the setting that the connection starts with, as this connection does.
    #[tokio::test]
    #[allow(clippy::unwrap_used, reason = "a test")]
    async fn context_is_not_set_in_a_session_that_a_pooler_shares() {
        let database = sea_orm_archive_tests::Database::empty().await;
        let mut connection = PgConnection::connect(&database.url()).await.unwrap();
        let context = Context {
            tenant: Some("3".to_owned()),
            actor: None,
        };
        let refused = not_set(context.set(&mut connection).await.unwrap_err());
        assert!(
            refused.to_string().contains("direct connection"),
            "{refused}"
        );
    }
}
