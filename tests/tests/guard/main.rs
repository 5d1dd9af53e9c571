#[path = "../races/blog.rs"]
pub mod blog_of_races;
mod races {
    pub use crate::blog_of_races as blog;
}
#[path = "mod.rs"]
mod guard;
