//! Trees with tables under tenancy and shared tables, and forged rows and detached links.

use sea_orm::TransactionTrait;
use sea_orm_archive::error::{ConflictError, DriftError};
use sea_orm_archive::prelude::*;
use sea_orm_archive::{Conflict, Restored, archival};
use sea_orm_archive_migration::{ArchiveSchema, TenancySchema};

use crate::tenancy::bare::grant;
use crate::tenancy::database::{Organisations, number, run, texts};
use crate::tenancy::model::post;

pub mod topic {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "topics")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(has_many)]
        #[archive(cascade)]
        pub notes: HasMany<super::note::Entity>,
    }
    impl ActiveModelBehavior for ActiveModel {}
}
pub mod folder {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "folders")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub org_id: i64,
        #[sea_orm(has_many)]
        #[archive(cascade)]
        pub notes: HasMany<super::note::Entity>,
    }
    impl ActiveModelBehavior for ActiveModel {}
}
pub mod note {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "notes")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub org_id: i64,
        pub folder_id: i64,
        pub topic_id: i64,
        #[sea_orm(belongs_to, from = "folder_id", to = "id")]
        pub folder: BelongsTo<super::folder::Entity>,
        #[sea_orm(belongs_to, from = "topic_id", to = "id")]
        pub topic: BelongsTo<super::topic::Entity>,
        #[sea_orm(has_many)]
        #[archive(detach)]
        pub pins: HasMany<super::pin::Entity>,
    }
    impl ActiveModelBehavior for ActiveModel {}
}
pub mod pin {
    use sea_orm::entity::prelude::*;
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "pins")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub org_id: i64,
        pub note_id: Option<i64>,
        #[sea_orm(belongs_to, from = "note_id", to = "id")]
        pub note: BelongsTo<Option<super::note::Entity>>,
    }
    impl ActiveModelBehavior for ActiveModel {}
}

/// A note belongs to a folder of its organisation, and to a topic.
const MIXED: &str = "
    create table topics (id bigint primary key);
    create table folders (id bigint primary key, org_id bigint not null);
    create table notes (id bigint primary key, org_id bigint not null, folder_id bigint not null references folders on delete cascade, topic_id bigint not null references topics on delete cascade);
    create table pins (id bigint primary key, org_id bigint not null, note_id bigint references notes on delete set null);
    insert into topics values (1), (2);
    insert into folders values (1, 1), (2, 2);
    insert into notes values (1, 1, 1, 1), (2, 2, 2, 2);
    insert into pins values (1, 1, 1), (2, 2, 2);";

async fn with_topics(topics_under_tenancy: bool) -> Organisations {
    let organisations = Organisations::open().await;
    let owner = &organisations.owner;
    run(owner, MIXED).await;
    let mut tables = vec!["folders", "notes", "pins"];
    if topics_under_tenancy {
        run(owner, "alter table topics add column org_id bigint; update topics set org_id = 2; alter table topics alter column org_id set not null").await;
        tables.push("topics");
    }
    for table in ["topics", "folders", "notes"] {
        organisations
            .manager()
            .archive_existing_table(table)
            .await
            .unwrap();
    }
    for table in tables {
        organisations.enable_one(table).await.unwrap();
    }
    grant(&organisations).await;
    organisations
}

/// Asserts that the restore failed because a parent is in the archival `parent`.
fn assert_missing_parent(restored: Result<Restored, Error>, parent: i64) {
    let Err(Error::Conflict(ConflictError::Restore { conflicts, .. })) = restored else {
        panic!("{restored:?}");
    };
    assert!(
        matches!(&conflicts[..], [Conflict::MissingParent { archival, .. }] if *archival == Some(parent)),
        "{conflicts:?}"
    );
}

/// A note deferred to the archival of a shared topic would stay archived when another tenant restores the topic.
#[tokio::test]
async fn row_of_a_tenant_is_not_deferred_to_a_shared_archival() {
    let organisations = with_topics(false).await;
    let txn = organisations.tenant(1).await;
    let folder = folder::Entity::archive_by_id(1).exec(&txn).await.unwrap();
    txn.commit().await.unwrap();
    let txn = organisations.tenant(2).await;
    let topic = topic::Entity::archive_by_id(1).exec(&txn).await.unwrap();
    assert_eq!(
        (topic.tenant.clone(), topic.rows()["public.notes"]),
        (None, 0)
    );
    txn.commit().await.unwrap();

    let txn = organisations.tenant(1).await;
    assert_missing_parent(
        folder.clone().restore(&txn.begin().await.unwrap()).await,
        topic.id,
    );
    drop(txn);
    let txn = organisations.tenant(2).await;
    topic.restore(&txn).await.unwrap();
    txn.commit().await.unwrap();
    let txn = organisations.tenant(1).await;
    let restored = folder.restore(&txn).await.unwrap();
    assert_eq!((restored.rows["public.notes"], restored.relinked), (1, 1));
}

/// The administrator sees both, and its restore does not reassign a row from one to the other.
#[tokio::test]
async fn row_is_not_deferred_to_an_archival_of_another_tenant() {
    let organisations = with_topics(true).await;
    let txn = organisations.tenant(1).await;
    let folder = folder::Entity::archive_by_id(1).exec(&txn).await.unwrap();
    txn.commit().await.unwrap();
    let txn = organisations.tenant(2).await;
    let topic = topic::Entity::archive_by_id(1).exec(&txn).await.unwrap();
    txn.commit().await.unwrap();

    let txn = organisations.administrator().await;
    assert_missing_parent(
        folder.clone().restore(&txn.begin().await.unwrap()).await,
        topic.id,
    );
    topic.restore(&txn).await.unwrap();
    let restored = folder.restore(&txn).await.unwrap();
    assert_eq!((restored.rows["public.notes"], restored.relinked), (1, 1));
}

/// The first tenant writes links from a bookmark to a foreign archival: one without a tenant, and one of its own.
async fn forge(organisations: &Organisations, archival: i64, bookmark: i64, post: &str) {
    organisations.let_forge_links().await;
    let txn = organisations.tenant(1).await;
    run(
        &txn,
        &format!(
            r#"insert into archive.detached_link (archival_id, child, child_key, edge, link, tenant)
             select {archival}, 'bookmarks', '["{bookmark}"]', 'post_id', '{{"post_id": {post}}}', tenant
             from unnest(array[null, '1']) as tenant"#
        ),
    )
    .await;
    txn.commit().await.unwrap();
}

/// Bookmarks are under tenancy and posts are not: the archival of a post without bookmarks is shared. Bookmark 26
/// refers to no post.
async fn with_a_shared_archival() -> (Organisations, Archival) {
    let organisations = Organisations::open().await;
    organisations.enable_one("bookmarks").await.unwrap();
    let txn = organisations.tenant(2).await;
    run(
        &txn,
        "delete from bookmarks; insert into bookmarks values (26, 2, null)",
    )
    .await;
    let archival = post::Entity::archive_by_id(2).exec(&txn).await.unwrap();
    assert_eq!(archival.tenant, None);
    txn.commit().await.unwrap();
    (organisations, archival)
}

/// Enabling tenancy again, or disabling it for another table, does not make a restore follow a forged link.
#[tokio::test]
async fn migrations_do_not_validate_a_forged_link() {
    for again in ["posts", "invoices", "staff"] {
        let organisations = Organisations::new().await;
        organisations.let_forge_links().await;
        let txn = organisations.tenant(2).await;
        run(&txn, "insert into bookmarks values (26, 2, null)").await;
        let archival = post::Entity::archive_by_id(2).exec(&txn).await.unwrap();
        txn.commit().await.unwrap();
        forge(&organisations, archival.id, 26, "2").await;
        match again {
            "staff" => organisations
                .manager()
                .disable_tenancy(again)
                .await
                .unwrap(),
            again => organisations.enable_one(again).await.unwrap(),
        }
        let txn = organisations.tenant(2).await;
        assert_eq!(archival.restore(&txn).await.unwrap().relinked, 1, "{again}");
        assert_eq!(
            number(&txn, "select count(*) from bookmarks where post_id is null").await,
            1
        );
    }
}

/// A shared archival has no links from rows of a tenant, so such a link is forged and not followed.
#[tokio::test]
async fn forged_link_of_a_shared_archival_to_a_row_of_a_tenant_is_not_followed() {
    let (organisations, archival) = with_a_shared_archival().await;
    forge(&organisations, archival.id, 26, "4").await;
    let txn = organisations.tenant(2).await;
    assert_eq!(archival.restore(&txn).await.unwrap().relinked, 0);
    assert_eq!(
        number(&txn, "select count(*) from bookmarks where post_id is null").await,
        1
    );
}

/// Nor when the referenced table comes under tenancy later, or tenancy is disabled for every table.
#[tokio::test]
async fn enabling_or_disabling_tenancy_does_not_validate_a_forged_link() {
    let (organisations, archival) = with_a_shared_archival().await;
    forge(&organisations, archival.id, 26, "2").await;
    organisations.enable().await;
    organisations.attribute().await;
    let txn = organisations.tenant(2).await;
    let nested = txn.begin().await.unwrap();
    assert_eq!(archival.clone().restore(&nested).await.unwrap().relinked, 0);
    nested.rollback().await.unwrap();
    txn.commit().await.unwrap();
    forge(&organisations, archival.id, 26, "2").await;
    for table in ["posts", "comments", "likes", "post_tags", "bookmarks"] {
        organisations
            .manager()
            .disable_tenancy(table)
            .await
            .unwrap();
    }
    assert_eq!(
        archival.restore(&organisations.web).await.unwrap().relinked,
        0
    );
}

/// A tenant may write any link into its own archival. No restore changes a row of another tenant because of it.
#[tokio::test]
async fn restore_by_the_administrator_follows_no_link_to_another_tenants_row() {
    let organisations = Organisations::new().await;
    organisations.let_forge_links().await;
    let txn = organisations.tenant(2).await;
    run(&txn, "insert into bookmarks values (26, 2, null)").await;
    txn.commit().await.unwrap();
    let txn = organisations.tenant(1).await;
    let archival = post::Entity::archive_by_id(1).exec(&txn).await.unwrap();
    run(
        &txn,
        "insert into archive.detached_link (archival_id, child, child_key, edge, link, tenant)
         select archival_id, child, '[\"26\"]', edge, link, tenant from archive.detached_link",
    )
    .await;
    txn.commit().await.unwrap();
    let txn = organisations.administrator().await;
    assert_eq!(archival.restore(&txn).await.unwrap().relinked, 1);
    assert_eq!(
        number(&txn, "select count(*) from bookmarks where post_id is null").await,
        1
    );
}

/// A forged link may contain a value that its column cannot have.
#[tokio::test]
async fn forged_link_with_a_value_of_another_type_does_not_block_the_restore() {
    let organisations = Organisations::new().await;
    organisations.let_forge_links().await;
    let txn = organisations.tenant(2).await;
    run(&txn, "delete from invoices").await;
    let archival = post::Entity::archive_by_id(2).exec(&txn).await.unwrap();
    post::Entity::archive_by_id(4).exec(&txn).await.unwrap();
    txn.commit().await.unwrap();
    forge(&organisations, archival.id, 22, r#""abc""#).await;
    let txn = organisations.tenant(2).await;
    let preview = archival::Entity::restore_by_id(archival.id).preview(&txn);
    assert_eq!(preview.await.unwrap().conflicts, []);
    assert_eq!(archival.restore(&txn).await.unwrap().relinked, 1);
}

/// A tenant inserts a row into another tenant's archival. The owner's restore does not see it, the administrator's
/// restore is refused, and tenancy can be enabled again.
#[tokio::test]
async fn forged_row_in_another_tenants_archival_is_not_restored() {
    let organisations = Organisations::new().await;
    let txn = organisations.tenant(2).await;
    let archival = post::Entity::archive_by_id(2).exec(&txn).await.unwrap();
    txn.commit().await.unwrap();
    let txn = organisations.tenant(1).await;
    run(
        &txn,
        &format!(
            "insert into deleted_comments (id, org_id, post_id, deleted_at, archival_id) values (77, 1, 2, now(), {})",
            archival.id
        ),
    )
    .await;
    txn.commit().await.unwrap();
    organisations.enable_one("comments").await.unwrap();
    let txn = organisations.administrator().await;
    let error = archival.clone().restore(&txn).await.unwrap_err();
    assert!(
        matches!(&error, Error::Conflict(ConflictError::OtherTenant { table }) if table == "public.deleted_comments"),
        "{error:?}"
    );
    drop(txn);
    let txn = organisations.tenant(2).await;
    assert_eq!(
        archival.restore(&txn).await.unwrap().rows["public.comments"],
        2
    );
    txn.commit().await.unwrap();
    let txn = organisations.administrator().await;
    assert_eq!(
        texts(&txn, "select id::text from deleted_comments").await,
        ["77"]
    );
}

/// An archival without tables is reported as drift; it does not generate incomplete SQL.
#[tokio::test]
async fn archival_without_tables_is_drift() {
    let organisations = Organisations::new().await;
    let db = &organisations.owner;
    let id = number(
        db,
        "insert into archive.archival (root_table, root_key, archived_at, row_counts, tables)
         values ('public.posts', '{\"id\": 1}', now(), '{}', '{}') returning id",
    )
    .await;
    let error = archival::Entity::restore_by_id(id)
        .exec(db)
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::Drift(DriftError::Schema { problems, .. }) if problems[0].contains("names no table")),
        "{error:?}"
    );
}

/// A tenant sees the archived shared row, and not the archival, which has the tenant of the rows below it.
#[tokio::test]
async fn preview_with_parents_reports_a_shared_parent_that_another_tenant_archived() {
    let organisations = with_topics(false).await;
    let txn = organisations.tenant(1).await;
    run(&txn, "insert into notes values (3, 1, 1, 2)").await;
    note::Entity::archive_by_id(3).exec(&txn).await.unwrap();
    txn.commit().await.unwrap();
    let txn = organisations.tenant(2).await;
    let topic = topic::Entity::archive_by_id(2).exec(&txn).await.unwrap();
    assert_eq!(topic.tenant.as_deref(), Some("2"));
    txn.commit().await.unwrap();

    let txn = organisations.tenant(1).await;
    let restore = || note::Entity::restore_by_id(3).with_parents();
    let preview = restore().preview(&txn).await.unwrap();
    assert_eq!(preview.parents, []);
    assert!(
        matches!(&preview.conflicts[..], [Conflict::MissingParent { archival, .. }] if *archival == Some(topic.id)),
        "{:?}",
        preview.conflicts
    );
    let error = restore().exec(&txn).await.unwrap_err();
    assert!(
        matches!(error, Error::Conflict(ConflictError::ParentArchived { archival, .. }) if archival == topic.id),
        "{error}"
    );
}
