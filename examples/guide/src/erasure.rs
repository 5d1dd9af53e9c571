//! Erasure.

mod customer;
mod invoice;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, QueryOrder, entity::prelude::*};
use sea_orm_archive::erasure;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::prelude::*;
use sea_orm_migration::SchemaManager;

use crate::Output;
use crate::blog::{post, user};

async fn declare(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let users = PersonalData::of_person()
        .pseudonym("name")
        .identifying(["name"])
        .is_actor();
    manager.declare_personal_data("users", users).await?;
    let posts = PersonalData::belongs_to("users", ["author_id"]).constant("title", "[erased]");
    manager.declare_personal_data("posts", posts).await?;
    let comments = PersonalData::belongs_to("posts", ["post_id"]).constant("content", "[erased]");
    manager.declare_personal_data("comments", comments).await?;
    Ok(())
}

async fn declare_by_entities(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .declare_personal_data_of::<customer::Entity>()
        .await?;
    manager
        .declare_personal_data_of::<invoice::Entity>()
        .await?;
    Ok(())
}

async fn check(db: &DatabaseConnection, output: &mut Output) -> Result<(), Error> {
    for finding in customer::Entity::check_personal_data(db).await? {
        output.line(finding);
    }
    Ok(())
}

async fn preview(db: &DatabaseConnection, output: &mut Output) -> Result<(), Error> {
    let preview = user::Entity::erase_by_id(1).preview(db).await?;
    output.line(preview);
    Ok(())
}

async fn hold(db: &DatabaseConnection, output: &mut Output) -> Result<(), Error> {
    let held = user::Entity::hold_person_by_id(1, "case 17")
        .by(7)
        .exec(db)
        .await?;
    if let Err(error) = user::Entity::erase_by_id(1).exec(db).await {
        output.line(error);
    }
    sea_orm_archive::hold::Entity::release_by_id(held.id, "case closed")
        .by(7)
        .exec(db)
        .await?;
    Ok(())
}

async fn erase(db: &DatabaseConnection, output: &mut Output) -> Result<(), Error> {
    let certificate = user::Entity::erase_by_id(1)
        .by(7)
        .reason("request 2026-17")
        .exec(db)
        .await?;
    output.line(format!("complete: {}", certificate.is_complete()));
    let erasures = erasure::Entity::find().order_by_asc(erasure::Column::Id);
    for erasure in erasures.all(db).await? {
        output.line(format!(
            "{} {}: {:?}",
            erasure.subject_table, erasure.subject_key, erasure.reason
        ));
    }
    Ok(())
}

async fn batches(db: &DatabaseConnection) -> Result<(), Error> {
    let mut batches = user::Entity::erase_by_id(1).in_batches(500);
    while let Some(certificate) = batches.next(db).await? {
        println!("{}", certificate.erasure.state);
    }
    Ok(())
}

async fn grant(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager.grant_erasure("privacy").await?;
    Ok(())
}

pub async fn run(db: &DatabaseConnection, output: &mut Output) -> anyhow::Result<()> {
    crate::blog::fill(db).await?;
    let manager = SchemaManager::new(db);
    manager.install_audit().await?;
    for table in ["users", "posts", "comments"] {
        manager.audit_table(table).await?;
    }
    db.execute_unprepared(
        "create role privacy; grant privacy to current_user; update users set name = 'Ann Lee'",
    )
    .await?;
    declare(&manager).await?;
    db.execute_unprepared(
        "create table customers (id bigint primary key, email text not null, phone text);
         create table invoices (id bigint primary key, customer_id bigint not null, address text not null)",
    )
    .await?;
    declare_by_entities(&manager).await?;
    anyhow::ensure!(
        invoice::Entity::check_personal_data(db).await?.is_empty()
            && customer::Entity::check_personal_data(db).await?.is_empty()
    );
    let other = PersonalData::of_person()
        .pseudonym("email")
        .identifying(["email"]);
    manager.declare_personal_data("customers", other).await?;
    check(db, output).await?;
    post::Entity::archive_by_id(2)
        .reason("asked for by Ann Lee")
        .exec(db)
        .await?;
    preview(db, output).await?;
    hold(db, output).await?;
    erase(db, output).await?;
    batches(db).await?;
    grant(&manager).await?;
    db.execute_unprepared("drop owned by privacy; drop role privacy")
        .await?;
    Ok(())
}
