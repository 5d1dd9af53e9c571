//! The end of the story: the audit log has been listening.

use std::time::Duration;

use blog::{post, user};
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, DatabaseConnection, IntoActiveModel};
use sea_orm_archive::Context;
use sea_orm_archive::audit::{self, AuditEntity};
use sea_orm_archive::prelude::*;

use storyteller::{Error, Narrator, ensure};

/// Tells who did what.
pub async fn tell(
    narrator: &Narrator,
    db: &DatabaseConnection,
    archival: &Archival,
) -> Result<(), Error> {
    change_an_address(narrator, db).await?;
    let post = archival.root_key["id"]
        .as_i64()
        .ok_or("the archival names no post")?;
    tell_of_the_post(narrator, db, post).await?;
    tell_as_it_was(narrator, db, post).await
}

async fn change_an_address(narrator: &Narrator, db: &DatabaseConnection) -> Result<(), Error> {
    narrator.chapter("Somebody changes Carol's email. Who was it, when, and from what?");
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
    narrator.say("user::Entity::find_changes_of(carol, user::Column::Email).order_by_asc(audit::Column::Id).all(&db)");
    let changes = user::Entity::find_changes_of(id, user::Column::Email)
        .order_by_asc(audit::Column::Id)
        .all(db)
        .await?;
    for entry in &changes {
        let change = entry
            .change_of(user::Column::Email)
            .ok_or("no change of the email")?;
        let new = change.new.unwrap_or_default();
        let change = match entry.operation {
            audit::Operation::Insert => format!("the row was inserted, with {new}"),
            _ => format!("{} -> {new}", change.old.unwrap_or_default()),
        };
        narrator.say(&format!(
            "{}  {:<8} {change}",
            entry.at.format("%H:%M:%S%.3f"),
            entry.actor.as_deref().unwrap_or("-"),
        ));
    }
    let last = changes.last().ok_or("no entry")?;
    ensure(last.actor.as_deref() == Some("support"), "it was support")?;
    let request = last.request_id.clone().unwrap_or_default();
    let whole = audit::Entity::find_by_request(request)
        .order_by_asc(audit::Column::Id)
        .all(db)
        .await?;
    ensure(
        whole == std::slice::from_ref(last),
        "that request did nothing else",
    )
}

async fn tell_of_the_post(
    narrator: &Narrator,
    db: &DatabaseConnection,
    post: i64,
) -> Result<(), Error> {
    narrator.chapter("And what became of the first post?");
    narrator.say("post::Entity::find_audit_by_id(..).order_by_asc(audit::Column::Id).all(&db)");
    let entries = post::Entity::find_audit_by_id(post)
        .order_by_asc(audit::Column::Id)
        .all(db)
        .await?;
    for entry in &entries {
        narrator.say(&format!(
            "{}  {:<8} by {:<8} {}",
            entry.at.format("%H:%M:%S%.3f"),
            format!("{:?}", entry.operation),
            entry.actor.as_deref().unwrap_or("nobody"),
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
        "it was inserted, archived and restored",
    )?;
    ensure(
        entries[1].actor.is_some() && entries[1].archival_id == entries[2].archival_id,
        "it is known who archived it, and that the same came back",
    )
}

async fn tell_as_it_was(
    narrator: &Narrator,
    db: &DatabaseConnection,
    post: i64,
) -> Result<(), Error> {
    narrator.chapter("Its title is changed now. What was it before?");
    let model = post::Entity::find_by_id(post)
        .one(db)
        .await?
        .ok_or("the post is missing")?;
    let before = model.clone();
    let mut change = model.into_active_model();
    change.title = Set("Another title".to_owned());
    let after = change.update(db).await?;
    let changes = post::Entity::find_changes_of(post, post::Column::Title)
        .order_by_asc(audit::Column::Id)
        .all(db)
        .await?;
    let at = changes.last().ok_or("no entry of the change")?.at - Duration::from_micros(1);
    let was = post::Entity::find_as_of(post, at)
        .one(db)
        .await?
        .ok_or("there was no post")?;
    narrator.say("post::Entity::find_as_of(.., then).one(&db)");
    narrator.say(&format!("now {:?}, then {:?}", after.title, was.row.title));
    ensure(was.row == before && !was.archived, "it is told as it was")?;
    before.into_active_model().reset_all().update(db).await?;
    Ok(())
}
