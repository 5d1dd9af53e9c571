//! Migrations for sea-orm-archive: the ledger and the paired deleted_* tables.
