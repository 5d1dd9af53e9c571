//! A restore must not report success while a row stays in an archive table or is restored as another row.

use std::time::Duration;

use blog::{post, tag};
use sea_orm::{DatabaseConnection, TransactionTrait};
use sea_orm_archive::archival;
use sea_orm_archive::error::DriftError;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_archive_tests::Database;
use sea_orm_migration::SchemaManager;
use tokio::time::timeout;

use crate::attacks::blog::{blog, number, run};

/// Policies that hide an archived comment from `web`: from every statement, or from DELETE alone.
const HIDING: [&str; 2] = [
    "create policy mine on deleted_comments using (content <> 'first') with check (true)",
    "create policy every on deleted_comments using (true);
     create policy mine on deleted_comments as restrictive for delete using (content <> 'first')",
];

const OPEN: &str = "select count(*) from archive.archival where restored_at is null";

#[tokio::test]
async fn restore_is_refused_while_a_policy_hides_an_archived_row_from_the_role() {
    for policies in HIDING {
        let (database, db) = blog().await;
        let web = database.connect_as("web").await;
        let archival = post::Entity::archive_by_id(1).exec(&web).await.unwrap();
        let enable = format!("alter table deleted_comments enable row level security; {policies}");
        run(&db, &enable).await;
        let refused = [
            archival.restore(&web).await.map(drop),
            post::Entity::restore_by_id(1).exec(&web).await.map(drop),
            archival::Entity::restore_by_id(archival.id)
                .preview(&web)
                .await
                .map(drop),
        ];
        for refused in refused {
            let refused = refused.expect_err(policies).to_string();
            assert!(
                refused.contains("still has rows in public.deleted_comments"),
                "{policies}: {refused}"
            );
        }
        assert_eq!(number(&db, OPEN).await, 1);
        assert_eq!(number(&db, "select count(*) from deleted_posts").await, 1);
        run(&db, "drop policy mine on deleted_comments").await;
        let every = "drop policy if exists every on deleted_comments; create policy every on deleted_comments using (true)";
        run(&db, every).await;
        let restored = archival.restore(&web).await.unwrap();
        assert_eq!(restored.rows["public.comments"], 1);
        assert_eq!(number(&db, OPEN).await, 0);
    }
}

/// The owner of the schema `archive` is no superuser, so the application's policies apply to it too: a row that they
/// hide from both roles would stay archived.
#[tokio::test]
async fn restore_is_refused_if_policies_hide_rows_from_the_owner_too() {
    let (database, owner) = owned().await;
    let web = database.connect_as("web").await;
    let archival = post::Entity::archive_by_id(1).exec(&web).await.unwrap();
    run(
        &owner,
        "alter table deleted_comments enable row level security, force row level security;
         create policy mine on deleted_comments using (content <> 'first') with check (true)",
    )
    .await;
    let refused = archival.restore(&web).await.unwrap_err().to_string();
    assert!(
        refused.contains("public.deleted_comments") && refused.contains("BYPASSRLS"),
        "{refused}"
    );
    let everything =
        "drop policy mine on deleted_comments; create policy mine on deleted_comments using (true);
        alter table deleted_comments no force row level security";
    run(&owner, everything).await;
    archival.restore(&web).await.unwrap();
    assert_eq!(number(&owner, "select count(*) from comments").await, 2);
}

/// The blog's posts and comments, and a session of the role that owns them and the schema `archive`.
async fn owned() -> (Database, DatabaseConnection) {
    let database = Database::empty().await;
    let owner = database.role("owner").await;
    let grant = format!(
        "grant create on database \"{}\" to {owner}; grant all on schema public to {owner}",
        database.name()
    );
    run(&database.connect().await, &grant).await;
    let web = database.role("web").await;
    let owner = database.connect_as("owner").await;
    run(
        &owner,
        "create table posts (id bigint primary key, title text not null, slug text not null, content text not null, author_id bigint not null, created_at timestamptz not null default now());
         create table comments (id bigint primary key, post_id bigint not null references posts on delete cascade, author_id bigint not null, content text not null, created_at timestamptz not null default now());
         create table likes (id bigint primary key, comment_id bigint not null references comments on delete cascade, user_id bigint not null, created_at timestamptz not null default now());
         create table tags (id bigint primary key, name text not null);
         create table post_tags (post_id bigint not null references posts on delete cascade, tag_id bigint not null references tags on delete cascade, primary key (post_id, tag_id));
         insert into posts values (1, 'One', 'one', '', 1);
         insert into comments values (1, 1, 1, 'first'), (2, 1, 1, 'second')",
    )
    .await;
    let manager = SchemaManager::new(&owner);
    manager.install_archive().await.unwrap();
    for table in ["posts", "comments", "likes", "tags", "post_tags"] {
        manager.archive_existing_table(table).await.unwrap();
    }
    let grant =
        format!("grant select, insert, update, delete on all tables in schema public to {web}");
    run(&owner, &grant).await;
    manager.grant_archive(web).await.unwrap();
    (database, owner)
}

/// The owner of an archive table enables row-level security on it, so the owner of the schema checks it for remaining
/// rows. The expression of an index would run as that role, even while the check is planned.
#[tokio::test]
async fn check_for_remaining_rows_runs_no_code_of_the_owner_of_an_archive_table() {
    let (database, db) = blog().await;
    let web = database.connect_as("web").await;
    let archival = post::Entity::archive_by_id(1).exec(&web).await.unwrap();
    let tagger = database.role("tagger").await;
    let own = format!(
        "alter table deleted_comments owner to {tagger}; grant all on deleted_comments to {};
         grant create on schema public to {tagger}; create schema own authorization {tagger}; grant usage on schema own to public",
        database.role("web").await
    );
    run(&db, &own).await;
    let trap = "create function own.trap(bigint) returns bigint immutable language plpgsql as $$
         begin
             if (select rolsuper from pg_catalog.pg_roles where rolname = current_user) then
                 raise exception 'ran as the owner of the archive';
             end if;
             return $1;
         end $$;
         create index on deleted_comments ((own.trap(1) + id));
         alter table deleted_comments enable row level security;
         create policy every on deleted_comments using (true)";
    run(&database.connect_as("tagger").await, trap).await;
    let refused = archival.restore(&web).await.unwrap_err().to_string();
    assert!(
        refused.contains("deleted_comments belongs to the role"),
        "{refused}"
    );
    assert_eq!(number(&db, OPEN).await, 1);
}

/// A post with a tag, both archived, so that a restore of the post defers the row between them.
async fn deferring() -> (Database, DatabaseConnection, [Archival; 2]) {
    let (database, db) = blog().await;
    let rows = "insert into tags (name) values ('a'), ('b'); insert into post_tags values (1, 1)";
    run(&db, rows).await;
    let post = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let tag = tag::Entity::archive_by_id(1).exec(&db).await.unwrap();
    (database, db, [post, tag])
}

async fn trigger(db: &DatabaseConnection, when: &str, body: &str) {
    let sql = format!(
        "create function f() returns trigger language plpgsql as $$ begin {body} end $$;
         create trigger \"rewrites\" {when} update on deleted_post_tags for each row execute function f()"
    );
    run(db, &sql).await;
}

/// Row triggers that fire before an archived row is updated: the row stays with the archival that is being restored,
/// moves to an archival that does not exist, or becomes another row.
const REWRITING: [&str; 3] = [
    "new.archival_id := old.archival_id; return new;",
    "new.archival_id := 4711; return new;",
    "new.tag_id := 2; return new;",
];

/// Race: the trigger is created after the restore was planned, while it waits for the archival of the tag.
#[tokio::test]
async fn restore_fails_if_a_trigger_changes_how_a_row_is_deferred() {
    for body in REWRITING {
        let (database, db, [post, tag]) = deferring().await;
        let (holder, restorer) = (
            database.session("holder").await,
            database.session_as("restorer", "web").await,
        );
        let holding = holder.db().begin().await.unwrap();
        let hold = format!("select archive.claim_archivals(array[{}::bigint])", tag.id);
        run(&holding, &hold).await;
        let (web, archival) = (restorer.db(), post.clone());
        let restoring = restorer.start(async move { archival.restore(&web).await });
        database.wait_until_blocked_by(&restorer, &holder).await;
        trigger(&db, "before", body).await;
        holding.rollback().await.unwrap();
        let refused = restoring.finish().await;
        let Err(Error::Drift(DriftError::Trigger { message })) = &refused else {
            panic!("{body}: {refused:?}")
        };
        assert!(
            message.contains("rewrites") && message.contains("public.deleted_post_tags"),
            "{message}"
        );
        assert_eq!(number(&db, OPEN).await, 2, "{body}");
        run(&db, "drop trigger \"rewrites\" on deleted_post_tags").await;
        let web = restorer.db();
        assert_eq!(post.restore(&web).await.unwrap().waiting[0].rows, 1);
        tag.restore(&web).await.unwrap();
        let there = "select count(*) from post_tags where post_id = 1 and tag_id = 1";
        assert_eq!(number(&db, there).await, 1, "{body}");
    }
}

#[tokio::test]
async fn restore_fails_if_a_trigger_reverts_the_deferral_of_a_row() {
    let (database, db, [post, _]) = deferring().await;
    let web = database.connect_as("web").await;
    let back = format!(
        "if new.archival_id <> {0} then update deleted_post_tags set archival_id = {0}; end if; return null;",
        post.id
    );
    trigger(&db, "after", &back).await;
    // An endless restore would hold its locks forever.
    let refused = timeout(Duration::from_secs(60), post.restore(&web)).await;
    let refused = refused.expect("the restore ends");
    let Err(Error::Drift(DriftError::Trigger { message })) = &refused else {
        panic!("{refused:?}")
    };
    assert!(message.contains("public.deleted_post_tags"), "{message}");
    assert_eq!(number(&db, OPEN).await, 2);
}
