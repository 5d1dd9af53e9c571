//! A PostgreSQL server that dies with the process that started it, for examples, tests and benches.
