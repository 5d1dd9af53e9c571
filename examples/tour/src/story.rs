//! The story itself.

use blog::{comment, like, post, post_tag, tag, user};
use migration::{Migrator, MigratorTrait};
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, DatabaseConnection, QueryOrder};
use sea_orm_archive::error::ConflictError;
use sea_orm_archive::prelude::*;

use storyteller::{Error, Narrator, ensure};

mod log;

const TABLES: [&str; 5] = ["posts", "comments", "likes", "post_tags", "tags"];

/// Tells it from the migrations to the rows that are back.
pub async fn tell(narrator: &Narrator, db: &DatabaseConnection) -> Result<(), Error> {
    narrator.chapter("The migrations make a blog, and an archive table for each table of it.");
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
    look_up(narrator, db, &post, &archival).await?;
    let thief = take_the_slug(narrator, db, &post).await?;
    meet_the_conflict(narrator, db, &post, &thief).await?;
    restore(narrator, db, &post, thief).await?;

    narrator.chapter("Is everything what it was?");
    let after = Blog::read(db).await?;
    ensure(before == after, "every row is equal to what it was")?;
    narrator
        .say("Every post, comment, like and tag is equal to what it was, ids and times included.");
    log::tell(narrator, db, &archival).await?;
    narrator.say("\nThat was the tour.");
    Ok(())
}

/// Everything that can be archived, to compare.
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
    narrator.chapter("Alice archives her first post. What would go along?");
    let preview = post::Entity::archive_by_id(post.id).preview(db).await?;
    for (table, rows) in &preview.rows {
        narrator.say(&format!("{rows} row(s) of {table}"));
    }
    ensure(preview.blocked.is_empty(), "nothing blocks it")?;

    narrator
        .say("\npost::Entity::archive_by_id(..).by(alice).reason(\"a second thought\").exec(&db)");
    let archival = post::Entity::archive_by_id(post.id)
        .by(by.id)
        .reason("a second thought")
        .exec(db)
        .await?;
    ensure(
        archival.rows() == preview.rows,
        "what moved is what the preview said",
    )?;
    narrator.show(db, &TABLES).await?;
    narrator.say(
        "No query has to remember a filter: what is archived is in another table.\n\
         The tag stays; the row that tied the post to it went along.",
    );
    Ok(archival)
}

async fn look_up(
    narrator: &Narrator,
    db: &DatabaseConnection,
    post: &post::Model,
    archival: &Archival,
) -> Result<(), Error> {
    narrator.chapter("A moderator looks at what was archived.");
    let deleted = post::deleted::Entity::find_by_id(post.id).one(db).await?;
    let deleted = deleted.ok_or("the archived post cannot be found")?;
    ensure(
        deleted.archival_id == archival.id,
        "the archived post knows its archival",
    )?;
    narrator.say(&format!(
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
    let record = record.ok_or("the archival table has no such archival")?;
    narrator.say(&format!(
        "the archival table: archival {}, because of {:?}, {}",
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
        "it cannot be archived twice",
    )
}

async fn take_the_slug(
    narrator: &Narrator,
    db: &DatabaseConnection,
    post: &post::Model,
) -> Result<post::Model, Error> {
    narrator.chapter("Alice writes a new post with the same slug: it is free.");
    let alice = user::Entity::find_by_id(post.author_id)
        .one(db)
        .await?
        .ok_or("alice is missing")?;
    let thief = new_post(&post.slug, &alice).insert(db).await?;
    ensure(thief.id != post.id, "an id is never given twice")?;
    narrator.say(&format!(
        "The new post has the id {}; {} stays the archived one's.",
        thief.id, post.id
    ));
    Ok(thief)
}

async fn meet_the_conflict(
    narrator: &Narrator,
    db: &DatabaseConnection,
    post: &post::Model,
    thief: &post::Model,
) -> Result<(), Error> {
    narrator.chapter("Now she wants the old one back.");
    let preview = post::Entity::restore_by_id(post.id).preview(db).await?;
    for conflict in &preview.conflicts {
        narrator.say(&format!("in the way: {conflict}"));
    }
    let holder = serde_json::json!({ "id": thief.id });
    let told = preview
        .conflicts
        .iter()
        .any(|conflict| matches!(conflict, Conflict::Unique { holder: who, .. } if *who == holder));
    ensure(told, "the preview names the post in the way")?;
    let refused = post::Entity::restore_by_id(post.id).exec(db).await;
    ensure(
        matches!(
            refused,
            Err(sea_orm_archive::Error::Conflict(
                ConflictError::Restore { .. }
            ))
        ),
        "a restore into a taken slug is refused",
    )?;
    narrator.say("The restore is refused with the same words, and nothing has moved:");
    narrator.show(db, &TABLES).await
}

async fn restore(
    narrator: &Narrator,
    db: &DatabaseConnection,
    post: &post::Model,
    thief: post::Model,
) -> Result<(), Error> {
    narrator.chapter("The new post is deleted for good, and the old one restored.");
    thief.delete(db).await?;
    narrator.say("post::Entity::restore_by_id(..).by(alice).exec(&db)");
    let restored = post::Entity::restore_by_id(post.id)
        .by(post.author_id)
        .exec(db)
        .await?;
    ensure(
        restored.rows == restored.archival.rows(),
        "all that went came back",
    )?;
    narrator.show(db, &TABLES).await
}
