//! What a migration declares about a history table.

use sea_orm_migration::{
    DbErr,
    sea_orm::Value,
    sea_query::{
        ColumnDef, ColumnType, Expr, IntoColumnDef, IntoTableRef, Table, TableCreateStatement,
        TableRef,
    },
};

use crate::history::model::{IdentityColumn, Time};

/// A history table, which holds the versions of identities: the values that were valid from one time to another.
///
/// The identity is a row of another table, the identity table. The columns of the history that refer
/// to its primary key have the types of that key. By default the primary key of the history is a bigint
/// `id`, and a version is valid from `valid_from` to `valid_to`, both `timestamptz`. `valid_to` is NULL
/// for a version without an end.
///
/// ```
/// use sea_orm_archive_migration::HistoryTable;
/// use sea_orm_migration::{prelude::*, schema::*};
///
/// let departments = HistoryTable::new("department_history")
///     .identity("department_id", "departments")
///     .column(string_len("name", 100))
///     .recorded_by("recorded_by", ColumnType::BigInteger);
///
/// let prices = HistoryTable::new(("shop", "price_history"))
///     .identity_columns(["tenant_id", "product_id"], ("shop", "products"))
///     .key(pk_uuid("id"))
///     .column(decimal("price"))
///     .dates()
///     .valid_from("since")
///     .valid_to("until")
///     .bitemporal();
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct HistoryTable {
    pub(crate) table: TableRef,
    pub(crate) identity: Option<(Vec<String>, TableRef)>,
    pub(crate) key: Option<ColumnDef>,
    pub(crate) columns: Vec<ColumnDef>,
    pub(crate) time: Time,
    pub(crate) valid_from: String,
    pub(crate) valid_to: String,
    pub(crate) recorded: Option<(String, String)>,
    pub(crate) recorded_by: Option<(String, ColumnType)>,
}

impl HistoryTable {
    /// The history of this name.
    pub fn new(table: impl IntoTableRef) -> Self {
        Self {
            table: table.into_table_ref(),
            identity: None,
            key: None,
            columns: Vec::new(),
            time: Time::Timestamps,
            valid_from: "valid_from".to_owned(),
            valid_to: "valid_to".to_owned(),
            recorded: None,
            recorded_by: None,
        }
    }

    /// Sets the identity table: `column` of the history refers to the primary key of `table`.
    pub fn identity(self, column: impl Into<String>, table: impl IntoTableRef) -> Self {
        self.identity_columns([column.into()], table)
    }

    /// As [`identity`](Self::identity), for a primary key of several columns, in the order of the key.
    pub fn identity_columns<C: Into<String>>(
        mut self,
        columns: impl IntoIterator<Item = C>,
        table: impl IntoTableRef,
    ) -> Self {
        let columns = columns.into_iter().map(Into::into).collect();
        self.identity = Some((columns, table.into_table_ref()));
        self
    }

    /// Adds a column whose values are versioned.
    pub fn column(mut self, column: impl IntoColumnDef) -> Self {
        self.columns.push(column.into_column_def());
        self
    }

    /// Sets the primary key of the history, instead of a bigint `id`.
    pub fn key(mut self, column: impl IntoColumnDef) -> Self {
        self.key = Some(column.into_column_def());
        self
    }

    /// Declares periods of whole days: the columns are `date`, the periods `daterange`.
    pub fn dates(mut self) -> Self {
        self.time = Time::Dates;
        self
    }

    /// Sets the name of the column of the start of a version, instead of `valid_from`.
    pub fn valid_from(mut self, name: impl Into<String>) -> Self {
        self.valid_from = name.into();
        self
    }

    /// Sets the name of the column of the end of a version, instead of `valid_to`.
    pub fn valid_to(mut self, name: impl Into<String>) -> Self {
        self.valid_to = name.into();
        self
    }

    /// Adds a column that records who wrote a version. It may be NULL and has no foreign key.
    pub fn recorded_by(mut self, name: impl Into<String>, column_type: ColumnType) -> Self {
        self.recorded_by = Some((name.into(), column_type));
        self
    }

    /// Retains corrected versions: `recorded_from` records when a version was written, and
    /// `recorded_to` when another one replaced it. Versions may then overlap with corrected ones.
    pub fn bitemporal(self) -> Self {
        self.bitemporal_as("recorded_from", "recorded_to")
    }

    /// As [`bitemporal`](Self::bitemporal), with other names for its two columns.
    pub fn bitemporal_as(
        mut self,
        recorded_from: impl Into<String>,
        recorded_to: impl Into<String>,
    ) -> Self {
        self.recorded = Some((recorded_from.into(), recorded_to.into()));
        self
    }

    /// The identity, which every definition needs.
    pub(crate) fn identity_of(&self) -> Result<(&[String], &TableRef), DbErr> {
        match &self.identity {
            Some((columns, table)) if !columns.is_empty() => Ok((columns, table)),
            _ => Err(DbErr::Migration(
                "a history table needs an identity: declare it with \
                 `.identity(\"department_id\", \"departments\")`"
                    .to_owned(),
            )),
        }
    }

    /// The statement that creates this table as `name`, without its constraints.
    pub(crate) fn create(
        &self,
        name: TableRef,
        identity: &[IdentityColumn],
    ) -> TableCreateStatement {
        let mut create = Table::create();
        create.table(name).col(self.key_definition());
        for column in identity {
            create.col(
                ColumnDef::new(column.name.clone())
                    .custom(column.definition.clone())
                    .not_null(),
            );
        }
        for column in &self.columns {
            create.col(column.clone());
        }
        let time = || ColumnType::custom(self.time.column_type().to_owned());
        create
            .col(ColumnDef::new_with_type(self.valid_from.clone(), time()).not_null())
            .col(ColumnDef::new_with_type(self.valid_to.clone(), time()).null());
        if let Some((from, to)) = &self.recorded {
            create
                .col(
                    ColumnDef::new(from.clone())
                        .timestamp_with_time_zone()
                        .not_null()
                        .default(Expr::cust("pg_catalog.clock_timestamp()")),
                )
                .col(ColumnDef::new(to.clone()).timestamp_with_time_zone().null());
        }
        if let Some((name, column_type)) = &self.recorded_by {
            create.col(ColumnDef::new_with_type(name.clone(), column_type.clone()).null());
        }
        create
    }

    fn key_definition(&self) -> ColumnDef {
        match &self.key {
            Some(key) => key.clone().primary_key().to_owned(),
            None => ColumnDef::new("id")
                .big_integer()
                .not_null()
                .auto_increment()
                .primary_key()
                .to_owned(),
        }
    }
}

/// A table of current values that is split into identities and their history.
///
/// The history is described as a [`HistoryTable`], without the columns that move there. Those
/// retain their types, defaults and NOT NULL.
///
/// ```
/// use sea_orm_archive_migration::{HistorySplit, HistoryTable};
///
/// let departments = HistorySplit::new(
///     HistoryTable::new("department_history").identity("department_id", "departments"),
/// )
/// .columns(["name", "manager_id"])
/// .since_column("created_at");
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct HistorySplit {
    pub(crate) history: HistoryTable,
    pub(crate) columns: Vec<String>,
    pub(crate) since: Since,
}

/// The start of the versions of the existing values.
#[derive(Clone, Debug)]
pub(crate) enum Since {
    Now,
    Column(String),
    Value(Box<Value>),
}

impl HistorySplit {
    /// Splits the identity table of this history. By default its values are valid from now on.
    pub fn new(history: HistoryTable) -> Self {
        Self {
            history,
            columns: Vec::new(),
            since: Since::Now,
        }
    }

    /// The columns that move into the history.
    pub fn columns<C: Into<String>>(mut self, columns: impl IntoIterator<Item = C>) -> Self {
        self.columns.extend(columns.into_iter().map(Into::into));
        self
    }

    /// Takes the start of each version from this column of the identity table.
    pub fn since_column(mut self, column: impl Into<String>) -> Self {
        self.since = Since::Column(column.into());
        self
    }

    /// Lets all versions start at this time: a `DateTimeUtc`, or a `Date` for periods of days.
    pub fn since(mut self, time: impl Into<Value>) -> Self {
        self.since = Since::Value(Box::new(time.into()));
        self
    }
}

#[cfg(test)]
mod tests {
    use sea_orm_migration::{schema::string_len, sea_query::PostgresQueryBuilder};

    use super::*;

    #[test]
    fn history_has_columns_for_identity_periods_and_recording() {
        let history = HistoryTable::new("h")
            .identity("department_id", "departments")
            .column(string_len("name", 100))
            .recorded_by("who", ColumnType::Text)
            .bitemporal();
        let identity = IdentityColumn {
            name: "department_id".to_owned(),
            key: "id".to_owned(),
            definition: "integer".to_owned(),
            equals: "=".to_owned(),
        };
        let create = history.create("h".into_table_ref(), &[identity]);
        assert_eq!(
            create.to_string(PostgresQueryBuilder),
            [
                r#"CREATE TABLE "h" ( "id" bigint GENERATED BY DEFAULT AS IDENTITY NOT NULL PRIMARY KEY"#,
                r#""department_id" integer NOT NULL"#,
                r#""name" varchar(100) NOT NULL"#,
                r#""valid_from" timestamptz NOT NULL"#,
                r#""valid_to" timestamptz NULL"#,
                r#""recorded_from" timestamp with time zone NOT NULL DEFAULT (pg_catalog.clock_timestamp())"#,
                r#""recorded_to" timestamp with time zone NULL"#,
                r#""who" text NULL )"#,
            ]
            .join(", ")
        );
    }
}
