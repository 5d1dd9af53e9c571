//! SeaORM's schema sync on tables that migrations created.

use sea_orm_archive::check;
use sea_orm_archive_tests::sql::texts;

use super::notes::{archive_and_restore, attachment, comment, database, note, price};

const OBJECTS: &str = "select concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid)) from pg_constraint where conrelid <> 0
    union all select indexdef from pg_indexes where schemaname in ('public', 'archive')
    union all select concat_ws(' ', attrelid::regclass, attname, atttypid::regtype, attnotnull) from pg_attribute
        where attrelid in (select oid from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r') and attnum > 0
    order by 1";

#[tokio::test]
async fn deleted_entities_and_declared_keys_of_histories_are_left_as_they_are() {
    let database = database().await;
    let db = database.connect().await;
    let before = texts(&db, OBJECTS).await;
    for _ in 0..2 {
        let schema = db.get_schema_builder();
        let schema = schema.register(note::Entity).register(comment::Entity);
        let schema = schema.register(note::deleted::Entity);
        let schema = schema.register(comment::deleted::Entity);
        let schema = schema.register(attachment::Entity).register(price::Entity);
        schema.sync(&db).await.unwrap();
        assert_eq!(texts(&db, OBJECTS).await, before);
    }
    assert_eq!(check(&db).await.unwrap(), []);
    archive_and_restore(&db, 1).await.unwrap();
}
