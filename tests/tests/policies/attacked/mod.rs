//! Restores with changes, attacked: odd schemas, odd values, other sessions and hostile roles.

mod hostile;
mod keys;
mod kit;
mod odd;
mod on_forum;
mod random;
mod rights;
mod second;
mod tenants;
mod two;
mod values;
