//! What these tests share.

use sea_orm::ConnectionTrait;
use sea_orm_archive::prelude::*;
use sea_orm_archive::{RestorePreview, Restored};
use sea_orm_archive_tests::sql::texts;

/// Every archived row belongs to an open archival whose root exists. Tables with their key columns.
pub async fn sound(db: &impl ConnectionTrait, tables: &[(&str, &[&str])], at: &str) {
    let mut roots = String::new();
    for (table, key) in tables {
        let orphans = texts(db, &format!("select t::text from deleted_{table} t where not exists (select from archive.archival a where a.id = t.archival_id and a.restored_at is null and a.purged_at is null)")).await;
        assert!(orphans.is_empty(), "{at}: orphans of {table}: {orphans:?}");
        let unlisted = texts(db, &format!("select t::text from deleted_{table} t join archive.archival a on a.id = t.archival_id where 'public.{table}'::regclass::oid <> all (a.tables::oid[])")).await;
        assert!(
            unlisted.is_empty(),
            "{at}: not listed {table}: {unlisted:?}"
        );
        let key: Vec<_> = key.iter().map(|k| format!("'{k}', d.{k}")).collect();
        roots += &format!(
            " and not exists (select from deleted_{table} d where d.archival_id = a.id and a.root_table = 'public.{table}' and a.root_key = jsonb_build_object({}))",
            key.join(", ")
        );
    }
    let rootless = texts(db, &format!("select a::text from archive.archival a where a.restored_at is null and a.purged_at is null {roots}")).await;
    assert!(rootless.is_empty(), "{at}: rootless: {rootless:?}");
}

pub const FORUM: [(&str, &[&str]); 6] = [
    ("users", &["id"]),
    ("posts", &["id"]),
    ("comments", &["id"]),
    ("files", &["comment_id"]),
    ("tags", &["post_id", "name"]),
    ("links", &["id"]),
];

/// A preview shows what exec does.
pub fn same(preview: &Result<RestorePreview, Error>, done: &Result<Restored, Error>, at: &str) {
    match (preview, done) {
        (Ok(p), Ok(d)) => {
            assert_eq!(p.conflicts, [], "{at}");
            assert_eq!(p.changes, d.changes, "{at}: changes");
            assert_eq!(
                p.rows.iter().filter(|r| *r.1 > 0).collect::<Vec<_>>(),
                d.rows.iter().filter(|r| *r.1 > 0).collect::<Vec<_>>(),
                "{at}: rows"
            );
            assert_eq!(p.waiting, d.waiting, "{at}: waiting");
            assert_eq!(p.not_relinked, d.not_relinked, "{at}: not_relinked");
            let seen = |s: &[sea_orm_archive::Stayed]| {
                let mut v: Vec<_> = s
                    .iter()
                    .map(|s| format!("{} {} {:?} {:?}", s.table, s.key, s.rows, s.conflicts))
                    .collect();
                v.sort();
                v
            };
            assert_eq!(seen(&p.stayed), seen(&d.stayed), "{at}: stayed");
            assert_eq!(
                p.parents.iter().map(|p| p.archival).collect::<Vec<_>>(),
                d.parents.iter().map(|p| p.archival.id).collect::<Vec<_>>(),
                "{at}: parents"
            );
        }
        (Ok(p), Err(e)) => {
            assert!(
                !p.conflicts.is_empty() || p.parents.iter().any(|p| !p.conflicts.is_empty()),
                "{at}: the preview has no conflict, exec: {e}"
            );
            assert!(matches!(e, Error::Conflict(_)), "{at}: {e}");
        }
        (Err(p), Err(e)) => assert_eq!(p.to_string(), e.to_string(), "{at}"),
        (Err(p), Ok(_)) => panic!("{at}: the preview fails and exec does not: {p}"),
    }
}

macro_rules! both {
    ($db:expr, $at:expr, $tables:expr, $restore:expr) => {{
        let restore = $restore;
        let before = sea_orm_archive_tests::sql::dumps($db, &$tables).await;
        let preview = restore.clone().preview($db).await;
        assert_eq!(
            sea_orm_archive_tests::sql::dumps($db, &$tables).await,
            before,
            "{}: the preview changed something",
            $at
        );
        let done = restore.exec($db).await;
        if done.is_err() {
            assert_eq!(
                sea_orm_archive_tests::sql::dumps($db, &$tables).await,
                before,
                "{}: the error changed something",
                $at
            );
        }
        $crate::policies::attacked::kit::same(&preview, &done, $at);
        done
    }};
}

pub fn no_raw(error: &Error) {
    assert!(
        !matches!(error, Error::Database(_)),
        "a raw database error: {error}"
    );
}
pub(crate) use both;
