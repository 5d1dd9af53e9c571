//! A table, as the catalog describes it.

use serde::Deserialize;

use crate::ident::quote;

/// A table with everything that moving its rows depends on.
#[derive(Clone, Debug, Deserialize)]
pub struct Table {
    /// Which table this is.
    #[serde(flatten)]
    pub id: TableId,
    /// `pg_class.relkind`: `r` for a table, `p` for a partitioned one.
    pub kind: String,
    /// A partition of another table.
    pub is_partition: bool,
    /// Other tables inherit from it, and it is not partitioned.
    pub has_inheritors: bool,
    /// It inherits from another table, or is a partition.
    pub inherits: bool,
    /// `pg_class.relpersistence`: `p`, or `u` for UNLOGGED, or `t` for a temporary table.
    pub persistence: String,
    /// The column of its RANGE partition key, where it has a default partition, and all partitions are permanent tables.
    #[serde(default)]
    pub range_column: Option<String>,
    /// It has rewrite rules.
    pub has_rules: bool,
    /// A primary key, unique or exclusion constraint of it may be checked at commit only.
    pub defers_uniqueness: bool,
    /// Row-level security is enabled.
    pub row_security: bool,
    /// Its columns, in their order.
    pub columns: Vec<Column>,
    /// The columns of its primary key, in the key's order; empty where it has none.
    pub key: Vec<KeyColumn>,
    /// The names of its CHECK constraints.
    pub checks: Vec<String>,
    /// The names of its constraints that are NOT VALID: rows from before may violate them.
    #[serde(default)]
    pub unvalidated: Vec<String>,
    /// The names of its unique indexes and exclusion constraints, without the primary key.
    pub unique_indexes: Vec<String>,
    /// Its exclusion constraints.
    pub exclusions: Vec<Exclusion>,
    /// The enabled triggers that are not PostgreSQL's own.
    pub row_triggers: Vec<RowTrigger>,
    /// The foreign keys that refer to it, without those that are NOT ENFORCED: they protect no row and change none.
    pub incoming: Vec<ForeignKey>,
    /// The foreign keys that refer to it and are NOT ENFORCED.
    pub not_enforced: Vec<ForeignKey>,
    /// The foreign keys that it has, without those that are NOT ENFORCED.
    pub outgoing: Vec<ForeignKey>,
    /// Its archive table, where one is registered.
    pub archive_table: Option<ArchiveTable>,
}

impl Table {
    /// Whether its rows are in partitions.
    pub fn is_partitioned(&self) -> bool {
        self.kind == "p"
    }

    /// The column of this name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// A trigger that may prevent the deletion of a row.
    pub fn intercepts_delete(&self) -> Option<&RowTrigger> {
        self.row_triggers
            .iter()
            .find(|trigger| trigger.before_delete)
    }

    /// Whether a trigger of the application fires when a row is inserted.
    pub fn acts_on_insert(&self) -> bool {
        self.row_triggers.iter().any(|t| t.on_insert && !t.ours)
    }

    /// Whether a trigger of the application fires when a row is deleted.
    pub fn acts_on_delete(&self) -> bool {
        self.row_triggers.iter().any(|t| t.on_delete && !t.ours)
    }

    /// Whether a trigger of the application fires when a row is updated.
    pub fn acts_on_update(&self) -> bool {
        self.row_triggers.iter().any(|t| t.on_update && !t.ours)
    }

    /// Whether a CHECK or a unique index, except the primary key, may refuse an update.
    pub fn is_constrained(&self) -> bool {
        !self.checks.is_empty() || !self.unique_indexes.is_empty()
    }

    /// The triggers that fire when a row is updated.
    pub fn triggers_on_update(&self) -> Vec<RowTrigger> {
        let triggers = self.row_triggers.iter().filter(|t| t.on_update);
        triggers.cloned().collect()
    }

    /// The triggers that may skip or change a row that is updated.
    pub fn intercepting_updates(&self) -> impl Iterator<Item = &str> {
        let triggers = self.row_triggers.iter().filter(|t| t.before_update);
        triggers.map(|t| t.name.as_str())
    }
}

/// The identity of a table: its oid and its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
pub struct TableId {
    /// `pg_class.oid`.
    pub oid: i64,
    /// Its schema.
    pub schema: String,
    /// Its name, unquoted.
    pub table: String,
    /// Whether row-level security hides rows of it from the current role.
    #[serde(default)]
    pub hides_rows: bool,
    /// The tenant column, where the table is under tenancy.
    #[serde(default)]
    pub tenant: Option<String>,
    /// Whether the type of that column is built in, or a domain over a built-in type: no role defines a cast of it.
    #[serde(default)]
    pub tenant_is_builtin: Option<bool>,
    /// Whether it is an error if the database changes rows of it that row-level security hides.
    #[serde(default)]
    pub guarded: bool,
}

impl TableId {
    /// The name as SQL: quoted and schema-qualified.
    pub fn sql(&self) -> String {
        format!("{}.{}", quote(&self.schema), quote(&self.table))
    }

    /// SQL for the tenant of a row as text, where `column` is the tenant column of the row.
    ///
    /// The owner of a type may define a cast to text, which would run as the caller, so the output function of such a type
    /// writes the text. A built-in type is cast: its output function pads a `char(n)`, and its cast does not.
    pub fn tenant_text(&self, row: &str, column: &str) -> String {
        let value = format!("{row}.{}", quote(column));
        match self.tenant_is_builtin {
            Some(true) => format!("{value}::pg_catalog.text"),
            _ => format!(
                "(CASE WHEN {value} IS DISTINCT FROM NULL THEN pg_catalog.format('%s', {value}) END)"
            ),
        }
    }
}

/// `schema.table`, without quotes.
impl std::fmt::Display for TableId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.schema, self.table)
    }
}

/// A column.
#[derive(Clone, Debug, Deserialize)]
pub struct Column {
    /// Its name, unquoted.
    pub name: String,
    /// Its type as PostgreSQL writes it: with its schema, where that is not `pg_catalog`.
    #[serde(rename = "type")]
    pub sql_type: String,
    /// `pg_type.oid`.
    pub type_oid: i64,
    /// `pg_attribute.atttypmod`: the length of a varchar, the scale of a numeric; -1 for none.
    pub type_modifier: i32,
    /// `pg_collation.oid`, 0 for none.
    pub collation: i64,
    /// NOT NULL.
    pub not_null: bool,
    /// GENERATED ALWAYS AS (..) STORED.
    pub generated: bool,
    /// `a` for GENERATED ALWAYS AS IDENTITY, `d` for BY DEFAULT, empty for neither.
    pub identity: String,
    /// It has a default, or is an identity or generated column.
    pub has_default: bool,
}

impl Column {
    /// Whether both columns hold the same values in the same form.
    pub fn same_type(&self, other: &Column) -> bool {
        (self.type_oid, self.type_modifier, self.collation)
            == (other.type_oid, other.type_modifier, other.collation)
    }
}

/// A column of a primary key.
#[derive(Clone, Debug, Deserialize)]
pub struct KeyColumn {
    /// Its name, unquoted.
    pub name: String,
    /// Its type, as in [`Column::sql_type`].
    #[serde(rename = "type")]
    pub sql_type: String,
    /// How a value of it is written into JSON.
    pub form: Form,
    /// The operator that the index of the key uses: `OPERATOR(schema.=)`.
    pub equals: String,
}

/// How a value is written into JSON exactly, independent of the settings of the session and of the casts of its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// An integer or a boolean: a JSON number or boolean.
    Json,
    /// A type whose text depends on no setting: its text.
    Text,
    /// Any other: its text under fixed settings.
    Settings,
    /// `money`: its text cannot be read back under another `lc_monetary`.
    Inexact,
}

/// An exclusion constraint: rows that are equal in some columns do not overlap in others.
#[derive(Clone, Debug, Deserialize)]
pub struct Exclusion {
    /// The name of the constraint.
    pub name: String,
    /// The columns that are compared with `=`.
    pub equal: Vec<String>,
    /// The expressions that are compared with `&&`, as SQL.
    pub apart: Vec<String>,
    /// How many columns and expressions it compares in all.
    pub parts: usize,
    /// The predicate of a partial constraint.
    pub only_where: Option<String>,
}

/// A trigger that is not PostgreSQL's own.
#[derive(Clone, Debug, Deserialize)]
pub struct RowTrigger {
    /// Its name.
    pub name: String,
    /// It fires for each row, before INSERT.
    pub before_insert: bool,
    /// It fires for each row, before DELETE.
    pub before_delete: bool,
    /// It fires for each row, before UPDATE.
    #[serde(default)]
    pub before_update: bool,
    /// It fires on INSERT, whether before or after, for rows or statements.
    #[serde(default)]
    pub on_insert: bool,
    /// It fires on DELETE.
    #[serde(default)]
    pub on_delete: bool,
    /// It fires on UPDATE.
    #[serde(default)]
    pub on_update: bool,
    /// Its function is in the schema `archive`.
    #[serde(default)]
    pub ours: bool,
    /// It is INITIALLY DEFERRED: it fires at the commit, unless SET CONSTRAINTS has changed that.
    #[serde(default)]
    pub deferred: bool,
    /// The name of its constraint, if it is deferrable. A rename of the trigger does not change it.
    #[serde(default)]
    pub constraint: Option<String>,
    /// The schema of its table, which can be a partition.
    #[serde(default)]
    pub schema: Option<String>,
    /// The name of its function, without the schema.
    #[serde(default)]
    pub function: String,
    /// The oids of the tables of its conditions `NOT archive.is_moving(..)`: it does not fire while rows of one of them move.
    #[serde(default)]
    pub suspended_while: Vec<i64>,
}

/// A foreign key with the properties of both of its tables.
#[derive(Clone, Debug, Deserialize)]
pub struct ForeignKey {
    /// The name of the constraint.
    pub name: String,
    /// What the database does to the child when its parent is deleted.
    pub on_delete: OnDelete,
    /// It may be checked at commit only.
    pub deferrable: bool,
    /// The table that has it.
    pub child: TableId,
    /// The table that it refers to.
    pub parent: TableId,
    /// Its columns, in their order.
    pub columns: Vec<ForeignKeyColumn>,
    /// The primary key of the child; `None` where it has none.
    pub child_key: Option<Vec<KeyColumn>>,
    /// A change of the key of a parent also updates archived rows of the child.
    #[serde(default)]
    pub follows_parent: bool,
    /// A change of the primary key of the child also updates its detached links.
    #[serde(default)]
    pub follows_child: bool,
}

impl ForeignKey {
    /// The columns in the child, joined: the edge in detached links.
    pub fn edge(&self) -> String {
        let columns: Vec<_> = self.columns.iter().map(|c| c.child.as_str()).collect();
        columns.join(", ")
    }
}

/// `child(post_id, ..)`.
impl std::fmt::Display for ForeignKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}({})", self.child, self.edge())
    }
}

/// One pair of columns of a foreign key.
#[derive(Clone, Debug, Deserialize)]
pub struct ForeignKeyColumn {
    /// The column in the child.
    pub child: String,
    /// The column in the parent.
    pub parent: String,
    /// The type of the child's column, as in [`Column::sql_type`].
    pub child_type: String,
    /// How a value of the child's column is written into JSON.
    pub child_form: Form,
    /// NOT NULL in the child.
    pub child_not_null: bool,
    /// ON DELETE SET NULL sets it.
    #[serde(default)]
    pub set_null: bool,
    /// The operator that PostgreSQL compares parent and child with: `OPERATOR(schema.=)`.
    pub equals: String,
}

/// The action of ON DELETE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum OnDelete {
    /// NO ACTION.
    #[serde(rename = "a")]
    NoAction,
    /// RESTRICT.
    #[serde(rename = "r")]
    Restrict,
    /// CASCADE.
    #[serde(rename = "c")]
    Cascade,
    /// SET NULL.
    #[serde(rename = "n")]
    SetNull,
    /// SET DEFAULT.
    #[serde(rename = "d")]
    SetDefault,
}

impl OnDelete {
    /// Whether the database itself refuses to delete a parent that has children.
    pub fn refuses(self) -> bool {
        matches!(self, Self::NoAction | Self::Restrict)
    }
}

impl std::fmt::Display for OnDelete {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NoAction => "NO ACTION",
            Self::Restrict => "RESTRICT",
            Self::Cascade => "CASCADE",
            Self::SetNull => "SET NULL",
            Self::SetDefault => "SET DEFAULT",
        })
    }
}

/// The archive table of a table, as it is registered.
#[derive(Clone, Debug, Deserialize)]
pub struct ArchiveTable {
    /// Which table it is.
    #[serde(flatten)]
    pub id: TableId,
    /// The column for the time of the archive.
    pub deleted_at: String,
    /// The column for the actor of the archive.
    pub deleted_by: String,
    /// The column for the id of the archival.
    pub archival_id: String,
    /// The present name of that column, where another column may have its name.
    pub renamed_archival_id: Option<String>,
    /// Its rows are in partitions, by the id of the archival.
    #[serde(default)]
    pub is_partitioned: bool,
}
