//! Rows of other tables, joined to the version of an identity at their time.

use sea_orm::prelude::*;
use sea_orm::{ConnectionTrait, QueryOrder};
use sea_orm_archive::prelude::*;

use crate::history::departments::{department_history, departments, user_audit};
use department_history::{Column, Entity as Names};

#[tokio::test]
async fn rows_before_a_merge_still_join_the_merged_identity() {
    let database = departments().await;
    let db = database.connect().await;
    let month = |n: u32| -> DateTimeUtc { format!("2024-{n:02}-01T00:00:00Z").parse().unwrap() };
    for (id, name) in [(1, "Sales"), (2, "Marketing")] {
        let start = Names::start(id).value(Column::Name, name);
        start.valid_from(month(2)).exec(&db).await.unwrap();
    }
    let merge = Names::merge(1).into_identity(2).at(month(6));
    merge.exec(&db).await.unwrap();
    db.execute_unprepared(
        "insert into user_audit (user_id, department_id, changed_by, changed_at) values
             (1, 1, 2, '2024-01-15Z'), (1, 1, 2, '2024-02-01Z'), (1, 1, 2, '2024-05-15Z'),
             (1, 1, 2, '2024-06-01Z'), (1, 2, 2, '2024-06-01Z')",
    )
    .await
    .unwrap();
    let rows = user_audit::Entity::find()
        .order_by_asc(user_audit::Column::AuditId)
        .find_also_version_at::<Names>(
            [user_audit::Column::DepartmentId],
            user_audit::Column::ChangedAt,
        )
        .all(&db)
        .await
        .unwrap();
    let names: Vec<_> = rows
        .iter()
        .map(|(_, version)| version.as_ref().map(|version| version.name.as_str()))
        .collect();
    let sales = Some("Sales");
    assert_eq!(names, [None, sales, sales, None, Some("Marketing")]);
}
