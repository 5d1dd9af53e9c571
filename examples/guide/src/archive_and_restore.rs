//! Archive and restore.

use sea_orm::{ActiveValue::Set, DatabaseConnection, TransactionTrait, entity::prelude::*};
use sea_orm_archive::archival;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::prelude::*;
use sea_orm_migration::{prelude::*, schema::*};
use serde_json::json;

use crate::blog::{post, user};
use crate::{Output, up};

pub mod attachment;
pub mod invoice;
pub mod ticket;

async fn archive_one(
    db: &DatabaseConnection,
    user: user::Model,
    output: &mut Output,
) -> Result<(), Error> {
    let archival = post::Entity::archive_by_id(1)
        .by(user.id) // deleted_by
        .reason("spam")
        .metadata(json!({ "ticket": 512 }))
        .exec(db)
        .await?;
    output.line(format!(
        "{} rows: {:?}",
        archival.root_table,
        archival.rows()
    ));
    Ok(())
}

async fn restore_one(db: &DatabaseConnection, output: &mut Output) -> Result<(), Error> {
    let restored = post::Entity::restore_by_id(1).exec(db).await?;
    output.line(format!("restored: {:?}", restored.rows));
    Ok(())
}

async fn archive_a_model(db: &DatabaseConnection, post: post::Model) -> Result<(), Error> {
    let archival = post.archive(db).await?;
    archival.restore(db).await?; // by the archival
    Ok(())
}

async fn restore_a_model(db: &DatabaseConnection) -> Result<(), Error> {
    let deleted = post::deleted::Entity::find_by_id(2).one(db).await?;
    if let Some(deleted) = deleted {
        deleted.restore(db).await?; // by the deleted row
    }
    Ok(())
}

async fn archive_many(db: &DatabaseConnection, output: &mut Output) -> Result<(), Error> {
    let archivals = post::Entity::archive_many()
        .filter(post::Column::Slug.starts_with("sec"))
        .reason("old")
        .exec(db)
        .await?; // one archival for each post
    output.line(format!("{} archived", archivals.len()));
    Ok(())
}

async fn preview(db: &DatabaseConnection, output: &mut Output) -> Result<(), Error> {
    let preview = post::Entity::archive_by_id(1).preview(db).await?;
    output.line(format!(
        "would move {:?}, blocked by {:?}",
        preview.rows, preview.blockers
    ));
    Ok(())
}

async fn in_a_transaction(db: &DatabaseConnection) -> Result<(), Error> {
    let txn = db.begin().await?;
    post::Entity::archive_by_id(1).exec(&txn).await?;
    // ... other statements
    txn.rollback().await?; // the post is not archived
    Ok(())
}

pub struct ArchiveInvoices;

impl MigrationName for ArchiveInvoices {
    fn name(&self) -> &str {
        "m20260102_000001_archive_invoices"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for ArchiveInvoices {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.archive_existing_table("invoices").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.unarchive_existing_table("invoices").await
    }
}

async fn later(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .alter_archived_table(
            Table::alter()
                .table("invoices")
                .add_column(text("currency").default("EUR")),
        )
        .await?;
    manager
        .alter_archived_table(
            Table::alter()
                .table("invoices")
                .rename_column("total", "amount"),
        )
        .await
}

async fn sync(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager.sync_archived_table("invoices").await
}

async fn tickets(db: &DatabaseConnection, output: &mut Output) -> anyhow::Result<()> {
    let manager = SchemaManager::new(db);
    manager
        .create_archived_table(
            Table::create()
                .table("tickets")
                .col(big_pk_auto("id"))
                .col(text("title")),
        )
        .await?;
    manager
        .create_archived_table(
            Table::create()
                .table("attachments")
                .col(big_pk_auto("id"))
                .col(big_integer_null("ticket_id"))
                .col(text("name"))
                .foreign_key(
                    ForeignKey::create()
                        .from("attachments", "ticket_id")
                        .to("tickets", "id"),
                ),
        )
        .await?;
    let ticket = ticket::ActiveModel {
        title: Set("Broken".to_owned()),
        ..Default::default()
    };
    let ticket = ticket.insert(db).await?;
    let attachment = attachment::ActiveModel {
        ticket_id: Set(Some(ticket.id)),
        name: Set("photo.png".to_owned()),
        ..Default::default()
    };
    let attachment = attachment.insert(db).await?;
    let id = ticket.id;
    ticket.archive(db).await?;
    let cut = attachment::Entity::find_by_id(attachment.id)
        .one(db)
        .await?;
    output.line(format!(
        "while archived: {:?}",
        cut.map(|row| row.ticket_id)
    ));
    ticket::Entity::restore_by_id(id).exec(db).await?;
    let back = attachment::Entity::find_by_id(attachment.id)
        .one(db)
        .await?;
    output.line(format!("restored: {:?}", back.map(|row| row.ticket_id)));
    Ok(())
}

async fn hard_delete(db: &DatabaseConnection, output: &mut Output) -> anyhow::Result<()> {
    let manager = SchemaManager::new(db);
    db.execute_unprepared("create table invoices (id bigint primary key, total bigint not null)")
        .await?;
    up(db, &ArchiveInvoices).await?;
    later(&manager).await?;
    sync(&manager).await?;
    forbid(&manager).await?;
    let invoice = invoice::ActiveModel {
        id: Set(1),
        amount: Set(500),
        currency: Set("EUR".to_owned()),
    };
    let invoice = invoice.insert(db).await?;
    if let Err(error) = invoice.clone().delete(db).await {
        output.line(error);
    }
    if let Err(error) = invoice::Entity::delete_by_id(1).exec(db).await {
        // Without the line of PostgreSQL's source, which differs between versions.
        let error = error.to_string();
        output.line(error.split(" at line ").next().unwrap_or(&error));
    }
    // The same trigger on the archive table.
    db.execute_unprepared(
        "CREATE TRIGGER refuse_delete BEFORE DELETE ON deleted_invoices FOR EACH STATEMENT
         WHEN (NOT archive.is_moving('deleted_invoices')) EXECUTE FUNCTION refuse_delete()",
    )
    .await?;
    invoice.archive(db).await?;
    let deleted = invoice::deleted::Entity::delete_by_id(1).exec(db).await;
    anyhow::ensure!(deleted.is_err(), "an archived row was deleted");
    invoice::Entity::restore_by_id(1).exec(db).await?;
    Ok(())
}

async fn forbid(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let db = manager.get_connection();
    db.execute_unprepared(
        "CREATE FUNCTION refuse_delete() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
             RAISE EXCEPTION 'archive rows of % instead of deleting them', TG_TABLE_NAME;
         END
         $$;
         CREATE TRIGGER refuse_delete AFTER DELETE ON invoices FOR EACH ROW
         WHEN (NOT archive.is_moving('invoices')) EXECUTE FUNCTION refuse_delete()",
    )
    .await?;
    Ok(())
}

async fn restore_many(
    db: &DatabaseConnection,
    user: &user::Model,
    output: &mut Output,
) -> Result<(), Error> {
    let restored = post::Entity::restore_many()
        .filter(post::deleted::Column::DeletedBy.eq(user.id))
        .skip_conflicts()
        .exec(db)
        .await?;
    output.line(format!("{} restored", restored.archivals.len()));
    for skipped in restored.skipped {
        output.line(format!("not restored: {skipped}"));
    }
    Ok(())
}

async fn restore_archivals(db: &DatabaseConnection) -> Result<(), Error> {
    archival::Entity::restore_many()
        .filter(archival::Column::Reason.eq("cleaning up"))
        .exec(db)
        .await?; // of any table
    Ok(())
}

async fn in_batches(db: &DatabaseConnection) -> Result<(), Error> {
    let mut batches = post::Entity::restore_many().in_batches(1_000);
    while let Some(restored) = batches.next(db).await? {
        println!("{:?}", restored.rows);
    }
    Ok(())
}

/// Two archived posts, and another one with the slug of the first.
async fn deleted_posts(db: &DatabaseConnection, user: &user::Model) -> Result<(), Error> {
    post::Entity::archive_many()
        .by(user.id)
        .reason("cleaning up")
        .exec(db)
        .await?;
    let other = post::ActiveModel {
        author_id: Set(1),
        title: Set("Another first post".to_owned()),
        slug: Set("first".to_owned()),
        ..Default::default()
    };
    other.insert(db).await?;
    Ok(())
}

pub async fn run(db: &DatabaseConnection, output: &mut Output) -> anyhow::Result<()> {
    crate::blog::fill(db).await?;
    let user = user::Entity::find_by_id(1)
        .one(db)
        .await?
        .ok_or_else(|| anyhow::anyhow!("no user"))?;
    preview(db, output).await?;
    archive_one(db, user.clone(), output).await?;
    restore_one(db, output).await?;
    let post = post::Entity::find_by_id(1)
        .one(db)
        .await?
        .ok_or_else(|| anyhow::anyhow!("no post"))?;
    archive_a_model(db, post).await?;
    archive_many(db, output).await?;
    restore_a_model(db).await?;
    deleted_posts(db, &user).await?;
    restore_many(db, &user, output).await?;
    post::Entity::delete_many()
        .filter(post::Column::Title.starts_with("Another"))
        .exec(db)
        .await?;
    restore_archivals(db).await?;
    in_batches(db).await?;
    in_a_transaction(db).await?;
    tickets(db, output).await?;
    hard_delete(db, output).await
}
