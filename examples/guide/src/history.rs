//! History.

use sea_orm::{DatabaseConnection, entity::prelude::*};
use sea_orm_archive::error::ConflictError;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::prelude::*;
use sea_orm_migration::{prelude::*, schema::*};

use crate::Output;

pub mod department_history;
pub mod user_audit;

use department_history::{Column, Entity as Departments};

async fn create(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager.install_archive().await?;
    let departments = Table::create()
        .table("departments")
        .col(big_pk_auto("id"))
        .to_owned();
    manager.create_table(departments).await?;
    manager
        .create_history_table(
            HistoryTable::new("department_history")
                .identity("department_id", "departments")
                .column(text("name")),
        )
        .await
}

async fn change(db: &DatabaseConnection, day: impl Fn(&str) -> DateTimeUtc) -> Result<(), Error> {
    Departments::start(1)
        .value(Column::Name, "Engineering")
        .valid_from(day("2020-01-01"))
        .exec(db)
        .await?;
    Departments::change(1)
        .value(Column::Name, "R&D")
        .valid_from(day("2022-01-01"))
        .exec(db)
        .await?;
    Departments::change(1)
        .value(Column::Name, "Research")
        .during(day("2022-07-01")..day("2023-01-01")) // half-open: until just before 2023
        .exec(db)
        .await?;
    Departments::correct(1, day("2021-05-05"))
        .value(Column::Name, "Engineering Dept.")
        .exec(db)
        .await?;
    Departments::change(1)
        .value(Column::Name, "Science")
        .valid_from(day("2999-01-01"))
        .exec(db)
        .await?; // planned
    Ok(())
}

async fn timeline(db: &DatabaseConnection, output: &mut Output) -> Result<(), DbErr> {
    for version in Departments::find_timeline(1).all(db).await? {
        let until = version.valid_to.map(|time| time.date_naive().to_string());
        output.line(format!(
            "{} .. {:10}  {}",
            version.valid_from.date_naive(),
            until.unwrap_or_default(),
            version.name
        ));
    }
    Ok(())
}

async fn reads(
    db: &DatabaseConnection,
    day: impl Fn(&str) -> DateTimeUtc,
    output: &mut Output,
) -> Result<(), DbErr> {
    let now = Departments::find_current_version(1).one(db).await?;
    let then = Departments::find_version_at(1, day("2022-08-01"))
        .one(db)
        .await?;
    let all_then = Departments::find_valid_at(day("2022-08-01"))
        .filter(Column::Name.contains("e"))
        .count(db)
        .await?;
    output.line(format!(
        "now {:?}, then {:?}, {all_then} then",
        now.map(|v| v.name),
        then.map(|v| v.name)
    ));
    for changed in Departments::find_changes(Column::Name)
        .of(1)
        .from_value("R&D")
        .all(db)
        .await?
    {
        output.line(format!(
            "{} -> {} on {}",
            changed.before.name,
            changed.after.name,
            changed.after.valid_from.date_naive()
        ));
    }
    Ok(())
}

async fn join(db: &DatabaseConnection, output: &mut Output) -> Result<(), DbErr> {
    let rows = user_audit::Entity::find()
        .find_also_version_at::<Departments>(
            [user_audit::Column::DepartmentId],
            user_audit::Column::ChangedAt,
        )
        .all(db)
        .await?;
    for (row, department) in rows {
        output.line(format!(
            "{} in {:?}",
            row.changed_at.date_naive(),
            department.map(|version| version.name)
        ));
    }
    Ok(())
}

async fn planned(
    db: &DatabaseConnection,
    day: impl Fn(&str) -> DateTimeUtc,
    output: &mut Output,
) -> Result<(), Error> {
    for version in Departments::find_scheduled(1).all(db).await? {
        output.line(format!(
            "planned: {} from {}",
            version.name,
            version.valid_from.date_naive()
        ));
    }
    Departments::reschedule(1, day("2999-01-01"), day("2998-01-01"))
        .exec(db)
        .await?;
    Departments::cancel(1, day("2998-01-01")).exec(db).await?;
    Ok(())
}

async fn refused(
    db: &DatabaseConnection,
    day: impl Fn(&str) -> DateTimeUtc,
    output: &mut Output,
) -> Result<(), Error> {
    let again = Departments::start(1)
        .value(Column::Name, "Twice")
        .valid_from(day("2021-01-01"))
        .exec(db)
        .await;
    match again {
        Err(Error::Conflict(error @ ConflictError::Overlap { .. })) => output.line(error),
        other => drop(other?),
    }
    Ok(())
}

async fn end(db: &DatabaseConnection, day: impl Fn(&str) -> DateTimeUtc) -> Result<(), Error> {
    Departments::end(1).at(day("2030-01-01")).exec(db).await?;
    Departments::merge(2)
        .into_identity(3)
        .at(day("2026-06-01"))
        .exec(db)
        .await?;
    Ok(())
}

async fn temporal_key(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_temporal_foreign_key(
            TemporalForeignKey::new("user_audit", ["department_id"])
                .at("changed_at")
                .references("department_history"),
        )
        .await
}

pub async fn run(db: &DatabaseConnection, output: &mut Output) -> anyhow::Result<()> {
    let manager = SchemaManager::new(db);
    create(&manager).await?;
    db.execute_unprepared(
        "insert into departments default values; insert into departments default values; insert into departments default values;
         create table user_audit (id bigint generated always as identity primary key, department_id bigint not null, changed_at timestamptz not null)",
    )
    .await?;
    let day = |day: &str| {
        format!("{day}T00:00:00Z")
            .parse::<DateTimeUtc>()
            .unwrap_or_default()
    };
    change(db, day).await?;
    timeline(db, output).await?;
    reads(db, day, output).await?;
    db.execute_unprepared("insert into user_audit (department_id, changed_at) values (1, '2021-03-01Z'), (1, '2022-09-01Z')").await?;
    temporal_key(&manager).await?;
    join(db, output).await?;
    planned(db, day, output).await?;
    refused(db, day, output).await?;
    for (id, name) in [(2, "Sales"), (3, "Marketing")] {
        Departments::start(id)
            .value(Column::Name, name)
            .valid_from(day("2020-01-01"))
            .exec(db)
            .await?;
    }
    end(db, day).await?;
    Ok(())
}
