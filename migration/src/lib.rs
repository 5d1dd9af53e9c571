//! The migrations of the example blog.
