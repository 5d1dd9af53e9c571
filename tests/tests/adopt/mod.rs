//! Adoption of tables that mark deleted rows.

mod down;
mod helpdesk;
mod marks;
mod rules;
mod whole;
