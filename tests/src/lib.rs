//! Helpers of the end-to-end tests of sea-orm-archive: a database per test, and sessions that run
//! in a fixed order.
//!
//! Every binary below `tests/` uses one PostgreSQL server: that of `DATABASE_URL`, or a throwaway
//! server. Every test has its own [`Database`] on that server, copied from a template that was
//! migrated once:
//!
//! ```no_run
//! use sea_orm::{ConnectionTrait, DbErr};
//! use sea_orm_archive_tests::Database;
//!
//! async fn blog() -> Database {
//!     Database::from_template("blog", async |db| {
//!         db.execute_unprepared("create table posts (id bigint primary key, title text)").await?;
//!         Ok(())
//!     })
//!     .await
//! }
//!
//! #[tokio::test]
//! async fn a_post_can_be_written() -> Result<(), DbErr> {
//!     let blog = blog().await;
//!     let db = blog.connect().await;
//!     db.execute_unprepared("insert into posts values (1, 'Hello')").await?;
//!     Ok(())
//! }
//! ```
//!
//! A race is a test of named [`Session`]s whose steps run in a defined order: start a statement in
//! one session, [wait](Database::wait_until_blocked) until it is blocked by a lock of the other,
//! then let the other continue. No test relies on sleeping.
//!
//! All helpers panic when they fail, because only tests call them.

mod cluster;
mod database;
mod log;
pub mod page;
pub mod property;
mod race;
mod session;
pub mod sql;
pub mod tables;

pub use cluster::connect;
pub use database::Database;
pub use log::assert_log_agrees;
#[doc(hidden)]
pub use race::{Holder, Race};
pub use session::{Session, Step};
