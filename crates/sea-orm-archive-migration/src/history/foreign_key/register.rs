//! `archive.temporal_foreign_key`: the temporal foreign keys, each with its child and its history.

use sea_orm_archive_postgres::catalog::TableId;
use sea_orm_archive_postgres::schema;
use sea_orm_migration::{DbErr, sea_orm::QueryResult};

use crate::{
    history::register::is_installed,
    name::{derived, literal, names, quote},
    table_names,
    work::Work,
};

/// A registered temporal foreign key.
#[derive(Clone, Debug)]
pub(crate) struct Registered {
    pub(crate) id: i64,
    pub(crate) name: String,
    /// The oid of the history.
    pub(crate) history: i64,
    pub(crate) columns: Vec<String>,
    pub(crate) time: Vec<String>,
    /// `schema.table`, without quotes.
    pub(crate) child: String,
    /// The tables as SQL text.
    pub(crate) child_sql: String,
    pub(crate) history_sql: String,
}

/// The events that fire the triggers of a temporal foreign key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// INSERT on the child.
    Insert,
    /// UPDATE on the child.
    Update,
    /// UPDATE on the history.
    Shorten,
    /// DELETE on the history.
    Delete,
    /// TRUNCATE on the history.
    Truncate,
}

impl Event {
    pub(crate) const ALL: [Self; 5] = [
        Self::Insert,
        Self::Update,
        Self::Shorten,
        Self::Delete,
        Self::Truncate,
    ];

    /// The name of its trigger and its function. It contains the id, because two tables may have foreign keys of the
    /// same name.
    pub(crate) fn name(self, name: &str, id: i64) -> String {
        let event = match self {
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Shorten => "shorten",
            Self::Delete => "delete",
            Self::Truncate => "truncate",
        };
        derived(name, &format!("_{id}_{event}"))
    }
}

const SELECT: &str = schema::history::FOREIGN_KEYS;

/// The foreign key of `child` called `name`.
pub(crate) async fn find(
    work: &Work,
    child: &TableId,
    name: &str,
) -> Result<Option<Registered>, DbErr> {
    let found = select(
        work,
        &format!("k.child = {} AND k.name = {}", child.oid, literal(name)),
    )
    .await?;
    Ok(found.into_iter().next())
}

/// The foreign key with this id.
pub(crate) async fn get(work: &Work, id: i64) -> Result<Option<Registered>, DbErr> {
    let found = select(work, &format!("k.id = {id}")).await?;
    Ok(found.into_iter().next())
}

/// The foreign key of `child` with these columns, under any name.
pub(crate) async fn same(
    work: &Work,
    child: &TableId,
    history: &TableId,
    columns: &[String],
    time: &[String],
) -> Result<Option<Registered>, DbErr> {
    let condition = format!(
        "k.child = {} AND k.history = {} AND k.columns = {} AND k.time_columns = {}",
        child.oid,
        history.oid,
        names(columns),
        names(time)
    );
    Ok(select(work, &condition).await?.into_iter().next())
}

/// The foreign keys whose tables exist.
pub(crate) async fn live(work: &Work) -> Result<Vec<Registered>, DbErr> {
    select(work, "c.oid IS NOT NULL AND h.oid IS NOT NULL").await
}

async fn select(work: &Work, condition: &str) -> Result<Vec<Registered>, DbErr> {
    let sql = format!("{SELECT} WHERE {condition} ORDER BY k.id");
    let rows = work.rows(&sql, []).await?;
    rows.iter().map(read).collect()
}

fn read(row: &QueryResult) -> Result<Registered, DbErr> {
    Ok(Registered {
        id: row.try_get("", "id")?,
        name: row.try_get("", "name")?,
        history: row.try_get("", "history")?,
        columns: row.try_get("", "columns")?,
        time: row.try_get("", "time_columns")?,
        child: row.try_get("", "child")?,
        child_sql: row.try_get("", "child_sql")?,
        history_sql: row.try_get("", "history_sql")?,
    })
}

/// Registers a foreign key, and returns its id.
pub(crate) async fn add(
    work: &Work,
    child: &TableId,
    name: &str,
    history: &TableId,
    columns: &[String],
    time: &[String],
) -> Result<i64, DbErr> {
    let sql = format!(
        "INSERT INTO archive.temporal_foreign_key (child, name, history, columns, time_columns)
         VALUES ({}, {}, {}, {}, {}) RETURNING id",
        child.oid,
        literal(name),
        history.oid,
        names(columns),
        names(time)
    );
    let id = work.row(&sql, []).await?.try_get("", "id")?;
    work.run("SELECT archive.follow_renames()").await?;
    table_names::note(work).await?;
    Ok(id)
}

/// Removes a foreign key from the register, and drops its functions together with its triggers.
pub(crate) async fn remove(work: &Work, foreign_key: &Registered) -> Result<(), DbErr> {
    for event in Event::ALL {
        let function = event.name(&foreign_key.name, foreign_key.id);
        // Only the triggers depend on the function, so CASCADE drops nothing else.
        work.run(&format!(
            "DROP FUNCTION IF EXISTS archive.{}() CASCADE",
            quote(&function)
        ))
        .await?;
    }
    work.run_with(
        "DELETE FROM archive.temporal_foreign_key WHERE id = $1",
        [foreign_key.id.into()],
    )
    .await
}

/// Removes the foreign keys of which a table was dropped without the migration helpers, and no table has its name.
pub(crate) async fn forget_dropped(work: &Work) -> Result<(), DbErr> {
    if !is_installed(work).await? {
        return Ok(());
    }
    forget(
        work,
        "archive.is_dropped(k.child) OR archive.is_dropped(k.history)",
    )
    .await
}

/// Removes the foreign keys called `name` whose dropped child `child` replaced, or whose dropped history `history` replaced.
pub(crate) async fn take_over(
    work: &Work,
    child: &TableId,
    name: &str,
    history: Option<&TableId>,
) -> Result<(), DbErr> {
    let history = history.map_or("NULL".to_owned(), |history| history.oid.to_string());
    let condition = format!(
        "k.name = {name}
         AND (archive.is_dropped(k.child, {child}::oid)
              OR k.child = {child}::oid AND archive.is_dropped(k.history, {history}::oid)
              OR k.child = {child}::oid AND {history} IS NULL AND h.oid IS NULL)",
        name = literal(name),
        child = child.oid,
    );
    forget(work, &condition).await
}

async fn forget(work: &Work, condition: &str) -> Result<(), DbErr> {
    for foreign_key in select(work, condition).await? {
        remove(work, &foreign_key).await?;
    }
    Ok(())
}

/// Refuses while a foreign key refers to `history`.
pub(crate) async fn refuse_dependents(work: &Work, history: &TableId) -> Result<(), DbErr> {
    match select(work, &format!("k.history = {}", history.oid))
        .await?
        .first()
    {
        None => Ok(()),
        Some(foreign_key) => Err(DbErr::Migration(format!(
            "{history} is referred to by the temporal foreign key \"{}\" of {}: drop that first, with \
             `manager.drop_temporal_foreign_key(..)`",
            foreign_key.name, foreign_key.child
        ))),
    }
}
