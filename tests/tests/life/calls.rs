//! The calls of the steps, each with what the model expects of it.

use blog::{comment, post, user};
use sea_orm::{ColumnTrait, DatabaseConnection};
use sea_orm_archive::erasure::{Certificate, PersonEntity};
use sea_orm_archive::error::ConflictError;
use sea_orm_archive::prelude::*;
use sea_orm_archive::{archival, hold};
use sea_orm_archive_tests::sql::{places, run};

use super::fixture::ERASED;
use super::model::{Held, Kind, Model, Row, RowId, nth, stored};
use super::steps::Step;

type Done = Result<(), String>;

/// Whether a call succeeded. It must have, unless something is in its way; a hold that is must be named.
fn outcome<T>(
    result: Result<T, Error>,
    held: bool,
    otherwise_refused: bool,
) -> Result<Option<T>, String> {
    match result {
        Ok(_) if held || otherwise_refused => Err("it should be refused".to_owned()),
        Ok(value) => Ok(Some(value)),
        Err(Error::Conflict(ConflictError::Held { .. })) if held => Ok(None),
        Err(_) if otherwise_refused => Ok(None),
        Err(error) => Err(format!("it should succeed: {error}")),
    }
}

pub async fn take(db: &DatabaseConnection, model: &mut Model, step: &Step) -> Done {
    match *step {
        Step::WritePost { author } => write(db, model, None, author).await,
        Step::WriteComment { post, author } => match nth(model.active(Kind::Post), post) {
            Some((_, post)) => write(db, model, Some(post), author).await,
            None => Ok(()),
        },
        Step::Update { kind, row } => update(db, model, nth(model.active(kind), row)).await,
        Step::Archive { kind, row } => archive(db, model, nth(model.active(kind), row)).await,
        Step::ArchivePostsOf { author } => {
            let archive = post::Entity::archive_many();
            let archive = archive.filter(post::Column::AuthorId.eq(author));
            outcome(archive.exec(db).await, false, false)?;
            let posts = model.active_of(Kind::Post, author).into_iter();
            let trees = posts.map(|post| model.tree(post)).collect();
            model.archived(db, trees).await
        }
        Step::Restore { archival } => match nth(model.archivals.keys().copied(), archival) {
            Some(archival) => restore(db, model, archival).await,
            None => Ok(()),
        },
        Step::RestorePart { comment, post } => restore_part(db, model, comment, post).await,
        Step::RestoreAsNew { archival } => {
            let posts = model.archivals.iter();
            let posts = posts.filter(|(_, root)| root.0 == Kind::Post);
            match nth(posts.map(|(id, root)| (*id, root.1)), archival) {
                Some((archival, post)) => restore_as_new(db, model, archival, post).await,
                None => Ok(()),
            }
        }
        Step::Delete { kind, row } => {
            let deleted: Vec<_> = nth(model.active(kind), row).into_iter().collect();
            delete(db, model, kind, &deleted).await
        }
        Step::DeleteAllOf { kind, author } => {
            let deleted = model.active_of(kind, author);
            delete(db, model, kind, &deleted).await
        }
        Step::Purge { archival } => match nth(model.archivals.keys().copied(), archival) {
            Some(archival) => {
                let purged = archival::Entity::purge_by_id(archival).exec(db).await;
                let purged = outcome(purged, model.may_not_be_purged(archival), false)?;
                purged.into_iter().for_each(|_| forget(model, archival));
                Ok(())
            }
            None => Ok(()),
        },
        Step::PurgePostsOf { author } => purge_posts_of(db, model, author).await,
        Step::HoldRow { kind, row } => {
            hold(
                db,
                model,
                nth(model.rows.keys().copied().filter(|id| id.0 == kind), row).map(Held::Row),
            )
            .await
        }
        Step::HoldArchival { archival } => {
            let archival = nth(model.archivals.keys().copied(), archival);
            hold(db, model, archival.map(Held::Archival)).await
        }
        Step::HoldPerson { person } => hold(db, model, Some(Held::Person(person))).await,
        Step::Release { hold } => {
            if let Some(id) = nth(model.holds.keys().copied(), hold) {
                let release = hold::Entity::release_by_id(id, "over");
                outcome(release.exec(db).await, false, false)?;
                model.holds.remove(&id);
            }
            Ok(())
        }
        Step::Erase { person } => {
            let erased = user::Entity::erase_by_id(person).exec(db).await;
            let held = must_not_be_erased(model, person, erased.is_ok());
            match outcome(erased, held, false)? {
                Some(certificate) => ended(db, model, person, &certificate).await,
                None => Ok(()),
            }
        }
        Step::EraseSteps {
            person,
            steps,
            most,
        } => erase_steps(db, model, person, steps, most).await,
    }
}

/// What a person writes before the last call of an erasure is erased too.
async fn write(db: &DatabaseConnection, model: &mut Model, post: Option<i64>, author: i64) -> Done {
    model.last += 1;
    let id = 1000 + model.last;
    let text = format!("of-{author}-is {id}");
    let (kind, sql) = match post {
        None => (
            Kind::Post,
            format!(
                "insert into posts (id, title, slug, content, author_id) values ({id}, '{text}', '{id}', '{text}', {author})"
            ),
        ),
        Some(post) => (
            Kind::Comment,
            format!(
                "insert into comments (id, post_id, author_id, content) values ({id}, {post}, {author}, '{text}')"
            ),
        ),
    };
    run(db, &sql).await;
    let row = Row {
        author,
        text,
        post,
        archival: None,
    };
    model.rows.insert((kind, id), row);
    Ok(())
}

async fn update(db: &DatabaseConnection, model: &mut Model, id: Option<RowId>) -> Done {
    let Some(id) = id else { return Ok(()) };
    model.last += 1;
    let text = format!("of-{}-is changed {}", model.rows[&id].author, model.last);
    let title = match id.0 {
        Kind::Post => format!(", title = '{text}'"),
        Kind::Comment => String::new(),
    };
    run(
        db,
        &format!(
            "update {} set content = '{text}'{title} where id = {}",
            id.0.table(),
            id.1
        ),
    )
    .await;
    model.rows.get_mut(&id).unwrap().text = text;
    Ok(())
}

async fn archive(db: &DatabaseConnection, model: &mut Model, id: Option<RowId>) -> Done {
    let Some(id) = id else { return Ok(()) };
    let author = model.rows[&id].author;
    // An erasure replaces the name of a person in reasons.
    let is_named = !model.renamed.contains(&author);
    let reason = match is_named {
        true => format!("of-{author}-name asked for it"),
        false => "asked for".to_owned(),
    };
    let archived = match id.0 {
        Kind::Post => {
            post::Entity::archive_by_id(id.1)
                .reason(reason)
                .exec(db)
                .await
        }
        Kind::Comment => {
            comment::Entity::archive_by_id(id.1)
                .reason(reason)
                .exec(db)
                .await
        }
    };
    outcome(archived, false, false)?;
    let tree = model.tree(id);
    model.archived(db, vec![tree]).await
}

pub async fn restore(db: &DatabaseConnection, model: &mut Model, archival: i64) -> Done {
    let root = model.archivals[&archival];
    let restored = match root.0 {
        // A copy may have its slug.
        Kind::Post => {
            let restore = post::Entity::restore_by_id(root.1);
            restore.rename(post::Column::Slug, "-{n}").exec(db).await
        }
        Kind::Comment => comment::Entity::restore_by_id(root.1).exec(db).await,
    };
    let held = model.is_held(Held::Archival(archival));
    if outcome(restored, held, !model.can_return(root))?.is_some() {
        for id in model.rows_of(archival) {
            model.rows.get_mut(&id).unwrap().archival = None;
        }
        model.archivals.remove(&archival);
    }
    Ok(())
}

async fn restore_part(
    db: &DatabaseConnection,
    model: &mut Model,
    comment: usize,
    post: usize,
) -> Done {
    let parts = model.rows.iter().filter(|(id, row)| {
        let root = row
            .archival
            .and_then(|archival| model.archivals.get(&archival));
        root.is_some_and(|root| root.0 == Kind::Post && id.0 == Kind::Comment)
    });
    let part = nth(parts.map(|(id, _)| *id), comment);
    let (Some(part), Some((_, post))) = (part, nth(model.active(Kind::Post), post)) else {
        return Ok(());
    };
    let restore = comment::Entity::restore_by_id(part.1).as_part();
    let restored = restore.set(comment::Column::PostId, post).exec(db).await;
    let held = model.rows[&part]
        .archival
        .is_some_and(|id| model.is_held(Held::Archival(id)));
    if outcome(restored, held, false)?.is_some() {
        let row = model.rows.get_mut(&part).unwrap();
        (row.post, row.archival) = (Some(post), None);
    }
    Ok(())
}

/// The new rows have the texts and the authors of the archived ones, which stay archived.
async fn restore_as_new(
    db: &DatabaseConnection,
    model: &mut Model,
    archival: i64,
    post: i64,
) -> Done {
    let restore = post::Entity::restore_by_id(post).rename(post::Column::Slug, "-{n}");
    let restored = restore.as_new().exec(db).await;
    if outcome(restored, model.is_held(Held::Archival(archival)), false)?.is_none() {
        return Ok(());
    }
    let mut new = stored(db).await;
    new.retain(|id, _| !model.rows.contains_key(id));
    let texts = |rows: Vec<(RowId, &Row)>| {
        let mut texts: Vec<_> = rows
            .into_iter()
            .map(|(id, row)| {
                let text = match model.erasing.contains(&row.author) {
                    true => ERASED,
                    false => &row.text,
                };
                (id.0, row.author, text.to_owned())
            })
            .collect();
        texts.sort_unstable();
        texts
    };
    let copied = model.rows_of(archival).into_iter();
    let expected = texts(copied.map(|id| (id, &model.rows[&id])).collect());
    let found = texts(new.iter().map(|(id, row)| (*id, row)).collect());
    if found != expected {
        return Err(format!(
            "the new rows are {found:?} and should be {expected:?}"
        ));
    }
    model.rows.extend(new);
    Ok(())
}

/// The guard catches the rows and what the foreign keys delete.
async fn delete(db: &DatabaseConnection, model: &mut Model, kind: Kind, deleted: &[RowId]) -> Done {
    let ids: Vec<_> = deleted.iter().map(|id| id.1.to_string()).collect();
    let ids = format!("'{{{}}}'", ids.join(","));
    // Half of the posts after their comments, the others by ON DELETE CASCADE.
    let before = match kind {
        Kind::Post if model.last % 2 == 0 => {
            format!("delete from comments where post_id = any ({ids});")
        }
        _ => String::new(),
    };
    let table = kind.table();
    run(
        db,
        &format!("{before} delete from {table} where id = any ({ids})"),
    )
    .await;
    let trees = deleted.iter().map(|id| model.tree(*id)).collect();
    model.archived(db, trees).await
}

fn forget(model: &mut Model, archival: i64) {
    for id in model.rows_of(archival) {
        model.rows.remove(&id);
    }
    model.archivals.remove(&archival);
}

async fn purge_posts_of(db: &DatabaseConnection, model: &mut Model, author: i64) -> Done {
    let roots = model.archivals.iter();
    let found: Vec<_> = roots
        .filter(|(_, root)| root.0 == Kind::Post && model.rows[root].author == author)
        .map(|(id, _)| *id)
        .collect();
    let (held, purged): (Vec<_>, Vec<_>) = found
        .into_iter()
        .partition(|id| model.may_not_be_purged(*id));
    let purge = post::Entity::purge_many().filter(post::deleted::Column::AuthorId.eq(author));
    let many = outcome(purge.skip_held().exec(db).await, false, false)?.unwrap();
    purged.iter().for_each(|id| forget(model, *id));
    let counts = (
        usize::try_from(many.archivals).unwrap(),
        many.held.into_keys().collect::<Vec<_>>(),
    );
    match counts == (purged.len(), held.clone()) {
        true => Ok(()),
        false => Err(format!(
            "purged {counts:?} and should have purged {purged:?}, not {held:?}"
        )),
    }
}

async fn hold(db: &DatabaseConnection, model: &mut Model, held: Option<Held>) -> Done {
    let Some(held) = held else { return Ok(()) };
    let place = match held {
        Held::Row((Kind::Post, id)) => post::Entity::hold_by_id(id, "case"),
        Held::Row((Kind::Comment, id)) => comment::Entity::hold_by_id(id, "case"),
        Held::Archival(id) => archival::Entity::hold_by_id(id, "case"),
        Held::Person(id) => user::Entity::hold_person_by_id(id, "case"),
    };
    let placed = outcome(place.exec(db).await, false, false)?.unwrap();
    model.holds.insert(placed.id, held);
    Ok(())
}

/// Whether a hold stops the erasure. One that was placed on a row or an archival after the beginning does so if its rows are not erased yet.
fn must_not_be_erased(model: &Model, person: i64, succeeded: bool) -> bool {
    let has_begun = model.erasing.contains(&person) && !model.is_held(Held::Person(person));
    model.may_not_be_erased(person) && !(has_begun && succeeded)
}

async fn erase_steps(
    db: &DatabaseConnection,
    model: &mut Model,
    person: i64,
    steps: u32,
    most: u32,
) -> Done {
    let mut batches = user::Entity::erase_by_id(person).in_batches(most);
    for _ in 0..steps {
        let step = batches.next(db).await;
        let held = must_not_be_erased(model, person, step.is_ok());
        let Some(Some(certificate)) = outcome(step, held, false)? else {
            return Ok(());
        };
        if certificate.erasure.finished_at.is_some() {
            return ended(db, model, person, &certificate).await;
        }
        model.erasing.insert(person);
    }
    Ok(())
}

/// Nothing of the person is left.
async fn ended(
    db: &DatabaseConnection,
    model: &mut Model,
    person: i64,
    certificate: &Certificate,
) -> Done {
    model.erased(person);
    let left = places(db, &format!("of-{person}-")).await;
    match certificate.is_complete() && left.is_empty() {
        true => Ok(()),
        false => Err(format!("{certificate} leaves {left:?}")),
    }
}
