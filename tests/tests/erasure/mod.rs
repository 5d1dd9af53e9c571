//! Erasure of a person.

mod attacked;
mod declared;
mod erased;
mod guarded;
mod holds;
mod odd;
mod people;
mod property;
mod races;
mod roles;
mod tenancy;

use sea_orm::ConnectionTrait;
use sea_orm_archive_tests::sql::texts;

/// Every table and column of the database in which a text occurs, as `schema.table.column`.
pub async fn places(db: &impl ConnectionTrait, text: &str) -> Vec<String> {
    let columns = texts(
        db,
        "select format('select %L where exists (select from %I.%I as t where strpos(lower(t.%I::text), $$%s$$) > 0)',
                       concat(s.nspname, '.', c.relname, '.', a.attname), s.nspname, c.relname, a.attname, '{value}')
         from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace s on s.oid = c.relnamespace
         where s.nspname in ('public', 'archive') and c.relkind in ('r', 'p') and not c.relispartition and a.attnum > 0 and not a.attisdropped order by 1",
    )
    .await;
    texts(
        db,
        &columns
            .join(" union all ")
            .replace("{value}", &text.to_lowercase()),
    )
    .await
}

/// Fails where one of the texts occurs anywhere.
pub async fn assert_gone(db: &impl ConnectionTrait, values: &[&str]) {
    for value in values {
        assert_eq!(places(db, value).await, Vec::<String>::new(), "{value}");
    }
}
