//! The derives of [sea-orm-archive](https://docs.rs/sea-orm-archive), which re-exports them.

use proc_macro::TokenStream;

mod archive;
mod attr;
mod entity;
mod error;
mod history;
mod lock;
mod naming;
mod nested;
mod personal_data;

/// Makes an entity archivable: generates the deleted entity, and declares what archiving does to
/// the rows that reference a row.
///
/// Add it next to `DeriveEntityModel` on the Model of an entity. It supports the dense format, the
/// compact format, and the entities that `sea-orm-cli generate entity` writes with
/// `--model-extra-derives sea_orm_archive::DeriveArchive` and
/// `--model-extra-attributes 'archive(deleted_by = "i64")'`. It generates
///
/// - `deleted`, a module with the deleted entity, the SeaORM entity over the archive table: every
///   column of the entity, then `deleted_at`, `deleted_by` and `archival_id`, with a relation to
///   the archival that archived the row;
/// - `From<deleted::Model> for Model`;
/// - `Archivable` for the entity, which declares the names and the relations with a policy.
///
/// `deleted::Model` implements `Clone` and `Debug`, and it implements `PartialEq`, `Eq`,
/// `Serialize` and `Deserialize` if the Model does. Its serialized form is that of the Model, with
/// the added columns as additional fields.
///
/// ```
/// mod post {
///     use sea_orm::entity::prelude::*;
///     use sea_orm_archive::DeriveArchive;
///
///     #[sea_orm::model]
///     #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
///     #[sea_orm(table_name = "posts")]
///     #[archive(deleted_by = "i64")]
///     pub struct Model {
///         #[sea_orm(primary_key)]
///         pub id: i64,
///         pub title: String,
///         #[sea_orm(has_many)]
///         #[archive(cascade)]
///         pub comments: HasMany<super::comment::Entity>,
///     }
///
///     impl ActiveModelBehavior for ActiveModel {}
/// }
///
/// mod comment {
///     use sea_orm::entity::prelude::*;
///     use sea_orm_archive::DeriveArchive;
///
///     #[sea_orm::model]
///     #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
///     #[sea_orm(table_name = "comments")]
///     pub struct Model {
///         #[sea_orm(primary_key)]
///         pub id: i64,
///         pub post_id: i64,
///         #[sea_orm(belongs_to, from = "post_id", to = "id")]
///         pub post: BelongsTo<super::post::Entity>,
///     }
///
///     impl ActiveModelBehavior for ActiveModel {}
/// }
///
/// # fn main() {
/// use sea_orm::{DbBackend, EntityTrait, QueryTrait};
///
/// assert_eq!(
///     post::deleted::Entity::find_by_id(42).build(DbBackend::Postgres).to_string(),
///     [
///         r#"SELECT "deleted_posts"."id", "deleted_posts"."title","#,
///         r#""deleted_posts"."deleted_at", "deleted_posts"."deleted_by","#,
///         r#""deleted_posts"."archival_id" FROM "deleted_posts""#,
///         r#"WHERE "deleted_posts"."id" = 42"#,
///     ]
///     .join(" ")
/// );
/// # }
/// ```
///
/// # On the struct
///
/// | `#[archive(..)]` | default | |
/// | --- | --- | --- |
/// | `deleted_by = "type"` | `i64` | the type of a user's id, in the nullable column `deleted_by` |
/// | `table_name = "name"` | `deleted_` and the name of the table | the archive table |
/// | `deleted_at_column = "name"` | `deleted_at` | the column with the time |
/// | `deleted_by_column = "name"` | `deleted_by` | the column with the user |
/// | `archival_id_column = "name"` | `archival_id` | the column with the archival |
/// | `cascade(path)`, `detach(path)`, `restrict(path)` | | the policy of a child entity, see below |
///
/// These options rename the columns, not the fields of `deleted::Model`. Only if the entity has a
/// field of that name is the added field named after its column.
///
/// # On a relation field (dense format)
///
/// Write a policy on the field of the relation to the children:
///
/// | | the child rows |
/// | --- | --- |
/// | `#[archive(cascade)]` | are archived too; their entity must derive `DeriveArchive` |
/// | `#[archive(detach)]` | stay, with NULL in their foreign key until the restore |
/// | `#[archive(restrict)]` | block the archive |
///
/// - `HasMany` and `HasOne`: the policy applies to the foreign key of the other entity. If it has
///   several, SeaORM requires `relation_enum` and `via_rel`, and the derive uses them too.
/// - `HasMany` with `via = "post_tag"`: the policy applies to the foreign key of the junction. The
///   rows of the junction are archived or detached, or block the archive, and `post_tag::Entity`
///   derives `DeriveArchive`.
/// - `self_ref` with `via`: the policy applies to the junction's foreign key to the row that
///   follows, or with `reverse` to the row that is followed.
/// - `self_ref` with `from` and `to`, as `sea-orm-cli` writes a tree: the policy applies to the
///   rows that reference this row through that key. You can also write it on the `HasMany` with
///   `relation_reverse`.
///
/// A `BelongsTo` to another entity takes no policy, because this row is the child.
///
/// # On the struct (compact format)
///
/// A derive cannot read the `Relation` enum, so a policy names the child entity instead:
///
/// ```
/// # mod post {
/// #     use sea_orm::entity::prelude::*;
/// #     #[derive(Clone, Debug, DeriveEntityModel, sea_orm_archive::DeriveArchive)]
/// #     #[sea_orm(table_name = "posts")]
/// #     pub struct Model {
/// #         #[sea_orm(primary_key)]
/// #         pub id: i64,
/// #         pub author_id: i64,
/// #         pub editor_id: Option<i64>,
/// #     }
/// #     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
/// #     pub enum Relation {
/// #         #[sea_orm(belongs_to = "super::author::Entity", from = "Column::AuthorId", to = "super::author::Column::Id")]
/// #         Author,
/// #         #[sea_orm(belongs_to = "super::author::Entity", from = "Column::EditorId", to = "super::author::Column::Id")]
/// #         Editor,
/// #     }
/// #     impl ActiveModelBehavior for ActiveModel {}
/// # }
/// # mod letter {
/// #     use sea_orm::entity::prelude::*;
/// #     #[derive(Clone, Debug, DeriveEntityModel)]
/// #     #[sea_orm(table_name = "letters")]
/// #     pub struct Model {
/// #         #[sea_orm(primary_key)]
/// #         pub id: i64,
/// #         pub author_id: i64,
/// #     }
/// #     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
/// #     pub enum Relation {
/// #         #[sea_orm(belongs_to = "super::author::Entity", from = "Column::AuthorId", to = "super::author::Column::Id")]
/// #         Author,
/// #     }
/// #     impl Related<super::author::Entity> for Entity {
/// #         fn to() -> RelationDef { Relation::Author.def() }
/// #     }
/// #     impl ActiveModelBehavior for ActiveModel {}
/// # }
/// mod author {
///     # use sea_orm::entity::prelude::*;
///     # use sea_orm_archive::DeriveArchive;
///     #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
///     #[sea_orm(table_name = "authors")]
///     #[archive(
///         restrict(super::letter::Entity),
///         cascade(super::post::Entity, via_rel = "Author"),
///         detach(super::post::Entity, via_rel = "Editor"),
///         cascade(Entity, via_rel = "Mentor")
///     )]
///     pub struct Model {
///         #[sea_orm(primary_key)]
///         pub id: i64,
///         pub mentor_id: Option<i64>,
///     }
///
///     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
///     pub enum Relation {
///         #[sea_orm(belongs_to = "Entity", from = "Column::MentorId", to = "Column::Id")]
///         Mentor,
///     }
///     #
///     # impl ActiveModelBehavior for ActiveModel {}
/// }
/// # fn main() {}
/// ```
///
/// The path alone means the child's `Related<Entity>`. Several children can share one policy, as in
/// `cascade(super::comment::Entity, super::post_tag::Entity)`. If the child has several foreign keys
/// to this entity, and in a tree, `via_rel` names the variant of the child's `Relation` with the
/// key. For a many-to-many relation, name the junction.
///
/// This form also works in the dense format.
///
/// # What it expands to
///
/// For this entity
///
/// ```ignore
#[doc = include_str!("../tests/expand/post.rs")]
/// ```
///
/// the derive generates
///
/// ```ignore
#[doc = include_str!("../tests/expand/post.expanded.rs")]
/// ```
#[proc_macro_derive(DeriveArchive, attributes(archive, sea_orm))]
pub fn derive_archive(input: TokenStream) -> TokenStream {
    archive::derive(input.into()).into()
}

/// Makes an entity a history: each of its rows is a version, which states what was true of an
/// identity during a period.
///
/// Add it next to `DeriveEntityModel` on the Model of the versions, in the dense or in the compact
/// format, and next to `DeriveArchive` if versions are archived too. It implements `History` for the
/// entity, which names the columns of the identity, of valid time and of transaction time.
///
/// ```
/// mod department_history {
///     use sea_orm::entity::prelude::*;
///     use sea_orm_archive::DeriveHistory;
///
///     #[sea_orm::model]
///     #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveHistory)]
///     #[sea_orm(table_name = "department_history")]
///     #[history(identity = "department_id")]
///     pub struct Model {
///         #[sea_orm(primary_key)]
///         pub id: i64,
///         pub department_id: i64,
///         pub name: String,
///         pub valid_from: DateTimeUtc,
///         /// `None`: still true.
///         pub valid_to: Option<DateTimeUtc>,
///     }
///
///     impl ActiveModelBehavior for ActiveModel {}
/// }
///
/// # fn main() {
/// use department_history::{Column, Entity};
/// use sea_orm_archive::History;
///
/// let columns = Entity::columns();
/// assert!(matches!(columns.identity[..], [Column::DepartmentId]));
/// assert!(matches!(columns.valid_to, Column::ValidTo));
/// assert!(columns.recorded.is_none());
/// # }
/// ```
///
/// # On the struct
///
/// Options name fields, not columns:
///
/// | `#[history(..)]` | default | the field with |
/// | --- | --- | --- |
/// | `identity = "field"` | required | the identity: what has versions |
/// | `identity("field", "field")` | | an identity of several fields |
/// | `valid_from = "field"` | `valid_from` | the start of a version |
/// | `valid_to = "field"` | `valid_to` | the end of a version, exclusive |
/// | `recorded_by = "field"` | none | who wrote a version |
/// | `bitemporal` | | transaction time is recorded too, in the next two fields |
/// | `recorded_from = "field"` | `recorded_from` | when a version was written |
/// | `recorded_to = "field"` | `recorded_to` | when another version replaced it |
///
/// # The fields
///
/// - The identity is never NULL. It cannot be the whole primary key, because each version is a row.
///   In a bitemporal history the identity and the valid time cannot be the whole primary key either,
///   because corrected versions stay in the table.
/// - The type of valid time is `DateTimeUtc`, `DateTimeWithTimeZone`, `DateTimeLocal` or `Date`.
/// - `valid_to` is an `Option` of the type of `valid_from`: it is NULL while a version is still true.
/// - The type of transaction time is an instant, not a `Date`. `recorded_to` is an `Option` of the
///   type of `recorded_from`: it is NULL until another version replaces this one.
/// - The field for who wrote a version has any type. It exists only if `recorded_by` names it.
/// - Each of these fields is a column, and has one of these meanings.
///
/// # What it expands to
///
/// For this entity
///
/// ```ignore
#[doc = include_str!("../tests/expand/department_history.rs")]
/// ```
///
/// the derive generates
///
/// ```ignore
#[doc = include_str!("../tests/expand/department_history.expanded.rs")]
/// ```
///
/// If the end of a period is not written with the same type name as its start, or transaction time
/// not with one of SeaORM's type names, the derive adds code with which the compiler checks the types.
#[proc_macro_derive(DeriveHistory, attributes(history, sea_orm))]
pub fn derive_history(input: TokenStream) -> TokenStream {
    history::derive(input.into()).into()
}

/// Adds optimistic locking to an entity: `update_if_unchanged` increments a lock version, and the
/// `.._if_unchanged` methods fail if another write has incremented it since the row was read.
///
/// Add it next to `DeriveEntityModel` on the Model of an entity. It supports the dense format, the
/// compact format, and the entities that `sea-orm-cli generate entity` writes. It implements
/// `OptimisticLock` for the entity, which gives its active model `update_if_unchanged`. If the entity
/// also derives `DeriveArchive`, it gets `archive_if_unchanged`, `restore_if_unchanged` and
/// `at_lock_version` too.
///
/// ```
/// mod note {
///     use sea_orm::entity::prelude::*;
///     use sea_orm_archive::DeriveOptimisticLock;
///
///     #[sea_orm::model]
///     #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveOptimisticLock)]
///     #[sea_orm(table_name = "notes")]
///     #[optimistic_lock(field = "revision")]
///     pub struct Model {
///         #[sea_orm(primary_key)]
///         pub id: i64,
///         pub text: String,
///         pub revision: i32,
///     }
///
///     impl ActiveModelBehavior for ActiveModel {}
/// }
///
/// # fn main() {
/// use sea_orm_archive::OptimisticLock;
///
/// assert!(matches!(note::Entity::lock_version_column(), note::Column::Revision));
/// # }
/// ```
///
/// # On the struct
///
/// The option names a field, not a column:
///
/// | `#[optimistic_lock(..)]` | default | the field with |
/// | --- | --- | --- |
/// | `field = ".."` | `lock_version` | the lock version |
///
/// Write it on the struct and not on the field, like the options of `DeriveHistory`. So it is the same
/// in every format, and `sea-orm-cli generate entity` can write it, with
/// `--model-extra-derives sea_orm_archive::DeriveOptimisticLock` and
/// `--model-extra-attributes 'optimistic_lock(field = "revision")'`.
///
/// # The field
///
/// - Its type is `i32`, `i64` or `i16`, never an `Option`.
/// - It is a column, and not part of the primary key. A column that the database generates is refused.
/// - The migration sets the first lock version of a row with a column default, for example `0`.
///
/// # What it expands to
///
/// For this entity
///
/// ```ignore
#[doc = include_str!("../tests/expand/note.rs")]
/// ```
///
/// the derive generates
///
/// ```ignore
#[doc = include_str!("../tests/expand/note.expanded.rs")]
/// ```
///
/// `declared_archive` lets the compiler decide whether the entity is archivable too, because a derive
/// cannot read the other derives of the struct.
#[proc_macro_derive(DeriveOptimisticLock, attributes(optimistic_lock, sea_orm))]
pub fn derive_optimistic_lock(input: TokenStream) -> TokenStream {
    lock::derive(input.into()).into()
}

/// Declares which columns of an entity contain personal data, what an erasure replaces them with, and how rows belong to a person.
///
/// Add it next to `DeriveEntityModel` on the Model of an entity, which need not be archivable. It implements `DeclaresPersonalData` for the entity. An
/// erasure follows the rules in the database: a migration declares those of the entity with `manager.declare_personal_data_of::<Entity>()`, or its own,
/// and `check_personal_data` of the entity reports where the two differ.
///
/// ```
/// mod user {
///     use sea_orm::entity::prelude::*;
///     use sea_orm_archive::DerivePersonalData;
///
///     #[sea_orm::model]
///     #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DerivePersonalData)]
///     #[sea_orm(table_name = "users")]
///     #[personal_data(person, is_actor)]
///     pub struct Model {
///         #[sea_orm(primary_key)]
///         pub id: i64,
///         #[personal_data(pseudonym, identifying)]
///         pub email: String,
///         #[personal_data(null)]
///         pub phone: Option<String>,
///     }
///
///     impl ActiveModelBehavior for ActiveModel {}
/// }
///
/// mod post {
///     use sea_orm::entity::prelude::*;
///     use sea_orm_archive::DerivePersonalData;
///
///     #[sea_orm::model]
///     #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DerivePersonalData)]
///     #[sea_orm(table_name = "posts")]
///     pub struct Model {
///         #[sea_orm(primary_key)]
///         pub id: i64,
///         pub author_id: i64,
///         #[personal_data(constant = "[erased]")]
///         pub title: String,
///         #[sea_orm(belongs_to, from = "author_id", to = "id")]
///         #[personal_data(belongs_to)]
///         pub author: BelongsTo<super::user::Entity>,
///     }
///
///     impl ActiveModelBehavior for ActiveModel {}
/// }
///
/// # fn main() {
/// use sea_orm_archive::DeclaresPersonalData;
///
/// assert_eq!(user::Entity::personal_data().len(), 1);
/// assert_eq!(post::Entity::personal_data().len(), 1);
/// # }
/// ```
///
/// # On the struct
///
/// | `#[personal_data(..)]` | |
/// | --- | --- |
/// | `person` | a row is a person |
/// | `is_actor` | the actor of the context is the primary key of the person |
/// | `belongs_to = "Author"` | rows belong to a person, or to a row of one, by this variant of `Relation`; for the compact format |
/// | `delete_rows` | an erasure deletes the rows |
///
/// # On a relation field (dense format)
///
/// `#[personal_data(belongs_to)]` on the field with the foreign key: rows belong to the person, or to the row of the person, that it leads to. The relation
/// refers to the primary key of the other entity. A foreign key in the database is not needed.
///
/// # On a column
///
/// | `#[personal_data(..)]` | |
/// | --- | --- |
/// | `null` | it becomes NULL |
/// | `constant = "text"` | it becomes this value, as PostgreSQL reads it from text |
/// | `pseudonym` | it becomes a pseudonym, which is the same for the same person |
/// | `identifying` | its values are also replaced where they are mentioned elsewhere |
/// | `of = "sender"` | only for rows that belong to a person by this relation, where there are several |
///
/// # What it expands to
///
/// For this entity
///
/// ```ignore
#[doc = include_str!("../tests/expand/message.rs")]
/// ```
///
/// the derive generates
///
/// ```ignore
#[doc = include_str!("../tests/expand/message.expanded.rs")]
/// ```
#[proc_macro_derive(DerivePersonalData, attributes(personal_data, sea_orm))]
pub fn derive_personal_data(input: TokenStream) -> TokenStream {
    personal_data::derive(input.into()).into()
}

#[cfg(test)]
mod tests;
