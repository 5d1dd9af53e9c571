//! The steps of the tour.

use blog::{comment, like, post, post_tag, tag, user};
use migration::{Migrator, MigratorTrait};
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, DatabaseConnection, QueryOrder};
use sea_orm_archive::error::ConflictError;
use sea_orm_archive::prelude::*;

use storyteller::{Error, Narrator, ensure};

mod log;

const TABLES: [&str; 5] = ["posts", "comments", "likes", "post_tags", "tags"];

/// Runs the tour: migrates, archives a post, restores it, and reads the audit log.
pub async fn run(narrator: &Narrator, db: &DatabaseConnection) -> Result<(), Error> {
    narrator.chapter(
        "The migrations create a blog, with archive tables for posts, comments, likes and tags.",
    );
    Migrator::up(db, None).await?;
    narrator.print_sql_from_here();
    let alice = write_a_blog(narrator, db).await?;
    let before = Blog::read(db).await?;
    narrator.show(db, &TABLES).await?;

    let post = post::Entity::find()
        .filter(post::Column::Slug.eq("first"))
        .one(db)
        .await?;
    let post = post.ok_or("the post is missing")?;
    let archival = archive(narrator, db, &post, alice).await?;
    read_the_archived_post(narrator, db, &post, &archival).await?;
    let replacement = reuse_the_slug(narrator, db, &post).await?;
    try_to_restore(narrator, db, &post, &replacement).await?;
    restore(narrator, db, &post, replacement).await?;

    narrator.chapter("Are all rows the same as before?");
    let after = Blog::read(db).await?;
    ensure(before == after, "every row is the same as before")?;
    narrator
        .print("Every post, comment, like and tag is the same as before, including ids and times.");
    log::run(narrator, db, &archival).await?;
    narrator.print("\nThis is the end of the tour.");
    Ok(())
}

/// All rows of the tables with an archive, to compare before and after.
#[derive(PartialEq)]
struct Blog {
    posts: Vec<post::Model>,
    comments: Vec<comment::Model>,
    likes: Vec<like::Model>,
    tags: Vec<tag::Model>,
    post_tags: Vec<post_tag::Model>,
}

impl Blog {
    async fn read(db: &DatabaseConnection) -> Result<Self, Error> {
        Ok(Self {
            posts: post::Entity::find()
                .order_by_asc(post::Column::Id)
                .all(db)
                .await?,
            comments: comment::Entity::find()
                .order_by_asc(comment::Column::Id)
                .all(db)
                .await?,
            likes: like::Entity::find()
                .order_by_asc(like::Column::Id)
                .all(db)
                .await?,
            tags: tag::Entity::find()
                .order_by_asc(tag::Column::Id)
                .all(db)
                .await?,
            post_tags: post_tag::Entity::find()
                .order_by_asc(post_tag::Column::PostId)
                .order_by_asc(post_tag::Column::TagId)
                .all(db)
                .await?,
        })
    }
}

async fn write_a_blog(narrator: &Narrator, db: &DatabaseConnection) -> Result<user::Model, Error> {
    narrator.chapter("Alice writes two posts with tags, Bob comments, Carol likes it.");
    let now = ChronoUtc::now();
    let person = async |name: &str| {
        user::ActiveModel {
            name: Set(name.to_owned()),
            created_at: Set(now),
            ..Default::default()
        }
        .insert(db)
        .await
    };
    let (alice, bob, carol) = (
        person("alice").await?,
        person("bob").await?,
        person("carol").await?,
    );
    let rust = tag::ActiveModel {
        name: Set("rust".to_owned()),
        ..Default::default()
    };
    let rust = rust.insert(db).await?;
    for (slug, comments) in [("first", 3), ("second", 1)] {
        let post = new_post(slug, &alice).insert(db).await?;
        post_tag::ActiveModel {
            post_id: Set(post.id),
            tag_id: Set(rust.id),
        }
        .insert(db)
        .await?;
        for number in 1..=comments {
            let comment = comment::ActiveModel {
                post_id: Set(post.id),
                author_id: Set(bob.id),
                content: Set(format!("comment {number}")),
                created_at: Set(now),
                ..Default::default()
            };
            let comment = comment.insert(db).await?;
            like::ActiveModel {
                comment_id: Set(comment.id),
                user_id: Set(carol.id),
                created_at: Set(now),
                ..Default::default()
            }
            .insert(db)
            .await?;
        }
    }
    Ok(alice)
}

fn new_post(slug: &str, author: &user::Model) -> post::ActiveModel {
    post::ActiveModel {
        title: Set(format!("The {slug} post")),
        slug: Set(slug.to_owned()),
        content: Set("...".to_owned()),
        author_id: Set(author.id),
        created_at: Set(ChronoUtc::now()),
        ..Default::default()
    }
}

async fn archive(
    narrator: &Narrator,
    db: &DatabaseConnection,
    post: &post::Model,
    by: user::Model,
) -> Result<Archival, Error> {
    narrator.chapter(
        "Alice archives her first post. The preview counts the rows that will be archived.",
    );
    let preview = post::Entity::archive_by_id(post.id).preview(db).await?;
    for (table, rows) in &preview.rows {
        narrator.print(&format!("{rows} row(s) of {table}"));
    }
    ensure(preview.blockers.is_empty(), "nothing blocks the archive")?;

    narrator.print(
        "\npost::Entity::archive_by_id(..).by(alice).reason(\"a second thought\").exec(&db)",
    );
    let archival = post::Entity::archive_by_id(post.id)
        .by(by.id)
        .reason("a second thought")
        .exec(db)
        .await?;
    ensure(
        archival.rows() == preview.rows,
        "the archived rows are those of the preview",
    )?;
    narrator.show(db, &TABLES).await?;
    narrator.print(
        "Queries need no filter, because archived rows are in another table.\n\
         The tag is not archived. The row of post_tags between the post and the tag is.",
    );
    Ok(archival)
}

async fn read_the_archived_post(
    narrator: &Narrator,
    db: &DatabaseConnection,
    post: &post::Model,
    archival: &Archival,
) -> Result<(), Error> {
    narrator.chapter("A moderator reads the archived post.");
    let deleted = post::deleted::Entity::find_by_id(post.id).one(db).await?;
    let deleted = deleted.ok_or("the archived post cannot be found")?;
    ensure(
        deleted.archival_id == archival.id,
        "the archived post references its archival",
    )?;
    narrator.print(&format!(
        "post::deleted::Entity::find_by_id({}): {:?}, archived at {} by user {}",
        post.id,
        deleted.title,
        deleted.deleted_at.format("%Y-%m-%d %H:%M:%S %Z"),
        deleted.deleted_by.unwrap_or_default(),
    ));
    let record = deleted
        .find_related(sea_orm_archive::archival::Entity)
        .one(db)
        .await?;
    let record = record.ok_or("the archival record is missing")?;
    narrator.print(&format!(
        "archive.archival: id {}, reason {:?}, rows {}",
        record.id,
        record.reason.unwrap_or_default(),
        serde_json::to_string(&record.row_counts)?,
    ));
    let again = post::Entity::archive_by_id(post.id).exec(db).await;
    ensure(
        matches!(
            again,
            Err(sea_orm_archive::Error::Conflict(
                ConflictError::AlreadyArchived { .. }
            ))
        ),
        "the post cannot be archived twice",
    )
}

async fn reuse_the_slug(
    narrator: &Narrator,
    db: &DatabaseConnection,
    post: &post::Model,
) -> Result<post::Model, Error> {
    narrator.chapter(
        "Alice writes a new post with the same slug. The archived post does not block it.",
    );
    let alice = user::Entity::find_by_id(post.author_id)
        .one(db)
        .await?
        .ok_or("alice is missing")?;
    let replacement = new_post(&post.slug, &alice).insert(db).await?;
    ensure(
        replacement.id != post.id,
        "the id of an archived post is not reused",
    )?;
    narrator.print(&format!(
        "The new post has the id {}. The id {} still belongs to the archived post.",
        replacement.id, post.id
    ));
    Ok(replacement)
}

async fn try_to_restore(
    narrator: &Narrator,
    db: &DatabaseConnection,
    post: &post::Model,
    replacement: &post::Model,
) -> Result<(), Error> {
    narrator.chapter("Alice tries to restore the first post. Its slug is taken.");
    let preview = post::Entity::restore_by_id(post.id).preview(db).await?;
    for conflict in &preview.conflicts {
        narrator.print(&format!("conflict: {conflict}"));
    }
    let expected = serde_json::json!({ "id": replacement.id });
    let reported = preview
        .conflicts
        .iter()
        .any(|conflict| matches!(conflict, Conflict::Unique { holder, .. } if *holder == expected));
    ensure(reported, "the preview reports the post with the same slug")?;
    let refused = post::Entity::restore_by_id(post.id).exec(db).await;
    ensure(
        matches!(
            refused,
            Err(sea_orm_archive::Error::Conflict(
                ConflictError::Restore { .. }
            ))
        ),
        "a restore is refused if the slug is taken",
    )?;
    narrator.print("The restore fails with the same conflict. No row has been restored:");
    narrator.show(db, &TABLES).await
}

async fn restore(
    narrator: &Narrator,
    db: &DatabaseConnection,
    post: &post::Model,
    replacement: post::Model,
) -> Result<(), Error> {
    narrator.chapter("The new post is deleted permanently, and the first post is restored.");
    replacement.delete(db).await?;
    narrator.print("post::Entity::restore_by_id(..).by(alice).exec(&db)");
    let restored = post::Entity::restore_by_id(post.id)
        .by(post.author_id)
        .exec(db)
        .await?;
    ensure(
        restored.rows == restored.archival.rows(),
        "all archived rows are restored",
    )?;
    narrator.show(db, &TABLES).await
}
