//! Functions and operators of another schema of the search path.
