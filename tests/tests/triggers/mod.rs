//! Triggers of the application on the tables of a tree: a restore gives back what was archived, or the archive is refused.

mod attacks;
mod changes;
mod concurrent;
mod families;
mod raised;
mod rehearsed;
mod suspended;
mod unvalidated;
