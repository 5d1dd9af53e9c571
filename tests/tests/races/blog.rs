//! A small blog for the races: three posts, two of them with a comment and a tag, and a like on the first comment.

use migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};
use sea_orm_archive_tests::Database;

/// What the foreign keys of the blog do when a parent is deleted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OnDelete {
    Cascade,
    NoAction,
}

/// Both actions, for tests that must pass with either.
pub const BOTH: [OnDelete; 2] = [OnDelete::Cascade, OnDelete::NoAction];

const ROWS: &str = "
    insert into users (id, name) values (1, 'alice');
    insert into posts (id, title, slug, content, author_id) values (1, 'One', 'one', '', 1), (2, 'Two', 'two', '', 1), (3, 'Three', 'three', '', 1);
    insert into comments (id, post_id, author_id, content) values (1, 1, 1, 'old'), (2, 2, 1, 'old');
    insert into likes (id, comment_id, user_id) values (1, 1, 1);
    insert into tags (id, name) values (1, 'rust');
    insert into post_tags (post_id, tag_id) values (1, 1), (2, 1);
    insert into users (id, name) values (2, 'bob');
";

const NO_ACTION: &str = "
    alter table comments drop constraint comments_post_id_fkey, add constraint comments_post_id_fkey foreign key (post_id) references posts (id);
    alter table likes drop constraint likes_comment_id_fkey, add constraint likes_comment_id_fkey foreign key (comment_id) references comments (id);
    alter table post_tags drop constraint post_tags_post_id_fkey, add constraint post_tags_post_id_fkey foreign key (post_id) references posts (id);
    alter table post_tags drop constraint post_tags_tag_id_fkey, add constraint post_tags_tag_id_fkey foreign key (tag_id) references tags (id);
";

pub async fn blog(on_delete: OnDelete) -> Database {
    match on_delete {
        OnDelete::Cascade => Database::from_template("cascade", async |db| write(&db).await).await,
        OnDelete::NoAction => {
            Database::from_template("no action", async |db| {
                write(&db).await?;
                db.execute_unprepared(NO_ACTION).await?;
                Ok(())
            })
            .await
        }
    }
}

async fn write(db: &DatabaseConnection) -> Result<(), DbErr> {
    // Without the audit log, which refuses columns that plain SQL adds to a table and its archive table.
    Migrator::up(db, Some(2)).await?;
    name_foreign_keys(db).await?;
    db.execute_unprepared(ROWS).await?;
    Ok(())
}

/// Renames the foreign keys after their table and column.
async fn name_foreign_keys(db: &DatabaseConnection) -> Result<(), DbErr> {
    db.execute_unprepared(
        "do $$ declare k record; begin
            for k in select c.conrelid::regclass as t, c.conname as old,
                            format('%s_%s_fkey', r.relname, a.attname) as new
                     from pg_constraint c join pg_class r on r.oid = c.conrelid
                     join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
                     where c.contype = 'f' and r.relnamespace = 'public'::regnamespace
            loop
                if k.old <> k.new then
                    execute format('alter table %s rename constraint %I to %I', k.t, k.old, k.new);
                end if;
            end loop;
         end $$",
    )
    .await?;
    Ok(())
}

/// The table in which a row is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum At {
    Active,
    Archived,
    Both,
    Nowhere,
}

/// The table in which the row is for which `condition` holds: `table`, its archive table, both or none.
pub async fn find(db: &impl ConnectionTrait, table: &str, condition: &str) -> At {
    let active = count(db, table, condition).await;
    let archived = count(db, &format!("deleted_{table}"), condition).await;
    match (active, archived) {
        (1, 0) => At::Active,
        (0, 1) => At::Archived,
        (0, 0) => At::Nowhere,
        _ => At::Both,
    }
}

pub async fn count(db: &impl ConnectionTrait, table: &str, condition: &str) -> i64 {
    sea_orm_archive_tests::sql::count(db, &format!("{table} where {condition}")).await
}
