//! Stamping a table.

use sea_orm_archive_postgres::catalog::Table;
use sea_orm_migration::DbErr;

use crate::{
    archive_table::register as archive_tables,
    feature,
    name::{self, quote_all},
    stamps::{
        columns, function,
        options::StampedTable,
        register::{self, Registered},
    },
    table_names,
    work::Work,
};

/// Stamps the table. Where it is already stamped, adds what is missing.
pub(crate) async fn stamp(work: &Work, wanted: &StampedTable) -> Result<(), DbErr> {
    wanted.stamps.check()?;
    require(work).await?;
    feature::forget_dropped(work).await?;
    let table = work.existing_table(&name::table(&wanted.table)?).await?;
    table_names::follow(work, &table.id).await?;
    register::take_over(work, &table.id).await?;
    refuse_unfit(work, &table).await?;
    columns::verify(work, &table, wanted).await?;
    let registered = registered(work, &table, wanted).await?;

    let added = columns::add_missing(work, &table, wanted).await?;
    let mut owned = registered.defaults.clone();
    owned.extend(
        wanted
            .stamps
            .times()
            .filter(|name| added.contains(name))
            .cloned(),
    );
    let table = work.existing_table(&table.id.sql()).await?;
    let owned = columns::set_defaults(work, &table, &wanted.stamps, owned).await?;
    register::own_defaults(work, registered.id, &owned).await?;

    let table = work.existing_table(&table.id.sql()).await?;
    function::create(work, &table, &registered).await?;
    function::attach(work, &table, &registered).await?;
    feature::changed(work, &table.id).await
}

/// Refuses where `install_archive` has not run, or only that of an older version of this crate.
async fn require(work: &Work) -> Result<(), DbErr> {
    archive_tables::require(work).await?;
    if register::is_installed(work).await? {
        return Ok(());
    }
    Err(DbErr::Migration(
        "the archive of this database was installed by an older version without stamps: call \
         `manager.install_archive()` again"
            .to_owned(),
    ))
}

/// Refuses tables where a trigger would not see all rows, or should not stamp them.
async fn refuse_unfit(work: &Work, table: &Table) -> Result<(), DbErr> {
    let id = &table.id;
    let refuse = |reason: &str| Err(DbErr::Migration(format!("{id} {reason}")));
    if id.schema == "archive" || id.schema.starts_with("pg_") {
        return refuse("cannot be stamped: it is not a table of the application");
    }
    if table.is_partition {
        return refuse(
            "is a partition: stamp the partitioned table, and its partitions are stamped too",
        );
    }
    if table.has_inheritors {
        return refuse(
            "has tables that inherit from it, which would inherit its columns and not its stamps: use partitions, or \
             stamp the inheriting tables",
        );
    }
    if let Some(active) = archive_tables::active_of(work, id).await? {
        return refuse(&format!(
            "is the archive table of {active}, which stores rows unchanged: stamp {active}, and the archive table gets the columns too"
        ));
    }
    Ok(())
}

/// The registered stamps of the table. Refuses where they are not those that the migration declares.
async fn registered(
    work: &Work,
    table: &Table,
    wanted: &StampedTable,
) -> Result<Registered, DbErr> {
    match register::find(work, &table.id).await? {
        None => register::add(work, &table.id, &wanted.stamps).await,
        Some(registered) if registered.stamps == wanted.stamps => Ok(registered),
        Some(registered) => Err(DbErr::Migration(format!(
            "{} is stamped in {} already, and not in {}: call `manager.unstamp_table(..)` first",
            table.id,
            quote_all(registered.stamps.all().map(String::as_str)),
            quote_all(wanted.stamps.all().map(String::as_str)),
        ))),
    }
}
