//! Erasure of a person.

mod attacked;
mod declared;
mod dropped_months;
mod entities;
mod erased;
mod guarded;
mod holds;
mod odd;
mod people;
mod property;
mod races;
mod replaced;
mod roles;
mod tenancy;
mod unknown;

use sea_orm::ConnectionTrait;
pub use sea_orm_archive_tests::sql::places;

/// Fails where one of the texts occurs anywhere.
pub async fn assert_gone(db: &impl ConnectionTrait, values: &[&str]) {
    for value in values {
        assert_eq!(places(db, value).await, Vec::<String>::new(), "{value}");
    }
}
