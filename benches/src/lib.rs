//! The claims of sea-orm-archive, measured against their rivals: `cargo bench`.
