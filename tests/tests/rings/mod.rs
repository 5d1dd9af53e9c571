//! Archivals whose roots refer to each other in a ring. They are restored together.

mod attack_batches;
mod entities;
mod mates;
mod pinned;
