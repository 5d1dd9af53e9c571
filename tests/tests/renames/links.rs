//! Columns of detached links that were renamed after the archive.

use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::sql::{dump, number, run, texts};
use sea_orm_archive_tests::tables::tables;

use crate::tables::family::{detached, two_families};

#[tokio::test]
async fn link_is_put_back_into_a_column_that_was_renamed() {
    let (_database, db) = tables(
        &two_families("on delete set null"),
        &["parents", "children"],
    )
    .await;
    let rows = dump(&db, "children").await;
    for rename in [
        "alter table children rename parent_id to guardian_id; alter table deleted_children rename parent_id to guardian_id",
        "alter table children rename id to child_id; alter table deleted_children rename id to child_id",
        "alter table parents rename id to parent_key; alter table deleted_parents rename id to parent_key",
    ] {
        // The entities have the names from before, so the archival is restored by its id.
        let archival = detached::parent::Entity::archive_by_id(1)
            .exec(&db)
            .await
            .unwrap();
        let links = "select count(*) from children where parent_id = 1";
        assert_eq!(number(&db, links).await, 0);
        run(&db, rename).await;
        let preview = sea_orm_archive::archival::Entity::restore_by_id(archival.id)
            .preview(&db)
            .await
            .unwrap();
        assert_eq!(preview.not_relinked, []);
        let restored = archival.restore(&db).await.unwrap();
        assert_eq!(
            (restored.relinked, restored.not_relinked),
            (2, Vec::new()),
            "{rename}"
        );
        assert_eq!(dump(&db, "children").await, rows);
        assert_eq!(
            texts(&db, "select edge from archive.detached_link").await,
            Vec::<String>::new()
        );
        let undo = rename.split("; ").map(|statement| {
            let words: Vec<_> = statement.split(' ').collect();
            format!(
                "alter table {} rename {} to {}",
                words[2], words[6], words[4]
            )
        });
        run(&db, &undo.collect::<Vec<_>>().join("; ")).await;
    }
}

/// A dump and a restore number the columns again, where a column was dropped before. A column with the former number of a link has
/// nothing to do with it.
#[tokio::test]
async fn link_is_put_back_by_its_names_where_its_columns_have_other_numbers() {
    let ddl = two_families("on delete set null");
    let (_database, db) = tables(&ddl, &["parents", "children"]).await;
    let rows = dump(&db, "children").await;
    let archival = detached::parent::Entity::archive_by_id(1)
        .exec(&db)
        .await
        .unwrap();
    // As in the copy: `name` has the number that `parent_id` had.
    run(
        &db,
        "update archive.detached_link set columns = '{3}', place = regexp_replace(place, '^[0-9]+', '1')",
    )
    .await;
    let restored = archival.restore(&db).await.unwrap();
    assert_eq!((restored.relinked, restored.not_relinked), (2, Vec::new()));
    assert_eq!(dump(&db, "children").await, rows);
}
