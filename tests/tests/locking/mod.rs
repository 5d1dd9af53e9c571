//! Nobody overwrites what they have not read: versions of rows, under one writer and under many.

mod archive;
mod conflicts;
mod hammer;
mod notes;
mod races;
mod shapes;
mod writes;
