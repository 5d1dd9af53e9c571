//! Casts that the owner of a type defines, and the functions that run as their owner.
