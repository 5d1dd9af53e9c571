//! Adoption of tables that mark deleted rows.

mod attacked;
mod audit_table;
mod down;
mod helpdesk;
mod marks;
mod names;
mod online;
mod others;
mod races;
mod refusals;
mod rules;
mod shapes;
mod whole;
