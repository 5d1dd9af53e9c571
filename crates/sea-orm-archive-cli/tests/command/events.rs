//! The events, in the order of the commits.

use blog::post;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::EventSchema;
use sea_orm_migration::SchemaManager;

use crate::program::Blog;

#[tokio::test]
async fn events_are_listed_after_a_position() {
    let blog = Blog::new().await;
    let disabled = blog.run(&["events"]);
    assert!(
        disabled.code == 5 && disabled.err.contains("enable_events"),
        "{disabled:?}"
    );
    SchemaManager::new(&blog.db).enable_events().await.unwrap();
    assert_eq!(blog.run(&["events"]).out, "no events\n");
    let archival = post::Entity::archive_by_id(1)
        .by(7)
        .exec(&blog.db)
        .await
        .unwrap();
    archival.restore(&blog.db).await.unwrap();
    let all = blog.json(&["events"]);
    assert_eq!(all["events"].as_array().unwrap().len(), 2);
    let first = all["events"][0]["position"].to_string();
    let next = blog.run(&["events", "--after", &first]);
    assert!(
        next.out.contains("restored") && !next.out.contains("archived "),
        "{next:?}"
    );
}
