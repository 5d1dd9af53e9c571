//! A person leaves the forum: held by the lawyers, released, erased.

use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, DatabaseConnection};
use sea_orm_archive::error::ConflictError;
use sea_orm_archive::hold;
use sea_orm_archive::prelude::*;
use storyteller::{Error, Narrator, ensure};

use crate::forum::{comment, member, post};

/// Tells it.
pub async fn leaves(narrator: &Narrator, db: &DatabaseConnection) -> Result<(), Error> {
    let (ada, archival) = write(narrator, db).await?;
    held(narrator, db, ada).await?;
    narrator.chapter(
        "Ada is erased: in the tables, the archive tables, the audit log and the archival records.",
    );
    let erase = member::Entity::erase_by_id(ada)
        .by("privacy officer")
        .reason("request 2026-17");
    let preview = erase.clone().preview(db).await?;
    let values: u64 = preview.places.iter().map(|place| place.values).sum();
    narrator.print(&format!("Preview: {values} values would be erased."));
    let certificate = erase.exec(db).await?;
    narrator.print(&certificate.to_string());
    ensure(certificate.is_complete(), "nothing of Ada is found")?;
    archival.restore(db).await?;
    let comments = comment::Entity::find().filter(comment::Column::AuthorId.eq(ada));
    let texts: Vec<_> = comments
        .all(db)
        .await?
        .into_iter()
        .map(|comment| comment.text)
        .collect();
    narrator.print(&format!(
        "Her comments, one of them restored from the archive: {texts:?}."
    ));
    ensure(
        texts == ["[erased]", "[erased]"],
        "her comments have no text",
    )
}

async fn write(narrator: &Narrator, db: &DatabaseConnection) -> Result<(i64, Archival), Error> {
    narrator.chapter("Ada writes two comments, one of which is archived, and leaves the forum.");
    let ada = member::ActiveModel {
        email: Set("ada@example.org".to_owned()),
        name: Set("Ada Lovelace".to_owned()),
        ..Default::default()
    };
    let ada = ada.insert(db).await?;
    let slug = Set("engines".to_owned());
    let post = post::ActiveModel {
        slug,
        ..Default::default()
    }
    .insert(db)
    .await?;
    let mut last = None;
    for text in ["Ada Lovelace wrote this.", "Mail me: ada@example.org"] {
        let comment = comment::ActiveModel {
            post_id: Set(post.id),
            author_id: Set(Some(ada.id)),
            text: Set(text.to_owned()),
            ..Default::default()
        };
        last = Some(comment.insert(db).await?);
    }
    let Some(last) = last else {
        return Err("two comments".into());
    };
    let archive = comment::Entity::archive_by_id(last.id).reason("asked for by ada@example.org");
    Ok((ada.id, archive.exec(db).await?))
}

async fn held(narrator: &Narrator, db: &DatabaseConnection, ada: i64) -> Result<(), Error> {
    narrator.chapter("The lawyers hold everything of Ada, until the case is closed.");
    let held = member::Entity::hold_person_by_id(ada, "case 18").by("legal");
    let held = held.exec(db).await?;
    match member::Entity::erase_by_id(ada).exec(db).await {
        Err(error @ sea_orm_archive::Error::Conflict(ConflictError::Held { .. })) => {
            narrator.print(&format!("Refused: {error}."));
        }
        other => return Err(format!("expected a hold: {other:?}").into()),
    }
    let release = hold::Entity::release_by_id(held.id, "case closed").by("legal");
    let released = release.exec(db).await?;
    narrator.print(&format!("Hold {} is released.", released.id));
    Ok(())
}
