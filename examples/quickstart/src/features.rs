//! The calls that the README lists, on entities of their own.

use std::time::Duration;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::delete,
};
use sea_orm::{
    ActiveValue::Set, DatabaseConnection, IntoActiveModel, QueryOrder, entity::prelude::*,
};
use sea_orm_archive::Context;
use sea_orm_archive::ContextLayer;
use sea_orm_archive::audit;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::prelude::*;
use sea_orm_migration::{prelude::*, schema::*};

use crate::post;

pub mod document {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::{DeriveArchive, DeriveOptimisticLock};

    #[sea_orm::model]
    #[derive(
        Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive, DeriveOptimisticLock,
    )]
    #[sea_orm(table_name = "documents")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub title: String,
        pub lock_version: i32, // in the migration: integer("lock_version").default(0)
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod user_audit {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "user_audit")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub department_id: i64,
        pub changed_at: DateTimeUtc,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod department_history {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveHistory;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveHistory)]
    #[sea_orm(table_name = "department_history")]
    #[history(identity = "department_id")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub department_id: i64,
        pub name: String,
        pub valid_from: DateTimeUtc,
        pub valid_to: Option<DateTimeUtc>, // None: valid until it is changed
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub async fn archive(
    db: DatabaseConnection,
    post: post::Model,
    deleted_post: post::deleted::Model,
) -> Result<(), Error> {
    // archive
    post.archive(&db).await?;
    let archival = post::Entity::archive_by_id(42)
        .by(7)
        .reason("spam")
        .exec(&db)
        .await?;
    post::Entity::archive_many()
        .filter(post::Column::Title.contains("casino"))
        .by(7)
        .exec(&db)
        .await?;

    // what is deleted: a SeaORM entity like any other
    post::deleted::Entity::find_by_id(42).one(&db).await?;
    post::Entity::find_deleted_roots()
        .paginate(&db, 50)
        .fetch_page(0)
        .await?; // who, when, why
    post::Entity::find_with_deleted().all(&db).await?; // active and deleted rows

    // restore
    deleted_post.restore(&db).await?;
    post::Entity::restore_by_id(42).by(7).exec(&db).await?;
    archival.restore(&db).await?;

    // purge: the archived rows are deleted for good
    archival.purge(&db).await?;

    // preview: nothing moves
    let preview = post::Entity::archive_by_id(42).preview(&db).await?;
    println!("{:?}", preview.rows); // what would move
    for blocker in preview.blockers {
        println!("{blocker}");
    }
    for conflict in post::Entity::restore_by_id(42)
        .preview(&db)
        .await?
        .conflicts
    {
        println!("{conflict}");
    }
    Ok(())
}

pub async fn policies(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager.archive_existing_table("comments").await?; // for a table that exists already
    manager
        .alter_archived_table(
            Table::alter()
                .table("posts")
                .add_column(text_null("subtitle")),
        )
        .await?; // a later change, in both tables
    manager.grant_archive("web").await?; // for a role that does not own the tables
    Ok(())
}

pub async fn history(
    db: DatabaseConnection,
    march: DateTimeUtc,
    june: DateTimeUtc,
    new_year: DateTimeUtc,
) -> Result<(), Error> {
    use department_history::{Column, Entity as Departments};

    Departments::start(1)
        .value(Column::Name, "Engineering")
        .exec(&db)
        .await?;
    Departments::change(1)
        .value(Column::Name, "R & D")
        .exec(&db)
        .await?; // from now on
    Departments::change(1)
        .value(Column::Name, "R & D")
        .valid_from(march)
        .exec(&db)
        .await?;
    Departments::change(1)
        .value(Column::Name, "R & D")
        .during(march..june)
        .exec(&db)
        .await?;
    Departments::correct(1, march)
        .value(Column::Name, "R and D")
        .exec(&db)
        .await?; // it was wrong
    Departments::end(1).at(new_year).exec(&db).await?;

    Departments::find_current_version(1).one(&db).await?;
    Departments::find_version_at(1, march).one(&db).await?;
    Departments::find_valid_at(march).all(&db).await?; // all departments, as they were then
    Departments::find_timeline(1).all(&db).await?; // oldest first
    Departments::find_changes(Column::Name)
        .from_value("Engineering")
        .all(&db)
        .await?;
    user_audit::Entity::find()
        .find_also_version_at::<Departments>(
            [user_audit::Column::DepartmentId],
            user_audit::Column::ChangedAt,
        )
        .all(&db)
        .await?; // each row with the version at its time
    Ok(())
}

pub async fn history_table(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_history_table(
            HistoryTable::new("department_history")
                .identity("department_id", "departments")
                .column(text("name")),
        )
        .await?;
    Ok(())
}

pub async fn log(
    db: DatabaseConnection,
    yesterday: DateTimeUtc,
    document: document::Model,
) -> Result<(), UpdateError<document::Model>> {
    document::Entity::find_audit()
        .order_by_desc(audit::Column::At)
        .paginate(&db, 50)
        .fetch_page(0)
        .await?;
    document::Entity::find_audit_by_id(42)
        .order_by_asc(audit::Column::At)
        .all(&db)
        .await?;
    for entry in document::Entity::find_changes_of(42, document::Column::Title)
        .all(&db)
        .await?
    {
        println!(
            "{:?} {:?}",
            entry.actor,
            entry.change_of(document::Column::Title)
        ); // from what to what
    }
    audit::Entity::find_by_actor("7")
        .filter(audit::Column::At.gte(yesterday))
        .all(&db)
        .await?;
    if let Some(past) = document::Entity::find_as_of(42, yesterday).one(&db).await? {
        println!("{}", past.row.title); // the row as it was
    }
    document.revert_to(yesterday, &db).await?; // a change of its own; needs DeriveOptimisticLock
    Ok(())
}

pub async fn log_tables(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager.install_audit().await?;
    manager.audit_table("documents").await?;
    manager
        .audit_table(AuditedTable::new("users").redact(["password_hash"]))
        .await?;
    manager.grant_audit("web").await?; // may read the log
    Ok(())
}

pub async fn who(db: DatabaseConnection) -> Result<(), Error> {
    let context = Context::new().actor(7).tenant(3).request_id("7f3a");
    context
        .run(&db, async |txn| {
            post::Entity::archive_by_id(42).exec(txn).await?; // by 7
            Ok::<_, Error>(())
        })
        .await?;
    Ok(())
}

async fn delete_post(
    State(db): State<DatabaseConnection>,
    context: Context,
    Path(id): Path<i64>,
) -> Result<Json<i64>, Error> {
    let archival = context
        .run(&db, async move |txn| {
            post::Entity::archive_by_id(id).exec(txn).await
        })
        .await?; // 404, 409 or 422 with a message, where that is what it means
    Ok(Json(archival.id))
}

#[derive(Clone)]
struct User {
    id: i64,
    tenant_id: i64,
}

pub fn app(db: DatabaseConnection) -> Router {
    Router::new()
        .route("/posts/{id}", delete(delete_post))
        .layer(ContextLayer::new().try_identify(|parts, context| {
            let user = parts
                .extensions
                .get::<User>()
                .ok_or(StatusCode::UNAUTHORIZED)?;
            Ok::<_, StatusCode>(context.actor(user.id).tenant(user.tenant_id))
        }))
        .with_state(db)
}

pub async fn lost_updates(
    db: DatabaseConnection,
    document: document::Model,
) -> Result<StatusCode, Error> {
    let mut change = document.clone().into_active_model();
    change.title = Set("New title".to_owned());
    let status = match change.update_if_unchanged(&db).await {
        Ok(_saved) => StatusCode::OK,
        Err(UpdateError::Conflict { current, .. }) => {
            println!("somebody saved version {} before", current.lock_version);
            StatusCode::CONFLICT
        }
        Err(error) => return Err(error.into()),
    };
    document.archive_if_unchanged(&db).await?;
    Ok(status)
}

pub async fn tenants(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .enable_tenancy(Tenancy::new("posts", "org_id").administrator("ops"))
        .await?;
    manager.enable_tenancy(("comments", "org_id")).await?;
    Ok(())
}

pub async fn stamps(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager.stamp_table("posts").await?; // created_at, created_by, updated_at, updated_by
    Ok(())
}

pub async fn retry(db: DatabaseConnection) -> Result<(), Error> {
    if let Err(error) = post::Entity::archive_by_id(42).exec(&db).await {
        println!("{} {:?} {}", error.http_status(), error.kind(), error);
        if error.is_retryable() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    for finding in sea_orm_archive::check(&db).await? {
        println!("{finding}"); // what differs from what the migrations created
    }
    Ok(())
}
