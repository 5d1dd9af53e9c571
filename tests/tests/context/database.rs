//! The blog, with Alice (7) and one post (1) that has a comment.

use migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, FromQueryResult, Statement};
use sea_orm_archive_tests::Database;

pub async fn blog() -> Database {
    Database::from_template("context", async |db| {
        Migrator::up(&db, None).await?;
        db.execute_unprepared(
            "insert into users (id, name, created_at) values (7, 'alice', now());
             insert into posts (id, title, slug, content, author_id, created_at) values (1, 'T', 's', 'c', 7, now());
             insert into comments (id, post_id, author_id, content, created_at) values (1, 1, 7, 'c', now())",
        )
        .await?;
        Ok(())
    })
    .await
}

/// The context as the database reads it.
#[derive(Debug, Default, PartialEq, FromQueryResult)]
pub struct Known {
    pub actor: Option<String>,
    pub tenant: Option<String>,
    pub request_id: Option<String>,
    pub details: Option<String>,
}

pub async fn known(db: &impl ConnectionTrait) -> Known {
    let statement = Statement::from_string(
        DbBackend::Postgres,
        "select archive.current_actor() as actor, archive.current_tenant() as tenant,
                archive.current_request_id() as request_id, archive.current_details() as details",
    );
    Known::find_by_statement(statement)
        .one(db)
        .await
        .unwrap()
        .unwrap()
}

pub fn actor(actor: &str) -> Known {
    Known {
        actor: Some(actor.to_owned()),
        ..Known::default()
    }
}

pub async fn one(db: &DatabaseConnection, sql: &str) -> Option<String> {
    sea_orm_archive_tests::sql::one(db, sql).await
}
