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

/// Gives an entity its archive: the deleted entity, and what archiving does to the rows below it.
///
/// It stands beside `DeriveEntityModel` on the Model of an entity, in the dense format, in the
/// compact one, and in what `sea-orm-cli generate entity` writes with
/// `--model-extra-derives sea_orm_archive::DeriveArchive` and
/// `--model-extra-attributes 'archive(deleted_by = "i64")'`. It adds
///
/// - `deleted`, a module with a SeaORM entity over the deleted entity: every column of the entity,
///   then `deleted_at`, `deleted_by` and `archival_id`, with a relation to the archival that took
///   the row along;
/// - `From<deleted::Model> for Model`;
/// - `Archivable` for the entity, which says what it is called and which relations have a policy.
///
/// `deleted::Model` is `Clone` and `Debug`, and is `PartialEq`, `Eq`, `Serialize` and `Deserialize`
/// where the Model is; serde writes it as it writes the Model, with the added columns beside the
/// others.
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
/// | `table_name = "name"` | `deleted_` and the table's | the archive table |
/// | `deleted_at_column = "name"` | `deleted_at` | the column with the time |
/// | `deleted_by_column = "name"` | `deleted_by` | the column with the user |
/// | `archival_id_column = "name"` | `archival_id` | the column with the archival |
/// | `cascade(path)`, `detach(path)`, `restrict(path)` | | the policy of a child entity, see below |
///
/// The fields of `deleted::Model` keep their names when their columns have others; only where the
/// entity has a field of that name itself is the added one called after its column.
///
/// # On a relation field (dense format)
///
/// A policy stands on the field that leads to the children:
///
/// | | the rows on the other side |
/// | --- | --- |
/// | `#[archive(cascade)]` | are archived too; their entity must derive `DeriveArchive` |
/// | `#[archive(detach)]` | stay, with NULL in their foreign key until the restore |
/// | `#[archive(restrict)]` | block the archive |
///
/// - `HasMany` and `HasOne`: the foreign key of the other entity. Where there are several, SeaORM
///   asks for `relation_enum` and `via_rel`, which tell them apart here too.
/// - `HasMany` with `via = "post_tag"`: the foreign key of the junction. It is the rows of the
///   junction that are archived, detached or in the way, and `post_tag::Entity` that derives this.
/// - `self_ref` with `via`: the junction's foreign key to the row that follows, or with `reverse`
///   to the one that is followed.
/// - `self_ref` with `from` and `to`, as `sea-orm-cli` writes a tree: the rows that point at this
///   row through that key. The policy may stand on the `HasMany` with `relation_reverse` instead.
///
/// A `BelongsTo` to another entity takes no policy: this row is the child there.
///
/// # On the struct (compact format)
///
/// A derive does not see the `Relation` enum, so that a policy names the child entity instead:
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
/// The path alone means the child's `Related<Entity>`; several may share one policy, as in
/// `cascade(super::comment::Entity, super::post_tag::Entity)`. Where the child has several foreign
/// keys to this entity, and in a tree, `via_rel` names the variant of the child's `Relation` with
/// the key. Of a many-to-many relation it is the junction that is named.
///
/// The dense format takes this form too.
///
/// # What it expands to
///
/// Of this entity
///
/// ```ignore
#[doc = include_str!("../tests/expand/post.rs")]
/// ```
///
/// the derive makes
///
/// ```ignore
#[doc = include_str!("../tests/expand/post.expanded.rs")]
/// ```
#[proc_macro_derive(DeriveArchive, attributes(archive, sea_orm))]
pub fn derive_archive(input: TokenStream) -> TokenStream {
    archive::derive(input.into()).into()
}

/// Makes an entity a history: each of its rows is a version, which says what was true of an identity
/// from one time to another.
///
/// It stands beside `DeriveEntityModel` on the Model of the versions, in the dense format or in the
/// compact one, and beside `DeriveArchive` where versions are archived too. It adds `History` for
/// the entity, which says which columns are the identity, the period and the rest.
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
/// Options name fields, whatever their columns are called:
///
/// | `#[history(..)]` | default | the field with |
/// | --- | --- | --- |
/// | `identity = "field"` | must be given | what lasts and has versions |
/// | `identity("field", "field")` | | the same, of several fields |
/// | `valid_from = "field"` | `valid_from` | the start of a version |
/// | `valid_to = "field"` | `valid_to` | its end, itself not included |
/// | `recorded_by = "field"` | none | who made a version |
/// | `bitemporal` | | transaction time is kept too, in the next two |
/// | `recorded_from = "field"` | `recorded_from` | when a version was written |
/// | `recorded_to = "field"` | `recorded_to` | when another one took its place |
///
/// # The fields
///
/// - The identity is never NULL. It is not the whole primary key either: each version is a row of
///   its own. Nor are identity and valid time in a bitemporal history, which keeps what it corrects.
/// - Valid time is told in `DateTimeUtc`, `DateTimeWithTimeZone`, `DateTimeLocal` or `Date`.
/// - `valid_to` is an `Option` of the type of `valid_from`: it is NULL while a version is still true.
/// - Transaction time is told in instants, so that a `Date` will not do, and `recorded_to` is an
///   `Option` in the same way: it is NULL while a version stands.
/// - The field with who made a version has any type, and is that only if `recorded_by` says so.
/// - A field has one of these meanings, and is a column.
///
/// # What it expands to
///
/// Of this entity
///
/// ```ignore
#[doc = include_str!("../tests/expand/department_history.rs")]
/// ```
///
/// the derive makes
///
/// ```ignore
#[doc = include_str!("../tests/expand/department_history.expanded.rs")]
/// ```
///
/// Where the end of a period is not written with the same type as its start, or transaction time not
/// with one of SeaORM's names, the compiler is asked whether the types are right.
#[proc_macro_derive(DeriveHistory, attributes(history, sea_orm))]
pub fn derive_history(input: TokenStream) -> TokenStream {
    history::derive(input.into()).into()
}

/// Gives an entity a lock version: a counter that each update raises, so that a change over an older state is refused.
///
/// It stands beside `DeriveEntityModel` on the Model of an entity, in the dense format, in the
/// compact one, and in what `sea-orm-cli generate entity` writes. It adds `OptimisticLock` for the
/// entity, and with it `update_if_unchanged` for its active model; where the entity derives `DeriveArchive`
/// too, also `archive_if_unchanged`, `restore_if_unchanged` and `at_lock_version`.
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
/// The option names a field, whatever its column is called:
///
/// | `#[optimistic_lock(..)]` | default | the field with |
/// | --- | --- | --- |
/// | `field = ".."` | `lock_version` | the lock version |
///
/// It stands on the struct and not on the field, like the options of `DeriveHistory`: so it is the same
/// in every format, and `sea-orm-cli generate entity` can write it, with
/// `--model-extra-derives sea_orm_archive::DeriveOptimisticLock` and
/// `--model-extra-attributes 'optimistic_lock(field = "revision")'`.
///
/// # The field
///
/// - Its type is `i32`, `i64` or `i16`, never an `Option`.
/// - It is a column, is not of the primary key, and is written by no one else: a column that the
///   database generates is refused.
/// - The migration gives the column a default: `0`, for instance.
///
/// # What it expands to
///
/// Of this entity
///
/// ```ignore
#[doc = include_str!("../tests/expand/note.rs")]
/// ```
///
/// the derive makes
///
/// ```ignore
#[doc = include_str!("../tests/expand/note.expanded.rs")]
/// ```
///
/// `declared_archive` is the compiler's answer to whether the entity is archivable too: a derive does
/// not see which others stand beside it.
#[proc_macro_derive(DeriveOptimisticLock, attributes(optimistic_lock, sea_orm))]
pub fn derive_optimistic_lock(input: TokenStream) -> TokenStream {
    lock::derive(input.into()).into()
}

#[cfg(test)]
mod tests;
