//! What an entity declares: its archive table, its added columns, and what happens to the rows below it.
//!
//! `DeriveArchive` implements these traits. A declaration is always compared with the catalog of the database, and
//! refused where the two differ.

use crate::hooks::run::Hooks;
use sea_orm::{EntityName, EntityTrait, Identity, RelationDef, Value, sea_query::TableRef};

/// An entity whose rows can be archived: moved, with everything below them, into its archive table.
///
/// Derive it with `DeriveArchive`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be archived",
    label = "this entity has no archive table",
    note = "derive `DeriveArchive` on its Model, or declare the relation `detach` or `restrict` instead of `cascade`"
)]
pub trait Archivable: EntityTrait {
    /// The entity over the archive table, `deleted::Entity`.
    type Deleted: Restorable<Active = Self>;

    /// The type of `deleted_by`: who archived the row.
    type DeletedBy: Into<Value> + Clone + std::fmt::Debug + Send + Sync + 'static;

    /// What the attributes of the entity declare.
    fn declaration() -> Declaration;

    /// The hooks that `#[archive(hooks)]` declares.
    #[doc(hidden)]
    fn hooks() -> Option<Hooks> {
        None
    }
}

/// A deleted entity: the archive table of an [`Archivable`] entity.
pub trait Restorable: EntityTrait {
    /// The entity that its rows came from and go back to.
    type Active: Archivable<Deleted = Self>;
}

/// What one entity declares about its archive.
#[derive(Clone, Debug)]
pub struct Declaration {
    /// The active table.
    pub table: DeclaredName,
    /// The archive table.
    pub archive_table: DeclaredName,
    /// The names of the columns that the archive table adds.
    pub added: AddedColumns,
    /// The relations with a policy.
    pub edges: Vec<DeclaredEdge>,
}

impl Declaration {
    /// The declaration of an entity with the default column names and no edges.
    pub fn of<E: Archivable>() -> Self {
        Self {
            table: DeclaredName::of::<E>(),
            archive_table: DeclaredName::of::<E::Deleted>(),
            added: AddedColumns::default(),
            edges: Vec::new(),
        }
    }

    /// Sets the names of the columns that the archive table adds.
    #[must_use]
    pub fn added_columns(mut self, deleted_at: &str, deleted_by: &str, archival_id: &str) -> Self {
        self.added = AddedColumns {
            deleted_at: deleted_at.to_owned(),
            deleted_by: deleted_by.to_owned(),
            archival_id: archival_id.to_owned(),
        };
        self
    }

    /// Adds a relation with its policy.
    #[must_use]
    pub fn edge(mut self, edge: DeclaredEdge) -> Self {
        self.edges.push(edge);
        self
    }
}

/// A table as an entity names it. A name without a schema is resolved by the `search_path` of the connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeclaredName {
    /// The schema, where the entity gives one.
    pub schema: Option<String>,
    /// The table.
    pub table: String,
}

impl DeclaredName {
    pub(crate) fn of<E: EntityTrait>() -> Self {
        Self::named(&E::default())
    }

    pub(crate) fn named(entity: &impl EntityName) -> Self {
        Self {
            schema: entity.schema_name().map(str::to_owned),
            table: entity.table_name().to_owned(),
        }
    }

    /// `schema.table` or `table`.
    pub(crate) fn parse(name: &str) -> Self {
        match name.split_once('.') {
            Some((schema, table)) => Self {
                schema: Some(schema.to_owned()),
                table: table.to_owned(),
            },
            None => Self {
                schema: None,
                table: name.to_owned(),
            },
        }
    }

    /// The name as SQL text, quoted, with its schema where there is one.
    pub fn quoted(&self) -> String {
        let quote = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
        match &self.schema {
            Some(schema) => format!("{}.{}", quote(schema), quote(&self.table)),
            None => quote(&self.table),
        }
    }
}

/// For errors.
impl std::fmt::Display for DeclaredName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{schema}.")?;
        }
        f.write_str(&self.table)
    }
}

impl From<&TableRef> for DeclaredName {
    fn from(table: &TableRef) -> Self {
        match table {
            TableRef::Table(name, _) => Self {
                schema: name.0.as_ref().map(|schema| schema.1.to_string()),
                table: name.1.to_string(),
            },
            // A relation is always between tables. Anything else becomes an empty name, which is refused because
            // the catalog has no such table.
            _ => Self {
                schema: None,
                table: String::new(),
            },
        }
    }
}

/// The names of the columns that an archive table has beyond those of its table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddedColumns {
    /// When the row was archived.
    pub deleted_at: String,
    /// Who archived it.
    pub deleted_by: String,
    /// The archival that it belongs to.
    pub archival_id: String,
}

impl Default for AddedColumns {
    fn default() -> Self {
        Self {
            deleted_at: "deleted_at".to_owned(),
            deleted_by: "deleted_by".to_owned(),
            archival_id: "archival_id".to_owned(),
        }
    }
}

/// What archiving a row does to the rows that refer to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// They are archived with it.
    Cascade,
    /// They stay active. Their foreign key becomes NULL, and the restore sets it again.
    Detach,
    /// They block the archive.
    Restrict,
}

/// A relation of an entity with the policy that its attribute gives.
#[derive(Clone, Debug)]
pub struct DeclaredEdge {
    /// The field or variant that has the policy, for messages.
    pub name: &'static str,
    /// What archiving does to the rows on the other side.
    pub policy: Policy,
    /// The table that has the foreign key.
    pub child: DeclaredName,
    /// The columns of the foreign key, in the child.
    pub child_columns: Vec<String>,
    /// The columns that it refers to.
    pub parent_columns: Vec<String>,
    /// The declaration of the child, where it is archived too.
    pub child_declaration: Option<fn() -> Declaration>,
}

impl DeclaredEdge {
    /// A relation whose child rows are archived too; the child must be [`Archivable`].
    ///
    /// `relation` is the one between the two, from either side: the child's `belongs_to`, or the
    /// parent's `has_one` or `has_many`.
    pub fn cascade<C: Archivable>(name: &'static str, relation: RelationDef) -> Self {
        Self {
            child_declaration: Some(C::declaration),
            ..Self::new(name, Policy::Cascade, relation)
        }
    }

    /// A relation whose child rows stay, with a NULL in their foreign key until the restore.
    pub fn detach(name: &'static str, relation: RelationDef) -> Self {
        Self::new(name, Policy::Detach, relation)
    }

    /// A relation whose child rows block the archive.
    pub fn restrict(name: &'static str, relation: RelationDef) -> Self {
        Self::new(name, Policy::Restrict, relation)
    }

    fn new(name: &'static str, policy: Policy, relation: RelationDef) -> Self {
        // SeaORM documents `is_owner` the wrong way round: it is true from the parent to the child, and false from
        // the child, which has the foreign key.
        let relation = if relation.is_owner {
            relation
        } else {
            relation.rev()
        };
        Self {
            name,
            policy,
            child: DeclaredName::from(&relation.to_tbl),
            child_columns: names(&relation.to_col),
            parent_columns: names(&relation.from_col),
            child_declaration: None,
        }
    }
}

/// The columns of one side of a relation.
pub(crate) fn names(columns: &Identity) -> Vec<String> {
    columns.iter().map(ToString::to_string).collect()
}
