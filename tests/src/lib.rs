//! What is true of sea-orm-archive end to end.
