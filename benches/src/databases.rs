//! A database for each rival, with the same rows.

use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbErr};
use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_pk_auto, text, timestamp_with_time_zone};
use throwaway_postgres::Postgres;

use crate::{Fallible, Size};

/// The rivals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Archive,
    Floor,
    SoftDelete,
    SoftDeleteBare,
    RowByRow,
}

impl Kind {
    pub const ALL: [Self; 5] = [
        Self::Archive,
        Self::Floor,
        Self::SoftDelete,
        Self::SoftDeleteBare,
        Self::RowByRow,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Archive => "archive",
            Self::Floor => "floor",
            Self::SoftDelete => "soft",
            Self::SoftDeleteBare => "soft bare",
            Self::RowByRow => "rows",
        }
    }

    pub fn description(self) -> &'static str {
        match self {
            Self::Archive => "sea-orm-archive: `archive_by_id`, `archive_many`, `restore_by_id`",
            Self::Floor => {
                "the same move in plain SQL, prepared: BEGIN, SELECT FOR UPDATE, one statement that deletes and inserts, COMMIT"
            }
            Self::SoftDelete => {
                "`deleted_at` with its indexes: BEGIN, two `update_many`, COMMIT; slugs are unique among the active, deleted rows are found by `deleted_at`"
            }
            Self::SoftDeleteBare => {
                "the same without an index on `deleted_at`: a deleted post blocks its slug, deleted rows are found by a full scan"
            }
            Self::RowByRow => {
                "SeaORM row by row: a copy of each row inserted, then `cascade_delete`; no record, no locks"
            }
        }
    }

    pub fn database(self) -> &'static str {
        match self {
            Self::Archive => "archive",
            Self::Floor => "floor",
            Self::SoftDelete => "soft",
            Self::SoftDeleteBare => "soft_bare",
            Self::RowByRow => "row_by_row",
        }
    }
}

/// The posts of each case.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// Posts without comments and with ten comments: those that warm up the plans, those of the
    /// rounds, and those of the rounds with latency.
    pub none: Range,
    pub ten: Range,
    pub middling: Range,
    pub large: Range,
    /// The posts of [`AUTHOR`].
    pub posts: Range,
    /// The posts of [`WARM_AUTHOR`].
    pub warm: Range,
    /// Posts that were archived, or deleted softly, before, with four comments each.
    archived: Range,
}

/// Consecutive ids.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range {
    pub first: i64,
    pub count: i64,
}

impl Range {
    pub fn nth(self, n: usize) -> i64 {
        self.first + n as i64 % self.count
    }

    pub fn ids(self) -> impl Iterator<Item = i64> {
        self.first..self.first + self.count
    }
}

pub(crate) const AUTHOR: i64 = 7;
pub(crate) const WARM_AUTHOR: i64 = 8;
const OTHER_AUTHOR: i64 = 9;

/// Rounds that are not measured: PostgreSQL plans a prepared statement five times before it may
/// cache a generic plan.
pub(crate) const WARM_UP: usize = 8;

impl Layout {
    pub fn of(size: &Size) -> Self {
        let mut next = size.background + 1;
        let mut take = |count: i64| {
            let range = Range { first: next, count };
            next += count;
            range
        };
        let count = |rounds: usize| rounds as i64;
        let small = count(size.small_rounds + size.far_rounds + 2 * WARM_UP);
        Self {
            none: take(small),
            ten: take(small),
            middling: take(count(size.middling_rounds)),
            large: take(1),
            posts: take(size.posts),
            warm: take(2),
            archived: take(size.archived),
        }
    }

    /// Each range, with the number of comments of its posts and their author.
    fn contents(&self, size: &Size) -> [(Range, i64, i64); 6] {
        [
            (self.none, 0, OTHER_AUTHOR),
            (self.ten, 10, OTHER_AUTHOR),
            (self.middling, size.middling, OTHER_AUTHOR),
            (self.large, size.large, OTHER_AUTHOR),
            (self.posts, 10, AUTHOR),
            (self.warm, 1, WARM_AUTHOR),
        ]
    }
}

/// One connection with the defaults of SeaORM, including the ping before each use.
pub(crate) async fn connect(url: &str) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(1)
        .min_connections(1)
        .sqlx_logging(false);
    Database::connect(options).await
}

/// Creates the databases and fills them.
pub(crate) async fn create(server: &Postgres, size: &Size) -> Fallible {
    let admin = connect(&server.url("postgres")).await?;
    for kind in [Kind::Archive, Kind::SoftDelete, Kind::SoftDeleteBare] {
        let name = kind.database();
        admin
            .execute_unprepared(&format!("CREATE DATABASE {name}"))
            .await?;
        let db = connect(&server.url(name)).await?;
        match kind {
            Kind::SoftDelete => soft_delete(&db, true).await?,
            Kind::SoftDeleteBare => soft_delete(&db, false).await?,
            _ => archived(&db).await?,
        }
        fill(&db, size).await?;
        let archived = Layout::of(size).archived;
        let deleted = match kind {
            Kind::SoftDelete | Kind::SoftDeleteBare => deleted_softly(archived),
            _ => archived_before(archived),
        };
        db.execute_unprepared(&deleted).await?;
        vacuum(&db).await?;
        db.close().await?;
    }
    for kind in [Kind::Floor, Kind::RowByRow] {
        let (name, template) = (kind.database(), Kind::Archive.database());
        admin
            .execute_unprepared(&format!("CREATE DATABASE {name} TEMPLATE {template}"))
            .await?;
    }
    Ok(())
}

/// The tables as the migration helper creates them.
pub(crate) async fn archived(db: &DatabaseConnection) -> Result<(), DbErr> {
    let manager = SchemaManager::new(db);
    manager.install_archive().await?;
    let created_at = || {
        timestamp_with_time_zone("created_at")
            .default(Expr::current_timestamp())
            .to_owned()
    };
    manager
        .create_archived_table(
            Table::create()
                .table("posts")
                .col(big_pk_auto("id"))
                .col(text("title"))
                .col(text("slug"))
                .col(text("content"))
                .col(big_integer("author_id"))
                .col(created_at())
                .index(
                    Index::create()
                        .name("posts_author_id_slug_key")
                        .col("author_id")
                        .col("slug")
                        .unique(),
                )
                .to_owned(),
        )
        .await?;
    manager
        .create_archived_table(
            Table::create()
                .table("comments")
                .col(big_pk_auto("id"))
                .col(big_integer("post_id"))
                .col(big_integer("author_id"))
                .col(text("content"))
                .col(created_at())
                .foreign_key(
                    ForeignKey::create()
                        .from("comments", "post_id")
                        .to("posts", "id")
                        .on_delete(ForeignKeyAction::Cascade),
                )
                .to_owned(),
        )
        .await?;
    manager
        .create_index(
            Index::create()
                .name("comments_post_id_idx")
                .table("comments")
                .col("post_id")
                .to_owned(),
        )
        .await
}

/// The same tables with a column `deleted_at`.
async fn soft_delete(db: &DatabaseConnection, indexed: bool) -> Result<(), DbErr> {
    let unique = if indexed {
        "WHERE deleted_at IS NULL"
    } else {
        ""
    };
    db.execute_unprepared(&format!(
        "CREATE TABLE posts (id bigserial PRIMARY KEY, title text NOT NULL, slug text NOT NULL,
             content text NOT NULL, author_id bigint NOT NULL,
             created_at timestamptz NOT NULL DEFAULT now(), deleted_at timestamptz);
         CREATE UNIQUE INDEX posts_author_id_slug_key ON posts (author_id, slug) {unique};
         CREATE TABLE comments (id bigserial PRIMARY KEY,
             post_id bigint NOT NULL REFERENCES posts ON DELETE CASCADE, author_id bigint NOT NULL,
             content text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(),
             deleted_at timestamptz);
         CREATE INDEX comments_post_id_idx ON comments (post_id);"
    ))
    .await?;
    if indexed {
        db.execute_unprepared(
            "CREATE INDEX ON posts (author_id);
             CREATE INDEX ON posts (deleted_at) WHERE deleted_at IS NOT NULL;
             CREATE INDEX ON comments (deleted_at) WHERE deleted_at IS NOT NULL;",
        )
        .await?;
    }
    Ok(())
}

async fn fill(db: &DatabaseConnection, size: &Size) -> Result<(), DbErr> {
    let layout = Layout::of(size);
    let background = Range {
        first: 1,
        count: size.background,
    };
    let contents = layout.contents(size);
    for (posts, comments, author) in [(background, 4, OTHER_AUTHOR)].iter().chain(&contents) {
        let last = posts.first + posts.count - 1;
        let first = posts.first;
        db.execute_unprepared(&format!(
            "INSERT INTO posts (id, title, slug, content, author_id)
             SELECT n, 'Post ' || n, 'post-' || n, repeat(md5(n::text), 8), {author}
             FROM generate_series({first}, {last}) AS n;
             INSERT INTO comments (post_id, author_id, content)
             SELECT n, c % 100, repeat(md5(n || '.' || c), 3)
             FROM generate_series({first}, {last}) AS n, generate_series(1, {comments}) AS c;"
        ))
        .await?;
    }
    vacuum(db).await
}

/// Archived posts, so that the plans are those of an archive that is not empty.
fn archived_before(posts: Range) -> String {
    let Range { first, count } = posts;
    let last = first + count - 1;
    format!(
        "INSERT INTO archive.archival (root_table, root_key, archived_at, archived_by, row_counts, tables)
         SELECT 'public.posts', jsonb_build_object('id', n), now(), '1', jsonb_build_object('public.posts', 1, 'public.comments', 4),
                ARRAY['posts'::regclass, 'comments'::regclass]
         FROM generate_series({first}, {last}) AS n;
         INSERT INTO deleted_posts (id, title, slug, content, author_id, created_at, deleted_at, deleted_by, archival_id)
         SELECT (root_key->>'id')::bigint, 'Post', 'archived-' || id, repeat(md5(id::text), 8), {OTHER_AUTHOR}, now(), archived_at, 1, id
         FROM archive.archival;
         INSERT INTO deleted_comments (id, post_id, author_id, content, created_at, deleted_at, deleted_by, archival_id)
         SELECT nextval('comments_id_seq'), p.id, c, repeat(md5(p.id || '.' || c), 3), now(), p.deleted_at, 1, p.archival_id
         FROM deleted_posts AS p, generate_series(1, 4) AS c"
    )
}

/// The same number of posts with `deleted_at`.
fn deleted_softly(posts: Range) -> String {
    let Range { first, count } = posts;
    let last = first + count - 1;
    format!(
        "INSERT INTO posts (id, title, slug, content, author_id, deleted_at)
         SELECT n, 'Post', 'archived-' || n, repeat(md5(n::text), 8), {OTHER_AUTHOR}, now() FROM generate_series({first}, {last}) AS n;
         INSERT INTO comments (post_id, author_id, content, deleted_at)
         SELECT n, c, repeat(md5(n || '.' || c), 3), now() FROM generate_series({first}, {last}) AS n, generate_series(1, 4) AS c"
    )
}

/// The time of this is not measured. It is the same for every rival.
pub(crate) async fn vacuum(db: &DatabaseConnection) -> Result<(), DbErr> {
    db.execute_unprepared("VACUUM ANALYZE").await?;
    Ok(())
}
