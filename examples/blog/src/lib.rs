//! The entities of the example blog.
//!
//! Archiving a post also archives its comments, their likes, and its rows in `post_tags`. Archiving a
//! tag also archives its rows in `post_tags`. Users cannot be archived: the database refuses to delete
//! a user who has written something.

pub mod comment;
pub mod like;
pub mod post;
pub mod post_tag;
pub mod tag;
pub mod user;
