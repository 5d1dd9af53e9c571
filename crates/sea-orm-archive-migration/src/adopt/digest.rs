//! Proves that an adoption loses and changes no row.

use sea_orm_archive_postgres::ident::columns;
use sea_orm_migration::DbErr;

use crate::{adopt::subject::Subject, work::Work};

/// The count and the digest of all rows of a table and its archive table.
pub(crate) type Digest = (i64, String);

/// The digests of all tables. None where an archive table has rows already, as after batches: the digests of what moves are compared
/// in any case, and all rows of large tables take seconds, under the lock.
pub(crate) async fn before(work: &Work, subjects: &[Subject]) -> Result<Vec<Digest>, DbErr> {
    let mut digests = Vec::new();
    for subject in subjects {
        let sql = format!(
            "SELECT EXISTS (SELECT FROM {}) AS filled",
            subject.archive_table()?.id.sql()
        );
        if work.row(&sql, []).await?.try_get("", "filled")? {
            return Ok(digests);
        }
    }
    for subject in subjects {
        digests.push(of(work, subject).await?);
    }
    Ok(digests)
}

/// Refuses where a row is missing, added or different, in either table.
pub(crate) async fn compare(
    work: &Work,
    subjects: &[Subject],
    before: &[Digest],
) -> Result<(), DbErr> {
    for (subject, before) in subjects.iter().zip(before) {
        let after = of(work, subject).await?;
        if after != *before {
            return Err(DbErr::Migration(format!(
                "nothing was adopted: {} and its archive table had {} rows before and {} after, or other values in them: a trigger or a \
                 rule changed them",
                subject.table.id, before.0, after.0
            )));
        }
    }
    Ok(())
}

async fn of(work: &Work, subject: &Subject) -> Result<Digest, DbErr> {
    let images: Result<Vec<_>, DbErr> = [&subject.table.id, &subject.archive_table()?.id]
        .map(|table| {
            Ok(format!(
                "SELECT {} AS image FROM {} AS t",
                image("t", subject),
                table.sql()
            ))
        })
        .into_iter()
        .collect();
    let sql = format!(
        "SELECT pg_catalog.count(*) AS rows, pg_catalog.encode({}, 'hex') AS digest FROM ({}) AS d",
        of_images("d.image"),
        images?.join(" UNION ALL ")
    );
    let row = work.row(&sql, []).await?;
    Ok((row.try_get("", "rows")?, row.try_get("", "digest")?))
}

/// The hash of the exact text of the row `alias`, which the output functions of its types write.
pub(crate) fn image(alias: &str, subject: &Subject) -> String {
    format!(
        "pg_catalog.sha256(pg_catalog.convert_to(ROW({})::pg_catalog.text, pg_catalog.getdatabaseencoding()))",
        columns(alias, subject.column_names())
    )
}

/// The digest of images, which does not depend on their order.
pub(crate) fn of_images(images: &str) -> String {
    format!(
        "pg_catalog.sha256(coalesce(pg_catalog.string_agg({images}, ''::pg_catalog.bytea ORDER BY {images}), ''::pg_catalog.bytea))"
    )
}
