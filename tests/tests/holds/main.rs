#[path = "../races"]
mod races {
    pub mod blog;
}
#[path = "mod.rs"]
mod holds;
