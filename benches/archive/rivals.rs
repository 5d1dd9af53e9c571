//! Who does the same work.

use sea_orm::entity::prelude::*;
use sea_orm::{DatabaseConnection, DbBackend, IntoActiveModel, Statement, TransactionTrait};
use sea_orm_archive::prelude::*;

use crate::measure::Case;
use crate::tables::{comment, post, soft_comment, soft_post};

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rival {
    Product,
    /// The same moving statements by hand, prepared, in a transaction of four statements.
    Floor,
    /// Two `update_many` in a transaction.
    Soft,
    /// Every row through the client.
    Rows,
}

pub const ALL: [Rival; 4] = [Rival::Product, Rival::Floor, Rival::Soft, Rival::Rows];

impl Rival {
    /// Row by row, more than a few thousand take too long to wait for.
    pub fn can(self, case: &Case) -> bool {
        self != Self::Rows || case.rows() < 2_000
    }

    /// Archives all posts of author 1; says what to restore.
    pub async fn archive(self, db: &DatabaseConnection, case: &Case) -> Vec<i64> {
        match self {
            Self::Product if case.posts == 1 => {
                vec![
                    post::Entity::archive_by_id(1)
                        .by(7)
                        .exec(db)
                        .await
                        .unwrap()
                        .id,
                ]
            }
            Self::Product => {
                let all = post::Entity::archive_many().filter(post::Column::AuthorId.eq(1));
                all.by(7)
                    .exec(db)
                    .await
                    .unwrap()
                    .iter()
                    .map(|archival| archival.id)
                    .collect()
            }
            Self::Floor => floor_archive(db, case).await,
            Self::Soft => {
                soft(db, case, Some(ChronoUtc::now())).await;
                Vec::new()
            }
            Self::Rows => {
                rows_archive(db).await;
                Vec::new()
            }
        }
    }

    pub async fn restore(self, db: &DatabaseConnection, case: &Case, archived: Vec<i64>) {
        match self {
            Self::Product if case.posts == 1 => {
                post::Entity::restore_by_id(1).exec(db).await.unwrap();
            }
            // There is no restore of many: each archival is a call of its own.
            Self::Product => {
                for archival in archived {
                    sea_orm_archive::archival::Entity::restore_by_id(archival)
                        .exec(db)
                        .await
                        .unwrap();
                }
            }
            Self::Floor => {
                for archival in archived {
                    floor_restore(db, archival).await;
                }
            }
            Self::Soft => soft(db, case, None).await,
            Self::Rows => rows_restore(db).await,
        }
    }
}

const POST: &str = "id, title, slug, content, author_id, created_at";
const COMMENT: &str = "id, post_id, user_id, text, created_at";

fn which(case: &Case) -> &'static str {
    if case.posts == 1 {
        "id = $1"
    } else {
        "author_id = $1"
    }
}

async fn floor_archive(db: &DatabaseConnection, case: &Case) -> Vec<i64> {
    let which = which(case);
    let prepared = |sql: String, values: Vec<Value>| {
        Statement::from_sql_and_values(DbBackend::Postgres, sql, values)
    };
    let txn = db.begin().await.unwrap();
    let lock = format!("select id from posts where {which} order by id for update");
    txn.query_all_raw(prepared(lock, vec![1_i64.into()]))
        .await
        .unwrap();
    let moving = format!(
        "with r as materialized (select id, nextval('archive.archival_id_seq') as archival from posts where {which}),
         p as (delete from posts t using r where t.id = r.id returning t.*, r.archival),
         c as (delete from comments t using p where t.post_id = p.id returning t.*, p.archival),
         kp as (insert into deleted_posts ({POST}, deleted_at, deleted_by, archival_id) select {POST}, now(), $2, archival from p),
         kc as (insert into deleted_comments ({COMMENT}, deleted_at, deleted_by, archival_id) select {COMMENT}, now(), $2, archival from c
                returning archival_id),
         n as (select archival_id, count(*) as n from kc group by 1)
         insert into archive.archival (id, root_table, root_key, archived_at, archived_by, row_counts, tables)
         select p.archival, 'public.posts', jsonb_build_object('id', p.id), now(), $2::text,
                jsonb_build_object('public.posts', 1, 'public.comments', coalesce(n.n, 0)), array['posts'::regclass, 'comments'::regclass]
         from p left join n on n.archival_id = p.archival returning id"
    );
    let rows = txn
        .query_all_raw(prepared(moving, vec![1_i64.into(), 7_i64.into()]))
        .await
        .unwrap();
    txn.commit().await.unwrap();
    rows.iter()
        .map(|row| row.try_get("", "id").unwrap())
        .collect()
}

async fn floor_restore(db: &DatabaseConnection, archival: i64) {
    let prepared =
        |sql: String| Statement::from_sql_and_values(DbBackend::Postgres, sql, [archival.into()]);
    let txn = db.begin().await.unwrap();
    let lock = "select id from archive.archival where id = $1 and restored_at is null for update";
    txn.query_one_raw(prepared(lock.to_owned())).await.unwrap();
    let moving = format!(
        "with p as (delete from deleted_posts where archival_id = $1 returning {POST}),
         c as (delete from deleted_comments where archival_id = $1 returning {COMMENT}),
         ip as (insert into posts ({POST}) select {POST} from p),
         ic as (insert into comments ({COMMENT}) select {COMMENT} from c)
         update archive.archival set restored_at = now() where id = $1"
    );
    txn.execute_raw(prepared(moving)).await.unwrap();
    txn.commit().await.unwrap();
}

async fn soft(db: &DatabaseConnection, case: &Case, at: Option<DateTimeUtc>) {
    let txn = db.begin().await.unwrap();
    let (posts, comments) = if case.posts == 1 {
        (
            soft_post::Column::Id.eq(1_i64),
            soft_comment::Column::PostId.eq(1_i64),
        )
    } else {
        let theirs = sea_orm::sea_query::Query::select()
            .column(soft_post::Column::Id)
            .from(soft_post::Entity)
            .and_where(soft_post::Column::AuthorId.eq(1_i64))
            .to_owned();
        (
            soft_post::Column::AuthorId.eq(1_i64),
            soft_comment::Column::PostId.in_subquery(theirs),
        )
    };
    soft_post::Entity::update_many()
        .col_expr(soft_post::Column::DeletedAt, Expr::value(at))
        .filter(posts)
        .exec(&txn)
        .await
        .unwrap();
    soft_comment::Entity::update_many()
        .col_expr(soft_comment::Column::DeletedAt, Expr::value(at))
        .filter(comments)
        .exec(&txn)
        .await
        .unwrap();
    txn.commit().await.unwrap();
}

async fn rows_archive(db: &DatabaseConnection) {
    let txn = db.begin().await.unwrap();
    let post = post::Entity::find_by_id(1)
        .one(&txn)
        .await
        .unwrap()
        .unwrap();
    let deleted_at = ChronoUtc::now();
    for comment in comment::Entity::find()
        .filter(comment::Column::PostId.eq(1))
        .all(&txn)
        .await
        .unwrap()
    {
        let copy = comment::deleted::Model {
            id: comment.id,
            post_id: comment.post_id,
            user_id: comment.user_id,
            text: comment.text,
            created_at: comment.created_at,
            deleted_at,
            deleted_by: Some(7),
            archival_id: 0,
        };
        comment::deleted::Entity::insert(copy.into_active_model())
            .exec_without_returning(&txn)
            .await
            .unwrap();
    }
    let copy = post::deleted::Model {
        id: post.id,
        title: post.title.clone(),
        slug: post.slug.clone(),
        content: post.content.clone(),
        author_id: post.author_id,
        created_at: post.created_at,
        deleted_at,
        deleted_by: Some(7),
        archival_id: 0,
    };
    post::deleted::Entity::insert(copy.into_active_model())
        .exec_without_returning(&txn)
        .await
        .unwrap();
    post.cascade_delete(&txn).await.unwrap();
    txn.commit().await.unwrap();
}

async fn rows_restore(db: &DatabaseConnection) {
    let txn = db.begin().await.unwrap();
    let post = post::deleted::Entity::find_by_id(1)
        .one(&txn)
        .await
        .unwrap()
        .unwrap();
    let active = post::Model::from(post.clone()).into_active_model();
    post::Entity::insert(active)
        .exec_without_returning(&txn)
        .await
        .unwrap();
    for comment in comment::deleted::Entity::find()
        .filter(comment::deleted::Column::PostId.eq(1))
        .all(&txn)
        .await
        .unwrap()
    {
        let active = comment::Model::from(comment.clone()).into_active_model();
        comment::Entity::insert(active)
            .exec_without_returning(&txn)
            .await
            .unwrap();
        comment.delete(&txn).await.unwrap();
    }
    post.delete(&txn).await.unwrap();
    txn.commit().await.unwrap();
}
