//! Tenants.

use sea_orm::{ActiveModelTrait, ActiveValue::Set, DatabaseConnection, entity::prelude::*};
use sea_orm_archive::Context;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::prelude::*;
use sea_orm_migration::{prelude::*, schema::*};

use crate::Output;

pub mod note;

async fn create(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager.install_archive().await?;
    manager
        .create_archived_table(
            Table::create()
                .table("notes")
                .col(big_pk_auto("id"))
                .col(big_integer("org_id"))
                .col(text("content")),
        )
        .await?;
    manager
        .enable_tenancy(Tenancy::new("notes", "org_id").administrator("ops"))
        .await
}

async fn write(db: &DatabaseConnection, output: &mut Output) -> Result<(), Error> {
    for org in [1, 2] {
        let txn = Context::new().actor(7).tenant(org).begin(db).await?;
        let note = note::ActiveModel {
            org_id: Set(org),
            content: Set(format!("of organisation {org}")),
            ..Default::default()
        };
        note.insert(&txn).await?;
        output.line(format!(
            "tenant {org} sees {}",
            note::Entity::find().count(&txn).await?
        ));
        txn.commit().await?;
    }
    Ok(())
}

async fn archive(db: &DatabaseConnection, output: &mut Output) -> Result<(), Error> {
    let one = Context::new().tenant(1);
    let other = one
        .run(db, async |txn| {
            note::Entity::archive_by_id(2).exec(txn).await
        })
        .await;
    if let Err(error) = other {
        output.line(error); // note 2 is of tenant 2
    }
    one.run(db, async |txn| {
        note::Entity::archive_by_id(1).exec(txn).await
    })
    .await?;
    Ok(())
}

async fn without(db: &DatabaseConnection, output: &mut Output) -> Result<(), Error> {
    output.line(format!(
        "without a tenant: {}",
        note::Entity::find().count(db).await?
    ));
    Ok(())
}

async fn administrator(db: &DatabaseConnection, output: &mut Output) -> Result<(), Error> {
    let txn = Context::new().role("ops").begin(db).await?; // the login is a member of ops
    output.line(format!(
        "ops sees {} notes",
        note::Entity::find().count(&txn).await?
    ));
    Ok(())
}

async fn attribute(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager.attribute_to_tenants().await?; // archivals and entries from before tenancy
    Ok(())
}

pub async fn run(db: &DatabaseConnection, output: &mut Output) -> anyhow::Result<()> {
    let manager = SchemaManager::new(db);
    db.execute_unprepared("create role ops; grant ops to current_user")
        .await?;
    create(&manager).await?;
    db.execute_unprepared("grant select, insert, update, delete on notes, deleted_notes to ops; grant usage on schema archive to ops").await?;
    write(db, output).await?;
    archive(db, output).await?;
    without(db, output).await?;
    administrator(db, output).await?;
    attribute(&manager).await?;
    manager.drop_archived_table("notes").await?;
    manager.uninstall_archive().await?;
    db.execute_unprepared("drop owned by ops; drop role ops")
        .await?;
    Ok(())
}
