//! The obvious, wrong implementation: close the open version and insert the next one, in a transaction.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, TransactionTrait};

pub async fn rename(db: &DatabaseConnection, department: i32, name: &str) -> Result<(), DbErr> {
    let txn = db.begin().await?;
    end_in(&txn, department).await?;
    open_in(&txn, department, name).await?;
    txn.commit().await
}

pub async fn end(db: &DatabaseConnection, department: i32) -> Result<(), DbErr> {
    end_in(db, department).await
}

pub async fn start(db: &DatabaseConnection, department: i32, name: &str) -> Result<(), DbErr> {
    open_in(db, department, name).await
}

async fn end_in(db: &impl ConnectionTrait, department: i32) -> Result<(), DbErr> {
    let close = format!(
        "update department_history set valid_to = now()
         where department_id = {department} and valid_to is null"
    );
    db.execute_unprepared(&close).await.map(drop)
}

async fn open_in(db: &impl ConnectionTrait, department: i32, name: &str) -> Result<(), DbErr> {
    let open = format!(
        "insert into department_history (department_id, name, valid_from)
         values ({department}, '{name}', now())"
    );
    db.execute_unprepared(&open).await.map(drop)
}
