//! What the command changes.

use blog::post;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{ErasureSchema, PersonalData, Retention, RetentionSchema};
use sea_orm_archive_tests::sql::{number, run as sql, texts};
use sea_orm_migration::SchemaManager;

use crate::program::Blog;

#[tokio::test]
async fn restore_reports_conflicts_and_resolves_them() {
    let blog = Blog::new().await;
    let archival = post::Entity::archive_by_id(1).exec(&blog.db).await.unwrap();
    let id = archival.id.to_string();
    sql(
        &blog.db,
        "insert into posts (id, title, slug, content, author_id) values (9, 'x', 'one', '', 1)",
    )
    .await;
    let refused = blog.run(&["restore", &id, "--yes"]);
    assert_eq!(refused.code, 1);
    assert!(
        refused.out.contains("posts_author_id_slug_key") && refused.out.contains("--rename"),
        "{refused:?}"
    );
    let asked = blog.run(&["restore", &id, "--rename", "posts.slug"]);
    assert_eq!(asked.code, 2, "{asked:?}");
    assert!(asked.err.contains("--yes"), "{asked:?}");
    assert_eq!(
        number(&blog.db, "select count(*) from posts where id = 1").await,
        0
    );
    let preview = blog.json(&["restore", &id, "--preview", "--set", "posts.slug=other"]);
    assert_eq!(preview["preview"]["rows"]["public.posts"], 1);
    let restored = blog.json(&[
        "restore",
        "posts",
        "1",
        "--rename",
        "public.posts.slug",
        "--yes",
        "--as",
        "7",
    ]);
    assert_eq!(restored["restored"]["archival"]["restored_by"], "7");
    assert_eq!(
        texts(&blog.db, "select slug from posts where id = 1").await,
        ["one-2"]
    );
    assert_eq!(blog.run(&["restore", &id, "--yes"]).code, 3);
    for wrong in ["slug=1", "posts.nothing=1"] {
        let archival = post::Entity::archive_by_id(1).exec(&blog.db).await.unwrap();
        let ran = blog.run(&["restore", &archival.id.to_string(), "--set", wrong, "--yes"]);
        assert_eq!(ran.code, 2, "{ran:?}");
        archival.restore(&blog.db).await.unwrap();
    }
}

#[tokio::test]
async fn part_of_an_archival_is_restored_alone() {
    let blog = Blog::new().await;
    post::Entity::archive_by_id(1).exec(&blog.db).await.unwrap();
    assert_eq!(blog.run(&["restore", "1", "--part"]).code, 2);
    let both = blog.run(&["restore", "comments", "2", "--part", "--as-new"]);
    assert_eq!(both.code, 2, "{both:?}");
    let part = ["restore", "comments", "2", "--part", "--yes"];
    let missing = blog.run(&part);
    assert_eq!(missing.code, 1, "{missing:?}");
    assert!(
        missing
            .out
            .starts_with("would restore a part of archival 1: 1 public.comments\n")
            && missing
                .out
                .contains("or restore the archival of its parent as a whole"),
        "{missing:?}"
    );
    let restored = blog.json(&[&part[..], &["--set", "comments.post_id=3"]].concat());
    assert_eq!(
        restored["restored"]["rows"],
        serde_json::json!({"public.comments": 1})
    );
    assert_eq!(restored["restored"]["archival"]["part_of"], 1);
    let post_id = number(&blog.db, "select post_id from comments where id = 2").await;
    assert_eq!(post_id, 3);
    // The root is not a part: all that is left comes back.
    let rest = blog.json(&["restore", "posts", "1", "--part", "--yes"]);
    assert_eq!(
        rest["restored"]["rows"],
        serde_json::json!({"public.comments": 1, "public.likes": 0, "public.post_tags": 0, "public.posts": 1})
    );
    let again = post::Entity::archive_by_id(1).exec(&blog.db).await.unwrap();
    let part = ["restore", "comments", "1", "--part", "--yes", "--set"];
    let restored = blog.run(&[&part[..], &["comments.post_id=3"]].concat());
    let named = format!("a part of archival {} restored, as archival ", again.id);
    assert!(restored.out.contains(&named), "{restored:?}");
}

#[tokio::test]
async fn held_archivals_are_not_purged_until_they_are_released() {
    let blog = Blog::new().await;
    let one = post::Entity::archive_by_id(1).exec(&blog.db).await.unwrap();
    post::Entity::archive_by_id(2).exec(&blog.db).await.unwrap();
    let id = one.id.to_string();
    let hold = blog.json(&["hold", &id, "--reason", "case 17", "--as", "lawyer"])["hold"]["id"]
        .to_string();
    blog.json(&["hold", "posts", "2", "--reason", "case 18"]);
    assert_eq!(blog.run(&["hold", "posts", "77", "--reason", "x"]).code, 3);
    assert_eq!(blog.run(&["hold", "posts"]).code, 2);
    let listed = blog.run(&["hold", "--list"]);
    assert_eq!(blog.run(&["hold"]).out, listed.out);
    let shown = blog.run(&["show", &id]);
    assert!(
        shown.out.contains("under hold 1 by lawyer: case 17"),
        "{shown:?}"
    );
    assert!(
        listed.out.contains("archival 1")
            && listed.out.contains("row public.posts 2")
            && listed.out.contains("lawyer"),
        "{listed:?}"
    );
    assert_eq!(blog.run(&["purge", "99", "--yes"]).code, 3);
    let refused = blog.run(&["purge", &id, "--yes"]);
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("hold"), "{refused:?}");
    let skipped = blog.json(&["purge", "--older-than", "0", "--skip-held", "--yes"]);
    assert_eq!(skipped["preview"]["archivals"], 0);
    blog.json(&["release", &hold, "--reason", "closed"]);
    assert_eq!(blog.run(&["release", &hold, "--reason", "closed"]).code, 3);
    let purged = blog.json(&["purge", &id, "--yes", "--as", "7", "--policy", "by hand"]);
    assert_eq!(purged["purged"]["rows"]["public.comments"], 2);
    assert_eq!(texts(&blog.db, "select concat(purged_by, ' ', purge_policy) from archive.archival where purged_at is not null").await, ["7 by hand"]);
}

#[tokio::test]
async fn what_has_expired_is_purged_and_maintenance_is_quiet() {
    let blog = Blog::new().await;
    let manager = SchemaManager::new(&blog.db);
    manager.retain("posts", Retention::days(0)).await.unwrap();
    post::Entity::archive_many().exec(&blog.db).await.unwrap();
    assert!(
        blog.run(&["purge", "--expired", "--preview"])
            .out
            .contains("public.posts: 0 days")
    );
    let first = blog.run(&["maintain"]);
    assert_eq!(first.code, 0, "{first:?}");
    assert!(first.out.contains("purged 3 archival(s)"), "{first:?}");
    let second = blog.run(&["maintain"]);
    assert_eq!(
        (second.code, second.out.as_str(), second.err.as_str()),
        (0, "", "")
    );
    assert_eq!(
        blog.run(&["purge", "--expired", "--yes"]).out,
        "nothing has expired\n"
    );
}

#[tokio::test]
async fn person_is_erased_with_a_certificate() {
    let blog = Blog::new().await;
    let manager = SchemaManager::new(&blog.db);
    let users = PersonalData::of_person()
        .pseudonym("name")
        .null("email")
        .identifying(["email"]);
    manager.declare_personal_data("users", users).await.unwrap();
    let preview = blog.run(&["erase", "users", "1", "--preview"]);
    assert_eq!(preview.code, 0, "{preview:?}");
    assert!(
        preview
            .out
            .starts_with("a preview, nothing was erased:\nerasure ")
            && preview.out.contains("public.users")
            && preview.out.contains("backups"),
        "{preview:?}"
    );
    assert_eq!(
        number(
            &blog.db,
            "select count(*) from users where email is not null"
        )
        .await,
        1
    );
    let hold = blog.json(&["hold", "users", "1", "--person", "--reason", "case"])["hold"]["id"]
        .to_string();
    assert_eq!(blog.run(&["erase", "users", "1", "--yes"]).code, 1);
    blog.json(&["release", &hold, "--reason", "closed"]);
    let erased = blog.json(&["erase", "users", "1", "--yes", "--reason", "request 17"]);
    assert_eq!(erased["is_complete"], true, "{erased}");
    assert_eq!(
        number(
            &blog.db,
            "select count(*) from users where email is not null"
        )
        .await,
        0
    );
    assert_eq!(blog.run(&["erase", "posts", "1", "--yes"]).code, 5);
}
