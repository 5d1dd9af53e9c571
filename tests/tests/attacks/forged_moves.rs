//! A changed row is not recorded as a move between a table and its archive table.
