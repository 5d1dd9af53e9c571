//! Erasure of a person.

mod erased;
mod people;
