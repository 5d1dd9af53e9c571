//! The entities of the example blog.
//!
//! A post is archived with its comments, their likes, and the rows that tie it to its tags; a tag
//! with the rows that tie it to its posts. Users are not archived: as long as somebody has written
//! something, the database keeps them.

pub mod comment;
pub mod like;
pub mod post;
pub mod post_tag;
pub mod tag;
pub mod user;
