//! What a migration or an entity declares about personal data.

use sea_orm::RelationDef;
use sea_orm::sea_query::{IntoTableRef, TableRef};

use crate::entity::names;

/// The personal data of a table: how its rows belong to a person, and what an erasure does with their columns.
///
/// A migration declares it with `manager.declare_personal_data(..)`, and an entity with `DerivePersonalData`. A person is a row of a table, such as
/// `users`. Its own personal data is declared first, with [`of_person`](Self::of_person).
///
/// ```
/// use sea_orm_archive::PersonalData;
///
/// let users = PersonalData::of_person()
///     .pseudonym("email")
///     .constant("name", "deleted user")
///     .null("phone")
///     .identifying(["email", "phone"]);
/// let comments = PersonalData::belongs_to("users", ["author_id"]).constant("content", "[erased]");
/// let attachments = PersonalData::belongs_to("comments", ["comment_id"]).delete_rows();
/// ```
#[derive(Clone, Debug)]
#[must_use = "personal data is declared by `manager.declare_personal_data(..)`"]
pub struct PersonalData {
    #[doc(hidden)]
    pub parent: Option<TableRef>,
    #[doc(hidden)]
    pub links: Vec<String>,
    /// The columns of the parent that a relation refers to; empty where that was not declared.
    #[doc(hidden)]
    pub refers_to: Vec<String>,
    #[doc(hidden)]
    pub columns: Vec<(String, Replacement)>,
    #[doc(hidden)]
    pub identifying: Vec<String>,
    #[doc(hidden)]
    pub deletes_rows: bool,
    #[doc(hidden)]
    pub is_actor: bool,
}

/// What the value of a personal column is replaced with.
#[doc(hidden)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replacement {
    Null,
    Constant(String),
    Pseudonym,
}

impl PersonalData {
    /// Of rows that are persons, by their primary key.
    pub fn of_person() -> Self {
        Self::new(None, Vec::new())
    }

    /// Of rows that belong to the person, or to a row of the person, that these columns refer to. `parent` is the table of that row, and the columns
    /// are in the order of its primary key. A foreign key is not needed.
    pub fn belongs_to<C>(parent: impl IntoTableRef, columns: impl IntoIterator<Item = C>) -> Self
    where
        C: Into<String>,
    {
        let links = columns.into_iter().map(Into::into).collect();
        Self::new(Some(parent.into_table_ref()), links)
    }

    /// Of rows that belong to the row that this relation leads to, such as `comment::Relation::Author.def()`. It is a `belongs_to`, and refers to the
    /// primary key.
    pub fn of_relation(relation: RelationDef) -> Self {
        // `is_owner` is true from the parent to the child.
        let relation = if relation.is_owner {
            relation.rev()
        } else {
            relation
        };
        let mut data = Self::new(Some(relation.to_tbl), names(&relation.from_col));
        data.refers_to = names(&relation.to_col);
        data
    }

    fn new(parent: Option<TableRef>, links: Vec<String>) -> Self {
        Self {
            parent,
            links,
            refers_to: Vec::new(),
            columns: Vec::new(),
            identifying: Vec::new(),
            deletes_rows: false,
            is_actor: false,
        }
    }

    /// Sets this column to NULL.
    pub fn null(self, column: impl Into<String>) -> Self {
        self.replace(column.into(), Replacement::Null)
    }

    /// Sets this column to a value, given as PostgreSQL reads a value of its type from text.
    pub fn constant(self, column: impl Into<String>, value: impl Into<String>) -> Self {
        self.replace(column.into(), Replacement::Constant(value.into()))
    }

    /// Sets this column, of a type for text, to a pseudonym such as `erased-3f2a9c04d1b78e65`, which is random and the same for the same person.
    pub fn pseudonym(self, column: impl Into<String>) -> Self {
        self.replace(column.into(), Replacement::Pseudonym)
    }

    fn replace(mut self, column: String, replacement: Replacement) -> Self {
        self.columns.push((column, replacement));
        self
    }

    /// The personal columns whose values identify the person wherever they are. An erasure also replaces such values in reasons, metadata, details of
    /// requests, actors and all entries of the audit log, and searches for them everywhere at its end. Values with fewer than 3 or more than 200
    /// characters are not searched for.
    pub fn identifying<C: Into<String>>(mut self, columns: impl IntoIterator<Item = C>) -> Self {
        self.identifying = columns.into_iter().map(Into::into).collect();
        self
    }

    /// Deletes the rows, active and archived, instead of replacing columns. Their entries in the audit log lose all values.
    pub fn delete_rows(mut self) -> Self {
        self.deletes_rows = true;
        self
    }

    /// The actor of the context is the primary key of the person: the details of the requests that the person made are erased.
    pub fn is_actor(mut self) -> Self {
        self.is_actor = true;
        self
    }
}
