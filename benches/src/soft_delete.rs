//! `deleted_at`, by two `update_many` in a transaction.

use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, DatabaseConnection, EntityTrait, QueryFilter, QuerySelect, QueryTrait,
    TransactionTrait,
};

use crate::Fallible;
use crate::entity::{soft_comment, soft_post};
use crate::target::Target;

pub(crate) async fn archive(db: &DatabaseConnection, target: Target) -> Fallible {
    mark(db, target, Expr::current_timestamp(), true).await
}

/// Brings back whatever of these was deleted, whenever it was: easier than what an archive promises.
pub(crate) async fn restore(db: &DatabaseConnection, target: Target) -> Fallible {
    let null = || Expr::val(None::<sea_orm::prelude::DateTimeUtc>);
    match target {
        Target::Author {
            posts,
            at_once: false,
            ..
        } => {
            for id in posts.ids() {
                mark(db, Target::Post(id), null(), false).await?;
            }
            Ok(())
        }
        target => mark(db, target, null(), false).await,
    }
}

async fn mark(db: &DatabaseConnection, target: Target, value: Expr, active: bool) -> Fallible {
    let mut posts =
        soft_post::Entity::update_many().col_expr(soft_post::Column::DeletedAt, value.clone());
    let mut comments =
        soft_comment::Entity::update_many().col_expr(soft_comment::Column::DeletedAt, value);
    if active {
        posts = posts.filter(soft_post::Column::DeletedAt.is_null());
        comments = comments.filter(soft_comment::Column::DeletedAt.is_null());
    } else {
        posts = posts.filter(soft_post::Column::DeletedAt.is_not_null());
        comments = comments.filter(soft_comment::Column::DeletedAt.is_not_null());
    }
    match target {
        Target::Post(id) => {
            posts = posts.filter(soft_post::Column::Id.eq(id));
            comments = comments.filter(soft_comment::Column::PostId.eq(id));
        }
        Target::Author { author, .. } => {
            posts = posts.filter(soft_post::Column::AuthorId.eq(author));
            let ids = soft_post::Entity::find()
                .select_only()
                .column(soft_post::Column::Id)
                .filter(soft_post::Column::AuthorId.eq(author))
                .into_query();
            comments = comments.filter(soft_comment::Column::PostId.in_subquery(ids));
        }
    }
    let transaction = db.begin().await?;
    let marked = posts.exec(&transaction).await?;
    comments.exec(&transaction).await?;
    transaction.commit().await?;
    match marked.rows_affected {
        0 => Err("nothing was marked".into()),
        _ => Ok(()),
    }
}
