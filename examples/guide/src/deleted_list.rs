//! The deleted list.

use sea_orm::{DatabaseConnection, QueryOrder, entity::prelude::*};
use sea_orm_archive::prelude::*;

use crate::Output;
use crate::blog::{comment, post};

async fn page(db: &DatabaseConnection, output: &mut Output) -> Result<(), DbErr> {
    let pages = post::Entity::find_deleted_roots().paginate(db, 50);
    output.line(format!("{} deleted posts", pages.num_items().await?));
    for (post, archival) in pages.fetch_page(0).await? {
        let Some(archival) = archival else { continue };
        output.line(format!(
            "{} | deleted by {:?} | {} | {} rows",
            post.title,
            archival.archived_by.as_deref().unwrap_or_default(),
            archival.reason.as_deref().unwrap_or_default(),
            archival.rows().values().sum::<u64>(),
        ));
    }
    Ok(())
}

async fn filtered(db: &DatabaseConnection, output: &mut Output) -> Result<(), DbErr> {
    let mine = post::Entity::find_deleted_roots()
        .filter(post::deleted::Column::DeletedBy.eq(1))
        .count(db)
        .await?;
    output.line(format!("deleted by 1: {mine}"));
    Ok(())
}

async fn comments(db: &DatabaseConnection, output: &mut Output) -> Result<(), DbErr> {
    let comments = comment::deleted::Entity::find()
        .filter(comment::deleted::Column::PostId.eq(1))
        .order_by_asc(comment::deleted::Column::Id)
        .all(db)
        .await?;
    for comment in comments {
        output.line(format!(
            "{} at archival {}",
            comment.content, comment.archival_id
        ));
    }
    Ok(())
}

async fn archivals(db: &DatabaseConnection, output: &mut Output) -> Result<(), DbErr> {
    use sea_orm_archive::archival;

    let archivals = archival::Entity::find()
        .filter(archival::Column::RestoredAt.is_null())
        .filter(archival::Column::PurgedAt.is_null())
        .order_by_desc(archival::Column::Id)
        .all(db)
        .await?;
    for archival in archivals {
        output.line(format!(
            "{}: {} {}",
            archival.id, archival.root_table, archival.root_key
        ));
    }
    Ok(())
}

async fn together(db: &DatabaseConnection, output: &mut Output) -> Result<(), DbErr> {
    let posts = post::Entity::find_with_deleted()
        .order_by_desc(post::Column::Id)
        .paginate(db, 50)
        .fetch_page(0)
        .await?;
    for (post, deletion) in posts {
        match deletion {
            None => output.line(format!("{} | active", post.title)),
            Some(deletion) => output.line(format!(
                "{} | deleted by {:?}",
                post.title,
                deletion.deleted_by.as_deref().unwrap_or_default()
            )),
        }
    }
    Ok(())
}

async fn lookup(db: &DatabaseConnection, output: &mut Output) -> Result<(), DbErr> {
    use sea_orm_archive::{archival, deletion};

    let found = post::Entity::find_with_deleted()
        .filter(post::Column::Id.eq(1))
        .one(db)
        .await?;
    let is_deleted = found.is_some_and(|(_, deletion)| deletion.is_some());
    output.line(format!("post 1 is deleted: {is_deleted}"));

    let by_ann = post::Entity::find_with_deleted()
        .filter(deletion::Column::DeletedBy.eq("1"))
        .and_also_related(archival::Entity)
        .all(db)
        .await?;
    for (post, _, archival) in by_ann {
        let reason = archival.and_then(|archival| archival.reason);
        output.line(format!("{}: {}", post.title, reason.unwrap_or_default()));
    }
    Ok(())
}

pub async fn run(db: &DatabaseConnection, output: &mut Output) -> anyhow::Result<()> {
    crate::blog::fill(db).await?;
    post::Entity::archive_by_id(1)
        .by(1)
        .reason("spam")
        .exec(db)
        .await?;
    comment::Entity::archive_by_id(3).by(2).exec(db).await?;
    post::Entity::archive_by_id(2)
        .by(2)
        .reason("old")
        .exec(db)
        .await?;
    page(db, output).await?;
    filtered(db, output).await?;
    comments(db, output).await?;
    archivals(db, output).await?;
    post::Entity::restore_by_id(2).exec(db).await?;
    together(db, output).await?;
    lookup(db, output).await?;
    Ok(())
}
