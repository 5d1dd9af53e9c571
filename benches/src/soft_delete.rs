//! Soft delete: two `update_many` of `deleted_at` in a transaction.

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

/// Restores all deleted rows of the target, whenever they were deleted. A restore from an archive is stricter.
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
        0 => Err("no row was marked".into()),
        _ => Ok(()),
    }
}
