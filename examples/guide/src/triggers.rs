//! Triggers.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::prelude::*;
use sea_orm_migration::SchemaManager;

use crate::Output;
use crate::blog::{CreateBlog, post};

async fn triggers_of_the_blog(db: &DatabaseConnection) -> Result<(), DbErr> {
    db.execute_unprepared(
        "ALTER TABLE posts ADD COLUMN comments_count integer NOT NULL DEFAULT 0;
         CREATE FUNCTION count_comments() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
             UPDATE posts SET comments_count = comments_count + CASE TG_OP WHEN 'INSERT' THEN 1 ELSE -1 END
             WHERE id = coalesce(NEW.post_id, OLD.post_id);
             RETURN NULL;
         END $$;
         CREATE TRIGGER count_comments AFTER INSERT OR DELETE ON comments
         FOR EACH ROW EXECUTE FUNCTION count_comments();",
    )
    .await?;
    SchemaManager::new(db).sync_archived_table("posts").await?;
    db.execute_unprepared(
        "INSERT INTO users (name) VALUES ('Ann');
         INSERT INTO posts (author_id, title, slug) VALUES (1, 'First', 'first');
         INSERT INTO comments (post_id, content) VALUES (1, 'one'), (1, 'two');",
    )
    .await?;
    Ok(())
}

const WELCOME: &str = "CREATE FUNCTION welcome() RETURNS trigger LANGUAGE plpgsql AS $$
     BEGIN
         INSERT INTO comments (post_id, content) VALUES (NEW.id, 'Welcome!');
         RETURN NULL;
     END $$;
     CREATE TRIGGER welcome AFTER INSERT ON posts FOR EACH ROW EXECUTE FUNCTION welcome();";

async fn rehearse(db: &DatabaseConnection, output: &mut Output) -> Result<(), Error> {
    let rehearsal = post::Entity::archive_by_id(1).rehearse(db).await?;
    output.line(format!("comes back unchanged: {}", rehearsal.is_exact()));
    for row in &rehearsal.differences {
        output.line(format!("{} {}", row.table, row.key));
    }
    for table in &rehearsal.other_tables {
        output.line(format!("{} also changes", table.table));
    }
    Ok(())
}

async fn suspend(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .suspend_trigger(SuspendedTrigger::new("posts", "welcome"))
        .await?;
    manager
        .suspend_trigger(SuspendedTrigger::new("comments", "count_comments").while_moving("posts"))
        .await
}

async fn resume(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager.resume_trigger("posts", "welcome").await?;
    manager.resume_trigger("comments", "count_comments").await
}

async fn list(db: &DatabaseConnection, output: &mut Output) -> Result<(), Error> {
    for found in sea_orm_archive::application_triggers(db).await? {
        output.line(format!(
            "{} on {}: suspended while {:?} move",
            found.trigger, found.table, found.suspended_while
        ));
    }
    Ok(())
}

pub async fn run(db: &DatabaseConnection, output: &mut Output) -> anyhow::Result<()> {
    crate::up(db, &CreateBlog).await?;
    triggers_of_the_blog(db).await?;
    post::Entity::archive_by_id(1).exec(db).await?;
    post::Entity::restore_by_id(1).exec(db).await?;
    db.execute_unprepared(WELCOME).await?;
    if let Err(error) = post::Entity::archive_by_id(1).exec(db).await {
        output.line(error);
    }
    rehearse(db, output).await?;
    let manager = SchemaManager::new(db);
    suspend(&manager).await?;
    list(db, output).await?;
    rehearse(db, output).await?;
    post::Entity::archive_by_id(1).exec(db).await?;
    post::Entity::restore_by_id(1).exec(db).await?;
    resume(&manager).await?;
    Ok(())
}
