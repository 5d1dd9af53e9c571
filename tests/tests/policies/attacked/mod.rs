//! Restores with changes, attacked: odd schemas, odd values, other sessions and hostile roles.

mod beside;
mod hostile;
mod keys;
mod keys_of_rows;
mod kit;
mod later_migrations;
mod links_and_generated;
mod odd;
mod other_parents;
mod random;
mod renames;
mod reports;
mod rights;
mod tenants;
mod values;
