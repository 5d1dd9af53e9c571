//! Finds the entries of one table, of one row, or of one column.

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ActiveEnum, EntityTrait, IdenStatic, QueryFilter, Select};
use sea_orm_archive_postgres::ident::literal;

use super::as_of::FindAsOf;
use super::entry;
use super::key::logged_keys;
use crate::entity::DeclaredName;
use crate::row::{Key, key_values};

/// The reads of the audit log on the entity of an audited table: `customer::Entity::find_audit_by_id(7)`.
pub trait AuditEntity: EntityTrait {
    /// The entries of this table, in no order: `.order_by_desc(audit::Column::At)`, then
    /// `.order_by_desc(audit::Column::Id)`, gives the newest first.
    ///
    /// # Errors
    ///
    /// The query fails where the table is not audited: [`Error::from`](crate::Error) converts its `DbErr` into
    /// [`SetupError::NotAudited`](crate::error::SetupError::NotAudited).
    fn find_audit() -> Select<entry::Entity> {
        // A condition without a column is evaluated once, before any entry is read.
        entry::Entity::find()
            .filter(Expr::cust(format!(
                "archive.require_audited({})",
                literal(&DeclaredName::of::<Self>().quoted())
            )))
            .filter(column(entry::Column::TableName).eq(logical_name::<Self>()))
    }

    /// The entries of the row with this primary key, in no order: its INSERT, each change, and its DELETE, ARCHIVE or
    /// RESTORE. Errors as [`find_audit`](Self::find_audit).
    fn find_audit_by_id(key: impl Into<Key<Self>>) -> Select<entry::Entity> {
        let keys = logged_keys::<Self>(&key_values(key.into()));
        // The subqueries are evaluated once. Comparing the hashes uses an index.
        Self::find_audit()
            .filter(Expr::cust_with_exprs(
                "$1 = ANY (ARRAY(SELECT pg_catalog.jsonb_hash_extended(k.key, 0) FROM pg_catalog.unnest($2) AS k (key)))",
                [column(entry::Column::KeyHash), keys.clone()],
            ))
            .filter(Expr::cust_with_exprs(
                "$1 = ANY (ARRAY(SELECT k.key FROM pg_catalog.unnest($2) AS k (key)))",
                [column(entry::Column::Key), keys],
            ))
    }

    /// The entries of a row in which this column changed, and those of its INSERT and DELETE, in no order. Errors as
    /// [`find_audit`](Self::find_audit).
    ///
    /// [`Entry::change_of`](entry::Model::change_of) returns the values of each. An entry from before a rename has the
    /// earlier name of the column: [`Entry::changes`](entry::Model::changes) lists all of its columns. An archive or a
    /// restore changes no column.
    fn find_changes_of(key: impl Into<Key<Self>>, column: Self::Column) -> Select<entry::Entity> {
        let names = format!(
            "archive.audit_names((SELECT r.id FROM archive.audited_table AS r \
             WHERE r.relation OPERATOR(pg_catalog.=) pg_catalog.to_regclass({}))) AS n",
            literal(&DeclaredName::of::<Self>().quoted())
        );
        let has = |name: &str| {
            let has = [3, 4, 5].map(|json| format!("pg_catalog.jsonb_exists(${json}, {name})"));
            has.join(" OR ")
        };
        // Entries of a time at which the name may have meant another column too are found by the present name.
        let is_changed = format!(
            "EXISTS (SELECT FROM {names} WHERE n.name_now = $1 AND $2 >= n.valid_from AND $2 < n.valid_to AND ({})) \
             OR ({}) AND NOT EXISTS (SELECT FROM {names} WHERE n.name = $1 AND $2 >= n.valid_from AND $2 < n.valid_to)",
            has("n.name"),
            has("$1"),
        );
        Self::find_audit_by_id(key)
            .filter(Expr::cust_with_exprs(
                format!("({is_changed})"),
                [
                    Expr::val(column.as_str()),
                    self::column(entry::Column::At),
                    self::column(entry::Column::Old),
                    self::column(entry::Column::New),
                    self::column(entry::Column::Redacted),
                ],
            ))
            // Where a restore may change values, its entry records the row as it was archived, and an UPDATE
            // what changed.
            .filter(is_no_restore())
    }

    /// The row with this primary key as it was at a time.
    fn find_as_of(key: impl Into<Key<Self>>, at: sea_orm::prelude::DateTimeUtc) -> FindAsOf<Self> {
        FindAsOf::new(key_values(key.into()), at)
    }
}

impl<E: EntityTrait> AuditEntity for E {}

fn is_no_restore() -> Expr {
    column(entry::Column::Operation).ne(entry::Operation::Restore.to_value())
}

fn column(column: entry::Column) -> Expr {
    Expr::col((entry::Entity, column))
}

/// The name of this table in its entries: a query of the register.
pub(super) fn logical_name<E: EntityTrait>() -> Expr {
    Expr::cust(format!(
        "(SELECT r.table_name FROM archive.audited_table AS r WHERE r.relation OPERATOR(pg_catalog.=) pg_catalog.to_regclass({}))",
        literal(&DeclaredName::of::<E>().quoted())
    ))
}
