//! Unedited entities of `sea-orm-cli generate entity`, with the derive added by its flags.
//! `schema.sql` contains the command.

use sea_orm_archive::Archivable;

use crate::shown::{added_columns, edges};

#[allow(unused_imports)]
#[rustfmt::skip]
mod compact;
#[allow(unused_imports)]
#[rustfmt::skip]
mod dense;

macro_rules! both_formats {
    ($($entity:ident),*) => {$(
        #[test]
        fn $entity() {
            assert_deleted_entity::<dense::$entity::Entity>(stringify!($entity));
            assert_deleted_entity::<compact::$entity::Entity>(stringify!($entity));
        }
    )*};
}

both_formats!(
    attachment, author, comment, employee, post, post_stat, post_tag, tag, tree
);

#[track_caller]
fn assert_deleted_entity<E: Archivable>(table: &str) {
    let declaration = E::declaration();
    assert_eq!(declaration.table.table, table);
    assert_eq!(declaration.archive_table.table, format!("deleted_{table}"));
    assert_eq!(
        added_columns::<E>(),
        ["deleted_at", "deleted_by", "archival_id"]
    );
    assert!(edges::<E>().is_empty());
}
