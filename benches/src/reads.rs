//! The cost of reads when nine in ten posts are deleted.

use std::time::Instant;

use sea_orm::sea_query::{Alias, Expr, ExprTrait, Func};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, DbErr, EntityTrait, PaginatorTrait,
    QueryFilter, QuerySelect, Select,
};
use sea_orm_archive::ArchiveEntity;
use throwaway_postgres::Postgres;

use crate::databases::{archived, connect};
use crate::entity::{post, soft_post};
use crate::rival::median;
use crate::table::{self, ratio, time};
use crate::{Fallible, Size, with_deleted};

/// The schemas to compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Schema {
    Archived,
    Partial,
    Plain,
}

impl Schema {
    const ALL: [Self; 3] = [Self::Archived, Self::Partial, Self::Plain];

    fn database(self) -> &'static str {
        match self {
            Self::Archived => "read_archived",
            Self::Partial => "read_partial",
            Self::Plain => "read_plain",
        }
    }
}

/// The queries.
#[derive(Clone, Copy, Debug)]
enum Benchmark {
    AuthorsRows,
    AuthorsCount,
    Count,
    Scan,
}

impl Benchmark {
    const ALL: [(Self, &'static str); 4] = [
        (Self::AuthorsRows, "an author's posts"),
        (Self::AuthorsCount, "an author's count"),
        (Self::Count, "count of all"),
        (Self::Scan, "scan of all"),
    ];

    /// Runs the query, and returns the number of rows or characters, which is the same in every schema.
    async fn run<E>(
        self,
        db: &DatabaseConnection,
        active: Select<E>,
        author: E::Column,
        content: E::Column,
        id: i64,
    ) -> Result<u64, DbErr>
    where
        E: EntityTrait,
        E::Model: Send + Sync,
        E::Column: Send + Sync,
    {
        match self {
            Self::AuthorsRows => {
                let rows = active.filter(author.eq(id)).all(db).await?;
                Ok(rows.len() as u64)
            }
            Self::AuthorsCount => active.filter(author.eq(id)).count(db).await,
            Self::Count => active.count(db).await,
            Self::Scan => {
                let length = Func::char_length(Expr::col((E::default(), content)));
                let sum = active
                    .select_only()
                    .expr(Expr::expr(length).sum().cast_as(Alias::new("bigint")));
                let sum: Option<i64> = sum.into_tuple().one(db).await?;
                Ok(sum.unwrap_or_default().unsigned_abs())
            }
        }
    }
}

pub(crate) async fn run(server: &Postgres, size: &Size) -> Fallible {
    eprintln!("reads ...");
    let admin = connect(&server.url("postgres")).await?;
    let mut databases = Vec::new();
    for schema in Schema::ALL {
        let name = schema.database();
        admin
            .execute_unprepared(&format!("CREATE DATABASE {name}"))
            .await?;
        let db = connect(&server.url(name)).await?;
        prepare(&db, schema, size).await?;
        databases.push((schema, db));
    }
    println!(
        "## Reads of {} posts, nine in ten deleted: median ms, and archived / `deleted_at IS NULL`\n",
        size.read_posts
    );
    for vacuum in ["VACUUM ANALYZE", "VACUUM FULL ANALYZE"] {
        for (_, db) in &databases {
            db.execute_unprepared(vacuum).await?;
            // FULL rewrites the table without a visibility map.
            db.execute_unprepared("VACUUM posts").await?;
        }
        println!("After {vacuum}:\n");
        measure(&databases, size).await?;
    }
    let [(_, archived), _, (_, plain)] = databases.as_slice() else {
        return Err("a database of each schema".into());
    };
    for db in [archived, plain] {
        // FULL left the archive table without a visibility map.
        db.execute_unprepared("VACUUM").await?;
    }
    with_deleted::run(archived, plain, size).await
}

/// Inserts all posts, then deletes nine in ten of each author.
async fn prepare(db: &DatabaseConnection, schema: Schema, size: &Size) -> Fallible {
    let index = match schema {
        Schema::Archived => {
            archived(db).await?;
            "CREATE INDEX ON posts (author_id)"
        }
        Schema::Partial => {
            create(db).await?;
            "CREATE INDEX ON posts (author_id) WHERE deleted_at IS NULL"
        }
        Schema::Plain => {
            create(db).await?;
            "CREATE INDEX ON posts (author_id)"
        }
    };
    db.execute_unprepared(index).await?;
    db.execute_unprepared(&format!(
        "INSERT INTO posts (id, title, slug, content, author_id)
         SELECT n, 'Post ' || n, 'post-' || n, repeat(md5(n::text), 8), n % {AUTHORS}
         FROM generate_series(1, {}) AS n",
        size.read_posts
    ))
    .await?;
    db.execute_unprepared("VACUUM ANALYZE").await?;
    match schema {
        Schema::Archived => {
            let deleted = Expr::cust(DELETED);
            post::Entity::archive_many()
                .filter(deleted)
                .exec(db)
                .await?;
        }
        Schema::Partial | Schema::Plain => {
            let sql = format!("UPDATE posts SET deleted_at = now() WHERE {DELETED}");
            db.execute_unprepared(&sql).await?;
        }
    }
    Ok(())
}

const AUTHORS: i64 = 200;

/// Nine in ten posts of each author.
const DELETED: &str = "id / 200 % 10 <> 0";

async fn create(db: &DatabaseConnection) -> Result<(), DbErr> {
    db.execute_unprepared(
        "CREATE TABLE posts (id bigserial PRIMARY KEY, title text NOT NULL, slug text NOT NULL,
             content text NOT NULL, author_id bigint NOT NULL,
             created_at timestamptz NOT NULL DEFAULT now(), deleted_at timestamptz);
         CREATE UNIQUE INDEX posts_author_id_slug_key ON posts (author_id, slug) WHERE deleted_at IS NULL;",
    )
    .await?;
    Ok(())
}

async fn measure(databases: &[(Schema, DatabaseConnection)], size: &Size) -> Fallible {
    let mut rows = Vec::new();
    for (benchmark, name) in Benchmark::ALL {
        let mut samples = vec![Vec::new(); databases.len()];
        for round in 0..size.read_rounds + 6 {
            let author = round as i64 % AUTHORS;
            let mut answers = Vec::new();
            for turn in 0..databases.len() {
                let n = (turn + round) % databases.len();
                let (schema, db) = &databases[n];
                let start = Instant::now();
                answers.push(run_query(db, *schema, benchmark, author).await?);
                // The first rounds warm up plans and caches.
                if round >= 6 {
                    samples[n].push(start.elapsed());
                }
            }
            if answers.iter().any(|answer| *answer != answers[0]) {
                return Err(format!("{name}: {answers:?}").into());
            }
        }
        let times: Vec<_> = samples.iter().map(|samples| median(samples)).collect();
        let to = |n: usize| Some(times[0]? / times[n]?);
        rows.push(vec![
            name.to_owned(),
            time(times[0]),
            time(times[1]),
            ratio(to(1)),
            time(times[2]),
            ratio(to(2)),
        ]);
    }
    let titles = [
        "",
        "archived",
        "partial index",
        "ratio",
        "plain index",
        "ratio",
    ];
    table::print(&titles, &rows);
    Ok(())
}

async fn run_query(
    db: &DatabaseConnection,
    schema: Schema,
    benchmark: Benchmark,
    author: i64,
) -> Result<u64, DbErr> {
    if schema == Schema::Archived {
        use post::Column::{AuthorId, Content};
        return benchmark
            .run(db, post::Entity::find(), AuthorId, Content, author)
            .await;
    }
    use soft_post::Column::{AuthorId, Content, DeletedAt};
    let active = soft_post::Entity::find().filter(DeletedAt.is_null());
    benchmark.run(db, active, AuthorId, Content, author).await
}
