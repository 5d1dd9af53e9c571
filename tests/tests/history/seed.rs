//! The requirements from which this part of the project started: queries, constraints and edge cases, in their words.

use sea_orm::prelude::*;
use sea_orm::{DatabaseConnection, QueryOrder, QuerySelect, Set};
use sea_orm_archive::error::ConflictError;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{ArchiveSchema, HistorySchema, HistoryTable, TemporalForeignKey};
use sea_orm_archive_tests::Database;
use sea_orm_migration::SchemaManager;

use crate::history::departments::{SCHEMA, department_history, user_audit};
use department_history::{Column as Name, Entity as Names};
use user_audit::{Column as Audit, Entity as Audits};

const ENGINEERING: i32 = 1;
const SALES: i32 = 2;
const BOB: i32 = 1;
const ALICE: i32 = 2;

fn time(text: &str) -> DateTimeUtc {
    format!("{text}T00:00:00Z").parse().unwrap()
}

/// The tables of the requirements, and the temporal foreign key that plain SQL cannot express.
async fn company() -> Database {
    let database = Database::from_template("company", async |db| {
        db.execute_unprepared(SCHEMA).await?;
        let manager = SchemaManager::new(&db);
        manager.install_archive().await?;
        manager
            .create_history_table(
                HistoryTable::new("department_history").identity("department_id", "departments"),
            )
            .await?;
        manager
            .create_temporal_foreign_key(
                TemporalForeignKey::new("user_audit", ["department_id"])
                    .at("changed_at")
                    .references("department_history"),
            )
            .await
    })
    .await;
    let db = database.connect().await;
    for (id, name) in [(ENGINEERING, "Engineering"), (SALES, "Sales")] {
        Names::start(id)
            .value(Name::Name, name)
            .valid_from(time("2020-01-01"))
            .exec(&db)
            .await
            .unwrap();
    }
    for (user, department, at) in [
        (BOB, SALES, "2022-05-01"),
        (BOB, ENGINEERING, "2023-02-01"),
        (ALICE, ENGINEERING, "2024-06-01"),
    ] {
        audit(&db, user, department, at).await.unwrap();
    }
    database
}

async fn audit(
    db: &DatabaseConnection,
    user: i32,
    department: i32,
    at: &str,
) -> Result<user_audit::Model, DbErr> {
    user_audit::ActiveModel {
        user_id: Set(user),
        department_id: Set(department),
        changed_by: Set(ALICE),
        changed_at: Set(time(at)),
        ..Default::default()
    }
    .insert(db)
    .await
}

async fn rename(db: &DatabaseConnection, id: i32, name: &str, from: &str) {
    Names::change(id)
        .value(Name::Name, name)
        .valid_from(time(from))
        .exec(db)
        .await
        .unwrap();
}

/// Every audit row, with the name of its department at its time.
async fn log(db: &DatabaseConnection) -> Vec<String> {
    Audits::find()
        .find_also_version_at::<Names>([Audit::DepartmentId], Audit::ChangedAt)
        .order_by_asc(Audit::ChangedAt)
        .all(db)
        .await
        .unwrap()
        .into_iter()
        .map(|(row, version)| format!("{} {}", row.user_id, version.unwrap().name))
        .collect()
}

#[tokio::test]
async fn show_me_bobs_history_of_department_changes() {
    let company = company().await;
    let db = company.connect().await;
    rename(&db, ENGINEERING, "Engineering & AI", "2024-03-01").await;
    let history = Audits::find()
        .filter(Audit::UserId.eq(BOB))
        .find_also_version_at::<Names>([Audit::DepartmentId], Audit::ChangedAt)
        .order_by_asc(Audit::ChangedAt)
        .all(&db)
        .await
        .unwrap();
    let names: Vec<_> = history
        .iter()
        .map(|(_, name)| name.as_ref().unwrap().name.as_str())
        .collect();
    assert_eq!(names, ["Sales", "Engineering"]);
}

#[tokio::test]
async fn show_me_everyone_who_was_in_engineering_on_jan_1_2024() {
    let company = company().await;
    let db = company.connect().await;
    // The department was renamed after that day.
    rename(&db, ENGINEERING, "Engineering & AI", "2024-03-01").await;
    let day = time("2024-01-01");
    let engineering = Names::find_valid_at(day)
        .filter(Name::Name.eq("Engineering"))
        .one(&db)
        .await
        .unwrap()
        .unwrap();
    let people: Vec<i32> = Audits::find()
        .filter(Audit::DepartmentId.eq(engineering.department_id))
        .filter(Audit::ChangedAt.lte(day))
        .select_only()
        .column(Audit::UserId)
        .into_tuple()
        .all(&db)
        .await
        .unwrap();
    assert_eq!(people, [BOB]);
    assert!(
        Names::find_current()
            .filter(Name::Name.eq("Engineering"))
            .one(&db)
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn show_me_the_audit_log_as_of_last_friday() {
    let company = company().await;
    let db = company.connect().await;
    let friday = time("2023-06-02");
    let then = Audits::find()
        .filter(Audit::ChangedAt.lte(friday))
        .count(&db)
        .await
        .unwrap();
    assert_eq!(then, 2);
}

#[tokio::test]
async fn show_me_who_renamed_the_engineering_department_and_when() {
    let company = company().await;
    let db = company.connect().await;
    rename(&db, ENGINEERING, "Engineering & AI", "2024-03-01").await;
    rename(&db, SALES, "Growth", "2024-04-01").await;
    let renames = Names::find_changes(Name::Name)
        .from_value("Engineering")
        .all(&db)
        .await
        .unwrap();
    assert_eq!(renames.len(), 1);
    assert_eq!(renames[0].after.name, "Engineering & AI");
    assert_eq!(renames[0].after.valid_from, time("2024-03-01"));
    assert_eq!(
        Names::find_changes(Name::Name)
            .all(&db)
            .await
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test]
async fn renaming_a_department_does_not_alter_what_old_audit_rows_display() {
    let company = company().await;
    let db = company.connect().await;
    let rows = Audits::find()
        .order_by_asc(Audit::AuditId)
        .all(&db)
        .await
        .unwrap();
    let before = log(&db).await;
    rename(&db, ENGINEERING, "Engineering & AI", "2025-03-01").await;
    rename(&db, SALES, "Growth", "2025-04-01").await;
    assert_eq!(log(&db).await, before);
    assert_eq!(
        Audits::find()
            .order_by_asc(Audit::AuditId)
            .all(&db)
            .await
            .unwrap(),
        rows
    );
}

#[tokio::test]
async fn every_department_of_an_audit_row_existed_at_the_time_of_the_change() {
    let company = company().await;
    let db = company.connect().await;
    let too_early = audit(&db, BOB, ENGINEERING, "2019-12-31")
        .await
        .unwrap_err();
    assert!(too_early.to_string().contains("2019-12-31"), "{too_early}");
    // A version that a row depends on cannot be ended or deleted.
    let error = Names::end(ENGINEERING)
        .at(time("2024-01-01"))
        .exec(&db)
        .await
        .unwrap_err();
    let Error::Conflict(ConflictError::DependentRows {
        constraint, detail, ..
    }) = &error
    else {
        panic!("{error}");
    };
    assert_eq!(constraint, "user_audit_department_id_changed_at_fkey");
    assert!(detail.contains("2024-06-01"), "{error}");
    let direct = db
        .execute_unprepared("delete from department_history where department_id = 1")
        .await
        .unwrap_err();
    assert!(direct.to_string().contains("user_audit"), "{direct}");
    assert_eq!(
        log(&db).await,
        ["1 Sales", "1 Engineering", "2 Engineering"]
    );
}

#[tokio::test]
async fn edge_cases_ended_future_dated_and_merged_departments() {
    let company = company().await;
    let db = company.connect().await;
    // Deleted: `valid_to` is set; the id stays valid.
    Names::end(SALES)
        .at(time("2024-01-01"))
        .exec(&db)
        .await
        .unwrap();
    assert!(
        Names::find_current_version(SALES)
            .one(&db)
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(log(&db).await[0], "1 Sales");
    // Future-dated: queries do not return it before its start.
    rename(&db, ENGINEERING, "Everything", "2999-01-01").await;
    assert_eq!(
        Names::find_current_version(ENGINEERING)
            .one(&db)
            .await
            .unwrap()
            .unwrap()
            .name,
        "Engineering"
    );
    let then = Names::find_version_at(ENGINEERING, time("2999-06-01"))
        .one(&db)
        .await
        .unwrap();
    assert_eq!(then.unwrap().name, "Everything");
    Names::cancel(ENGINEERING, time("2999-01-01"))
        .exec(&db)
        .await
        .unwrap();
    // Merged: the audit rows are not changed.
    Names::start(3)
        .value(Name::Name, "Research")
        .valid_from(time("2021-01-01"))
        .exec(&db)
        .await
        .unwrap();
    let rows = Audits::find().all(&db).await.unwrap();
    Names::merge(3)
        .into_identity(ENGINEERING)
        .at(time("2025-01-01"))
        .value(Name::Name, "R & D")
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(Audits::find().all(&db).await.unwrap(), rows);
    assert_eq!(
        Names::find_version_at(3, time("2024-12-31"))
            .one(&db)
            .await
            .unwrap()
            .unwrap()
            .name,
        "Research"
    );
    assert!(
        Names::find_version_at(3, time("2025-01-01"))
            .one(&db)
            .await
            .unwrap()
            .is_none()
    );
}

/// The constraints refuse overlapping versions and invalid periods that plain SQL writes.
#[tokio::test]
async fn no_two_names_are_valid_at_once() {
    let company = company().await;
    let db = company.connect().await;
    for (sql, constraint) in [
        (
            "values (1, 'Two', '2024-01-01', null)",
            "department_history",
        ),
        ("values (1, 'Two', '2019-01-01', '2020-01-02')", "excl"),
        ("values (1, 'Two', '2019-01-01', '2019-01-01')", "check"),
        ("values (1, 'Two', '-infinity', '2019-01-01')", "finite"),
    ] {
        let insert = format!(
            "insert into department_history (department_id, name, valid_from, valid_to) {sql}"
        );
        let error = db.execute_unprepared(&insert).await.unwrap_err();
        assert!(error.to_string().contains(constraint), "{error}");
    }
}
