//! Erasure: what is declared as personal data of a person is erased wherever it is stored.
//!
//! A migration declares which columns contain personal data and how rows belong to a person; see `ErasureSchema` of
//! sea-orm-archive-migration. Entities may declare the same, which [`DeclaresPersonalData::check_personal_data`] compares. A person is a row of a table, such as `users`. [`PersonEntity::erase_by_id`] then erases the person in tables, archive
//! tables, histories, the audit log, archival records, holds and details of requests, and returns a [`Certificate`]: what was erased where, by which
//! rule, and that a search finds nothing of it. Only a role with `grant_erasure` erases.
//!
//! ```no_run
//! # mod user {
//! #     use sea_orm::entity::prelude::*;
//! #     #[sea_orm::model]
//! #     #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
//! #     #[sea_orm(table_name = "users")]
//! #     pub struct Model {
//! #         #[sea_orm(primary_key)]
//! #         pub id: i64,
//! #     }
//! #     impl ActiveModelBehavior for ActiveModel {}
//! # }
//! use sea_orm::entity::prelude::*;
//! use sea_orm_archive::{erasure, prelude::*};
//!
//! # async fn erase(db: sea_orm::DatabaseConnection) -> Result<(), Error> {
//! let preview = user::Entity::erase_by_id(7).preview(&db).await?;
//! println!("{preview}");
//! let certificate = user::Entity::erase_by_id(7).by(1).reason("request 2026-17").exec(&db).await?;
//! assert!(certificate.is_complete());
//!
//! let all = erasure::Entity::find().order_by_id_desc().all(&db).await?;
//! # let _ = all;
//! # Ok(())
//! # }
//! ```

mod certificate;
mod declared;
mod erase;
mod personal_data;

use ::sea_orm::entity::prelude::*;

pub use certificate::{Certificate, ErasedPlace};
pub use declared::DeclaresPersonalData;
pub use erase::{Erase, EraseBatches};
pub use personal_data::PersonalData;
#[doc(hidden)]
pub use personal_data::Replacement;

use crate::decode::{self, sea_orm};
use crate::entity::DeclaredName;
use crate::hold::PlaceHold;
use crate::row::{Key, key_values};

/// The erasure of a person: a row of `archive.erasure`. What was erased where is in `archive.erased_place`: see [`Certificate`].
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize, serde::Deserialize)]
#[sea_orm(schema_name = "archive", table_name = "erasure")]
pub struct Model {
    /// Its id.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The table of the person, as `schema.table`: its name at that time.
    #[sea_orm(column_type = "Text")]
    pub subject_table: String,
    /// The primary key of the person, as an array of the texts of its values.
    #[sea_orm(column_type = "JsonBinary")]
    pub subject_key: Json,
    /// Why.
    #[sea_orm(column_type = "Text", nullable)]
    pub reason: Option<String>,
    /// When it began.
    pub started_at: DateTimeUtc,
    /// Who began it, as text.
    #[sea_orm(column_type = "Text", nullable)]
    pub started_by: Option<String>,
    /// When it had ended; `None` while it goes on.
    pub finished_at: Option<DateTimeUtc>,
    /// What is done next: `collect`, `rows`, `check`, `mentions` or `search`; `finished` at the end.
    #[sea_orm(column_type = "Text")]
    pub state: String,
    /// How many identifying values were searched for everywhere at the end.
    pub searched: Option<i64>,
    /// How many identifying values have fewer than 3 or more than 200 characters, and were not searched for.
    pub not_searched: Option<i64>,
    /// In how many rows of which column such a value was still found, as an object of `schema.table.column` and count.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub found: Option<Json>,
    /// The tables that were not searched, since the role may not read them, as an array.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub unread: Option<Json>,
    /// The tenant whose data was erased; `None` where it was that of every tenant.
    #[sea_orm(column_type = "Text", nullable)]
    pub tenant: Option<String>,
}

/// An erasure has no relations of its own.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

decode::read_as_derived!(Model);

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    /// Erases the person with this primary key, for programs that have no entities: the table as `schema.table` or `table`, and the key as PostgreSQL
    /// reads it from text, in the order of its columns.
    pub fn erase(table: &str, key: impl IntoIterator<Item = String>) -> Erase {
        Erase::named(
            &DeclaredName::parse(table),
            key.into_iter().map(Some).collect(),
        )
    }
}

/// The verbs of an entity whose rows are persons: `user::Entity::erase_by_id(7)`.
///
/// The entity need not be archivable. Its table, and those with data of the person, are declared in a migration.
pub trait PersonEntity: EntityTrait {
    /// Erases the person with this primary key, whether its row still exists or not.
    fn erase_by_id(key: impl Into<Key<Self>>) -> Erase {
        Erase::new::<Self>(&key_values(key.into()))
    }

    /// Places a hold on everything of the person with this primary key: no row of the person is purged, wherever it is, and the person is not erased.
    ///
    /// Rows that belong to the person later are held too. `archival::Entity::hold_by_id` and `hold_by_id` of an entity hold less.
    fn hold_person_by_id(key: impl Into<Key<Self>>, reason: impl Into<String>) -> PlaceHold {
        PlaceHold::on_person::<Self>(&key_values(key.into()), reason.into())
    }
}

impl<E: EntityTrait> PersonEntity for E {}
