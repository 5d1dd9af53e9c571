//! What is true of sea-orm-archive end to end, and what it takes to say so: a database per test,
//! and sessions that run in a fixed order.
//!
//! Every binary below `tests/` has one PostgreSQL server, the one of `DATABASE_URL` or a throwaway
//! one, and every test has a [`Database`] of its own on it, copied from a template that was
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
//! A race is a test of named [`Session`]s whose steps run in an order that is written down: start
//! a statement in one, [wait](Database::wait_until_blocked) until it really waits for a lock of
//! the other, let the other go on. No test sleeps and hopes.
//!
//! Everything here panics when it fails, since whoever calls it is a test.

mod cluster;
mod database;
mod log;
pub mod page;
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
