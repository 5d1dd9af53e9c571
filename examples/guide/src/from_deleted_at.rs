//! From deleted_at.

use sea_orm::{
    ActiveValue::Set, DatabaseConnection, DatabaseTransaction, QueryOrder, QuerySelect,
    TransactionTrait, entity::prelude::*,
};
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::prelude::*;
use sea_orm_migration::prelude::*;
use serde_json::json;

use crate::Output;

pub mod article;
pub mod marked;

async fn archive_table(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager.install_archive().await?;
    manager
        .archive_existing_table(
            ExistingTable::new("articles")
                .deleted_at_column("archived_at") // the table has a column deleted_at already
                .deleted_by_column("archived_by"),
        )
        .await
}

async fn restore(db: &DatabaseConnection, id: i64) -> Result<(), Error> {
    let txn = db.begin().await?;
    marked::Entity::restore_by_id(id).exec(&txn).await?;
    let unmarked = marked::ActiveModel {
        id: Set(id),
        deleted_at: Set(None),
        deleted_by: Set(None),
        ..Default::default()
    };
    unmarked.update(&txn).await?;
    txn.commit().await?;
    Ok(())
}

async fn move_the_marked(db: &DatabaseConnection) -> Result<(), Error> {
    loop {
        let rows = marked::Entity::find()
            .filter(marked::Column::DeletedAt.is_not_null())
            .order_by_asc(marked::Column::Id)
            .limit(1000)
            .all(db)
            .await?;
        if rows.is_empty() {
            return Ok(());
        }
        for row in rows {
            let mut archive = marked::Entity::archive_many()
                .filter(marked::Column::Id.eq(row.id))
                .filter(marked::Column::DeletedAt.is_not_null()) // still, and not archived meanwhile
                .reason("deleted before the archive")
                .metadata(json!({ "deleted_at": row.deleted_at }));
            if let Some(user) = row.deleted_by {
                archive = archive.by(user);
            }
            archive.exec(db).await?;
        }
    }
}

async fn move_at_once(txn: &DatabaseTransaction) -> Result<(), Error> {
    marked::Entity::archive_many()
        .filter(marked::Column::DeletedAt.is_not_null())
        .reason("deleted before the archive")
        .exec(txn)
        .await?;
    Ok(())
}

async fn count(db: &DatabaseConnection, when: &str, output: &mut Output) -> Result<(), DbErr> {
    output.line(format!(
        "{when}: {} articles ({} marked), {} archived",
        marked::Entity::find().count(db).await?,
        marked::Entity::find()
            .filter(marked::Column::DeletedAt.is_not_null())
            .count(db)
            .await?,
        marked::deleted::Entity::find().count(db).await?
    ));
    Ok(())
}

async fn go_back(txn: &DatabaseTransaction) -> Result<(), Error> {
    marked::deleted::Entity::update_many()
        .col_expr(
            marked::deleted::Column::DeletedAt,
            Expr::col(marked::deleted::Column::ArchivedAt),
        )
        .col_expr(
            marked::deleted::Column::DeletedBy,
            Expr::col(marked::deleted::Column::ArchivedBy),
        )
        .filter(marked::deleted::Column::DeletedAt.is_null()) // archived since step 2
        .exec(txn)
        .await?;
    for (row, _) in marked::Entity::find_deleted_roots().all(txn).await? {
        row.restore(txn).await?;
    }
    SchemaManager::new(txn)
        .unarchive_existing_table("articles")
        .await?;
    Ok(())
}

async fn drop_the_columns(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let unique = Index::create()
        .name("articles_slug_unique")
        .table("articles")
        .col("slug")
        .unique()
        .to_owned();
    manager.create_index(unique).await?;
    let columns = Table::alter()
        .table("articles")
        .drop_column("deleted_at")
        .drop_column("deleted_by")
        .to_owned();
    manager.alter_archived_table(columns).await
}

async fn afterwards(db: &DatabaseConnection, output: &mut Output) -> Result<(), Error> {
    for (article, archival) in article::Entity::find_deleted_roots().all(db).await? {
        let metadata = archival.and_then(|archival| archival.metadata);
        output.line(format!(
            "{} by {:?} {}",
            article.slug,
            article.deleted_by,
            metadata.unwrap_or_default()
        ));
    }
    Ok(())
}

async fn articles(db: &DatabaseConnection) -> Result<(), DbErr> {
    db.execute_unprepared(
        "CREATE TABLE articles (
             id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
             slug text NOT NULL,
             deleted_at timestamptz,
             deleted_by bigint
         );
         CREATE UNIQUE INDEX articles_slug_key ON articles (slug) WHERE deleted_at IS NULL;
         INSERT INTO articles (slug, deleted_at, deleted_by) VALUES
             ('hello', '2026-01-02 03:04:05Z', 7),
             ('hello', NULL, NULL),
             ('spam', '2026-02-03 04:05:06Z', NULL),
             ('bye', NULL, NULL)",
    )
    .await?;
    Ok(())
}

/// What must hold in the middle of the steps, without a line on the page.
async fn in_the_middle(db: &DatabaseConnection) -> anyhow::Result<()> {
    // Archived and restored by the application after step 2, and restored after step 3.
    marked::Entity::archive_by_id(4).by(9).exec(db).await?;
    restore(db, 4).await?;
    restore(db, 3).await?;
    let restored = marked::Entity::find_by_id(3).one(db).await?;
    anyhow::ensure!(restored.is_some_and(|row| row.deleted_at.is_none()));
    // The slug of article 1 belongs to an active row.
    anyhow::ensure!(restore(db, 1).await.is_err());
    anyhow::ensure!(marked::Entity::find_by_id(1).one(db).await?.is_none());
    // Going back marks what was archived without a mark, too.
    marked::Entity::archive_by_id(4).by(9).exec(db).await?;
    let txn = db.begin().await?;
    go_back(&txn).await?;
    let marks: Vec<_> = marked::Entity::find()
        .order_by_asc(marked::Column::Id)
        .all(&txn)
        .await?
        .into_iter()
        .map(|row| (row.deleted_at.is_some(), row.deleted_by))
        .collect();
    let expected = [
        (true, Some(7)),
        (false, None),
        (false, None),
        (true, Some(9)),
    ];
    anyhow::ensure!(marks == expected, "{marks:?}");
    txn.rollback().await?;
    // As it was after step 3.
    restore(db, 4).await?;
    db.execute_unprepared("UPDATE articles SET deleted_at = '2026-02-03 04:05:06Z' WHERE id = 3")
        .await?;
    move_the_marked(db).await?;
    Ok(())
}

pub async fn run(db: &DatabaseConnection, output: &mut Output) -> anyhow::Result<()> {
    articles(db).await?;
    let manager = SchemaManager::new(db);
    archive_table(&manager).await?;
    count(db, "before", output).await?;
    let txn = db.begin().await?;
    move_at_once(&txn).await?;
    anyhow::ensure!(marked::Entity::find().count(&txn).await? == 2);
    txn.rollback().await?;
    move_the_marked(db).await?;
    count(db, "after", output).await?;
    in_the_middle(db).await?;
    drop_the_columns(&manager).await?;
    afterwards(db, output).await?;
    anyhow::ensure!(matches!(
        article::Entity::restore_by_id(1).exec(db).await,
        Err(Error::Conflict(_))
    ));
    article::Entity::restore_by_id(3).exec(db).await?;
    Ok(())
}
