//! The audit log.

use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, DatabaseConnection, IntoActiveModel, QueryOrder,
    entity::prelude::*,
};
use sea_orm_archive::Context;
use sea_orm_archive::audit;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::prelude::*;
use sea_orm_migration::{prelude::*, schema::*};

use crate::Output;

pub mod customer;

async fn create(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager.install_archive().await?;
    manager.install_audit().await?;
    manager
        .create_archived_table(
            Table::create()
                .table("customers")
                .col(big_pk_auto("id"))
                .col(text("name"))
                .col(text("email"))
                .col(text("password_hash"))
                .col(timestamp_with_time_zone_null("last_seen_at"))
                .col(integer("lock_version").default(0)),
        )
        .await?;
    manager
        .audit_table(
            AuditedTable::new("customers")
                .exclude(["last_seen_at"]) // changes of it are not recorded
                .redact(["password_hash"]), // recorded that it changed, without values
        )
        .await
}

async fn write(db: &DatabaseConnection) -> Result<(), Error> {
    let ann = customer::ActiveModel {
        name: Set("Ann".to_owned()),
        email: Set("ann@example.org".to_owned()),
        password_hash: Set("x".to_owned()),
        ..Default::default()
    };
    ann.insert(db).await?;
    let support = Context::new()
        .actor("support")
        .request_id("7f3a")
        .reason("ticket 512");
    support
        .run(db, async |txn| {
            let ann = customer::Entity::find_by_id(1).one(txn).await?;
            let mut change = ann
                .ok_or(DbErr::RecordNotFound("customer 1".to_owned()))?
                .into_active_model();
            change.email = Set("new@example.org".to_owned());
            change.password_hash = Set("y".to_owned());
            change.update(txn).await
        })
        .await?;
    customer::Entity::archive_by_id(1).exec(db).await?;
    customer::Entity::restore_by_id(1).exec(db).await?;
    Ok(())
}

async fn newest(db: &DatabaseConnection, output: &mut Output) -> Result<(), DbErr> {
    let entries = customer::Entity::find_audit()
        .order_by_desc(audit::Column::At)
        .order_by_desc(audit::Column::Id)
        .paginate(db, 50)
        .fetch_page(0)
        .await?;
    for entry in entries {
        output.line(format!(
            "{:?} by {:?}",
            entry.operation,
            entry.actor.as_deref().unwrap_or("-")
        ));
    }
    Ok(())
}

async fn one_column(db: &DatabaseConnection, output: &mut Output) -> Result<(), DbErr> {
    let entries = customer::Entity::find_changes_of(1, customer::Column::Email)
        .order_by_asc(audit::Column::At)
        .all(db)
        .await?;
    for entry in entries {
        let change = entry.change_of(customer::Column::Email);
        let (old, new) = change
            .map(|change| (change.old, change.new))
            .unwrap_or_default();
        output.line(format!(
            "{:?}: {:?} -> {:?}",
            entry.operation,
            old.unwrap_or_default(),
            new.unwrap_or_default()
        ));
    }
    Ok(())
}

async fn others(
    db: &DatabaseConnection,
    since: DateTimeUtc,
    output: &mut Output,
) -> Result<(), DbErr> {
    let by_support = audit::Entity::find_by_actor("support")
        .filter(audit::Column::At.gte(since))
        .all(db)
        .await?;
    let in_request = audit::Entity::find_by_request("7f3a").all(db).await?; // in all tables
    let of_ann = customer::Entity::find_audit_by_id(1).all(db).await?;
    output.line(format!(
        "{} {} {}",
        by_support.len(),
        in_request.len(),
        of_ann.len()
    ));
    Ok(())
}

async fn redacted(db: &DatabaseConnection, output: &mut Output) -> Result<(), DbErr> {
    let entry = audit::Entity::find_by_request("7f3a").one(db).await?;
    for change in entry.map(|entry| entry.changes()).unwrap_or_default() {
        output.line(format!("{}: redacted {}", change.column, change.redacted));
    }
    Ok(())
}

async fn as_of(
    db: &DatabaseConnection,
    before: DateTimeUtc,
    output: &mut Output,
) -> Result<(), Error> {
    if let Some(past) = customer::Entity::find_as_of(1, before).one(db).await? {
        output.line(format!(
            "{} (archived: {}, unknown: {:?})",
            past.row.email, past.archived, past.unknown
        ));
    }
    Ok(())
}

async fn revert(
    db: &DatabaseConnection,
    before: DateTimeUtc,
    output: &mut Output,
) -> Result<(), UpdateError<customer::Model>> {
    if let Some(ann) = customer::Entity::find_by_id(1).one(db).await? {
        let ann = ann.revert_to(before, db).await?; // an UPDATE of its own, if unchanged
        output.line(format!(
            "{} at lock version {}",
            ann.email, ann.lock_version
        ));
    }
    Ok(())
}

async fn not_audited(db: &DatabaseConnection, output: &mut Output) {
    if let Err(error) = crate::blog::post::Entity::find_audit().all(db).await {
        output.line(Error::from(error));
    }
}

async fn partitions(db: &DatabaseConnection) -> Result<(), Error> {
    audit::make_partitions(db, 3).await?; // this month and three more
    Ok(())
}

pub async fn run(db: &DatabaseConnection, output: &mut Output) -> anyhow::Result<()> {
    create(&SchemaManager::new(db)).await?;
    let since = sea_orm::prelude::ChronoUtc::now();
    write(db).await?;
    newest(db, output).await?;
    one_column(db, output).await?;
    others(db, since, output).await?;
    redacted(db, output).await?;
    let entry = audit::Entity::find_by_request("7f3a").one(db).await?;
    let before =
        entry.map(|entry| entry.at).unwrap_or_default() - std::time::Duration::from_millis(1);
    as_of(db, before, output).await?;
    revert(db, before, output).await?;
    not_audited(db, output).await;
    partitions(db).await?;
    Ok(())
}
