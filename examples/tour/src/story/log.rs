//! The last steps of the tour: reading the audit log.

use std::time::Duration;

use blog::{post, user};
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, DatabaseConnection, IntoActiveModel};
use sea_orm_archive::Context;
use sea_orm_archive::audit::{self, AuditEntity};
use sea_orm_archive::prelude::*;

use storyteller::{Error, Narrator, ensure};

/// Reads who changed what, and a row as of an earlier time.
pub async fn run(
    narrator: &Narrator,
    db: &DatabaseConnection,
    archival: &Archival,
) -> Result<(), Error> {
    change_an_address(narrator, db).await?;
    let post = archival.root_key["id"]
        .as_i64()
        .ok_or("the archival has no id of a post")?;
    entries_of_the_post(narrator, db, post).await?;
    post_as_of(narrator, db, post).await
}

async fn change_an_address(narrator: &Narrator, db: &DatabaseConnection) -> Result<(), Error> {
    narrator
        .chapter("Carol's email was changed. Who changed it, when, and what was the old value?");
    let carol = user::Entity::find()
        .filter(user::Column::Name.eq("carol"))
        .one(db)
        .await?
        .ok_or("carol is missing")?;
    let id = carol.id;
    for (actor, email) in [
        ("carol", "carol@example.org"),
        ("support", "karol@example.org"),
    ] {
        let context = Context::new()
            .actor(actor)
            .request_id(format!("request of {actor}"))
            .client_address([192, 0, 2, 7]);
        let carol = carol.clone();
        context
            .run(db, async |txn| {
                let mut change = carol.clone().into_active_model();
                change.email = Set(Some(email.to_owned()));
                change.update(txn).await
            })
            .await?;
    }
    narrator.print("user::Entity::find_changes_of(carol, user::Column::Email).order_by_asc(audit::Column::At).all(&db)");
    let changes = user::Entity::find_changes_of(id, user::Column::Email)
        .order_by_asc(audit::Column::At)
        .all(db)
        .await?;
    for entry in &changes {
        let change = entry
            .change_of(user::Column::Email)
            .ok_or("the entry has no change of the email")?;
        let new = change.new.unwrap_or_default();
        let change = match entry.operation {
            audit::Operation::Insert => format!("the row was inserted, with {new}"),
            _ => format!("{} -> {new}", change.old.unwrap_or_default()),
        };
        narrator.print(&format!(
            "{}  {:<8} {change}",
            entry.at.format("%H:%M:%S%.3f"),
            entry.actor.as_deref().unwrap_or("-"),
        ));
    }
    let last = changes
        .last()
        .ok_or("the audit log has no entry of the email")?;
    ensure(
        last.actor.as_deref() == Some("support"),
        "the last change is by support",
    )?;
    let request = last.request_id.clone().unwrap_or_default();
    let entries = audit::Entity::find_by_request(request)
        .order_by_asc(audit::Column::At)
        .all(db)
        .await?;
    ensure(
        entries == std::slice::from_ref(last),
        "the request has no other entry",
    )
}

async fn entries_of_the_post(
    narrator: &Narrator,
    db: &DatabaseConnection,
    post: i64,
) -> Result<(), Error> {
    narrator.chapter("What happened to the first post?");
    narrator.print("post::Entity::find_audit_by_id(..).order_by_asc(audit::Column::At).all(&db)");
    let entries = post::Entity::find_audit_by_id(post)
        .order_by_asc(audit::Column::At)
        .all(db)
        .await?;
    for entry in &entries {
        narrator.print(&format!(
            "{}  {:<8} by {:<8} {}",
            entry.at.format("%H:%M:%S%.3f"),
            format!("{:?}", entry.operation),
            entry.actor.as_deref().unwrap_or("-"),
            entry
                .archival_id
                .map_or(String::new(), |id| format!("archival {id}")),
        ));
    }
    let operations: Vec<_> = entries.iter().map(|entry| entry.operation).collect();
    ensure(
        operations
            == [
                audit::Operation::Insert,
                audit::Operation::Archive,
                audit::Operation::Restore,
            ],
        "the post was inserted, archived and restored",
    )?;
    ensure(
        entries[1].actor.is_some() && entries[1].archival_id == entries[2].archival_id,
        "the entries have the actor of the archive, and the same archival for archive and restore",
    )
}

async fn post_as_of(narrator: &Narrator, db: &DatabaseConnection, post: i64) -> Result<(), Error> {
    narrator.chapter("The title of the post is changed. What was it before?");
    let model = post::Entity::find_by_id(post)
        .one(db)
        .await?
        .ok_or("the post is missing")?;
    let before = model.clone();
    let mut change = model.into_active_model();
    change.title = Set("Another title".to_owned());
    let after = change.update(db).await?;
    let changes = post::Entity::find_changes_of(post, post::Column::Title)
        .order_by_asc(audit::Column::At)
        .all(db)
        .await?;
    let at = changes
        .last()
        .ok_or("the audit log has no entry of the title")?
        .at
        - Duration::from_micros(1);
    let earlier = post::Entity::find_as_of(post, at)
        .one(db)
        .await?
        .ok_or("the post did not exist at that time")?;
    narrator.print("post::Entity::find_as_of(.., then).one(&db)");
    narrator.print(&format!(
        "now {:?}, then {:?}",
        after.title, earlier.row.title
    ));
    ensure(
        earlier.row == before && !earlier.archived,
        "the row as of that time is the row before the change",
    )?;
    before.into_active_model().reset_all().update(db).await?;
    Ok(())
}
