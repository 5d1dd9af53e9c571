//! Archivals whose roots refer to each other in a ring. They are restored together.

mod entities;
mod mates;
mod pinned;
mod sets;
