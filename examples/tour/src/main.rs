//! The story of sea-orm-archive, told by a program.
fn main() {}
