//! The view for readers of a table as it was: active and archived rows with the marking columns.

use sea_orm_migration::DbErr;

use crate::{
    adopt::{options::Flag, subject::Subject},
    name::{self, literal, quote},
    work::Work,
};

/// Why the view cannot be created: its name is taken. A view that an earlier adoption of the table created is replaced.
pub(crate) async fn problem(work: &Work, subject: &Subject) -> Result<Option<String>, DbErr> {
    let Some(view) = &subject.declared.view else {
        return Ok(None);
    };
    name::check(view)?;
    let name = sql(subject, view);
    let taken = work
        .rows(
            "SELECT FROM pg_class AS c WHERE c.oid = to_regclass($1)
                 AND NOT EXISTS (SELECT FROM archive.archived_table AS r WHERE r.active = $2::bigint::oid AND r.adopted->>'view' = $3)",
            [
                name.clone().into(),
                subject.table.id.oid.into(),
                view.clone().into(),
            ],
        )
        .await?;
    Ok((!taken.is_empty()).then(|| {
        format!(
            "the view {name} for readers of {} cannot be created, since there is a table, view or the like of that name: pass another name to \
             `.compatibility_view(..)`",
            subject.table.id
        )
    }))
}

/// Creates the view that the migration declares. It has the columns of the table before the adoption, in their order.
///
/// It runs as the role that reads it (`security_invoker`), so policies and grants of both tables hold.
pub(crate) async fn create(work: &Work, subject: &Subject) -> Result<(), DbErr> {
    let Some(view) = &subject.declared.view else {
        return Ok(());
    };
    name::check(view)?;
    let Some(table) = work.table(&subject.table.id.sql()).await? else {
        return Ok(());
    };
    let Some(archive_table) = &table.archive_table else {
        return Ok(());
    };
    let (mut active, mut archived) = (Vec::new(), Vec::new());
    for column in &subject.table.columns {
        let name = quote(&column.name);
        let own = format!("t.{name}");
        let kept = table.column(&column.name).is_some();
        active.push(match kept {
            true => own.clone(),
            false if is_flag(subject, &column.name) => format!("false AS {name}"),
            false => format!("NULL::{} AS {name}", column.sql_type),
        });
        archived.push(mark(subject, &column.name, archive_table).unwrap_or(own));
    }
    work.run(&format!(
        "CREATE OR REPLACE VIEW {} WITH (security_invoker = true) AS SELECT {} FROM {} AS t UNION ALL SELECT {} FROM {} AS t",
        sql(subject, view),
        active.join(", "),
        table.id.sql(),
        archived.join(", "),
        archive_table.id.sql(),
    ))
    .await
}

/// The name of the view as SQL: it is in the schema of the table.
pub(crate) fn sql(subject: &Subject, view: &str) -> String {
    format!("{}.{}", quote(&subject.table.id.schema), quote(view))
}

fn is_flag(subject: &Subject, column: &str) -> bool {
    matches!(&subject.declared.flag, Some(Flag::Boolean(name)) if name == column)
}

/// The value of a marking column in archived rows.
fn mark(
    subject: &Subject,
    column: &str,
    archive_table: &sea_orm_archive_postgres::catalog::ArchiveTable,
) -> Option<String> {
    let declared = &subject.declared;
    let is = |name: &Option<String>| name.as_deref() == Some(column);
    let sql_type = &subject.table.column(column)?.sql_type;
    let value = if is(&declared.deleted_at) {
        subject.local(&format!("t.{}", quote(&archive_table.deleted_at)))
    } else if is(&declared.deleted_by) {
        format!("t.{}", quote(&archive_table.deleted_by))
    } else if is(&declared.reason) {
        format!(
            "(SELECT a.reason FROM archive.archival AS a WHERE a.id OPERATOR(pg_catalog.=) t.{})",
            quote(&archive_table.archival_id)
        )
    } else {
        match &declared.flag {
            Some(Flag::Boolean(name)) if name == column => "true".to_owned(),
            Some(Flag::Status {
                column: name,
                deleted,
                ..
            }) if name == column => literal(deleted),
            _ => return None,
        }
    };
    Some(format!("{value}::{sql_type} AS {}", quote(column)))
}
