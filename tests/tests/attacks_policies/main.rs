//! Attacks on restores with changes.
#![allow(missing_docs, dead_code, unused_imports, clippy::all)]

#[path = "../policies/forum.rs"]
mod forum;
#[path = "../tenancy/database.rs"]
mod organisations;
#[path = "../tenancy/model.rs"]
mod model;

mod kit;
mod hostile;
mod keys;
mod odd;
mod on_forum;
mod random;
mod rights;
mod tenants;
mod values;
mod two;
mod second;
