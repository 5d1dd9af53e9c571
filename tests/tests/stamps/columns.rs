//! Generated columns, and columns added or dropped later.

use sea_orm_archive_migration::{
    ArchiveSchema, HistorySchema, HistorySplit, HistoryTable, StampSchema,
};
use sea_orm_migration::prelude::*;

use crate::stamps::database::{Stamped, assert_refused};

/// Checks that `nothing`, an update without a change, does not stamp, and that `something` does.
async fn only_changes_stamp(m: &Stamped, nothing: &str, something: &str) {
    let before = m.dump("posts").await;
    m.write_as(8, nothing).await;
    assert_eq!(m.dump("posts").await, before, "{nothing}");
    m.write_as(8, something).await;
    assert_eq!(m.by(1).await, "- 8", "{something}");
    m.write("update posts set title = concat(title, '+') where id = 1")
        .await;
    assert_eq!(m.by(1).await, "- -");
}

#[tokio::test]
async fn update_without_a_change_beside_generated_columns_does_not_stamp() {
    let m = Stamped::tables(
        "create table posts (id bigint primary key, title text, long text generated always as (title || '!') stored,
                             x int, double int generated always as (x * 2) stored not null);
         insert into posts (id, title, x) values (1, 'one', 1)",
    )
    .await;
    m.manager().stamp_table("posts").await.unwrap();
    only_changes_stamp(
        &m,
        "update posts set title = title",
        "update posts set x = 2",
    )
    .await;
    m.run("alter table posts drop column double").await;
    only_changes_stamp(
        &m,
        "update posts set title = title",
        "update posts set x = 3",
    )
    .await;
}

#[tokio::test]
async fn columns_added_and_dropped_later_are_compared() {
    let m = Stamped::posts().await;
    m.run("alter table posts add column body text").await;
    only_changes_stamp(
        &m,
        "update posts set body = null",
        "update posts set body = 'b'",
    )
    .await;
    m.run("alter table posts add column loud text generated always as (upper(title)) stored")
        .await;
    only_changes_stamp(
        &m,
        "update posts set body = body",
        "update posts set title = 'B'",
    )
    .await;
    m.run("alter table posts drop column loud, drop column body")
        .await;
    only_changes_stamp(
        &m,
        "update posts set title = title",
        "update posts set title = 'C'",
    )
    .await;
}

#[tokio::test]
async fn generated_column_of_a_not_null_domain_can_be_stamped() {
    let m = Stamped::tables(
        "create domain word as text not null;
         create table posts (id bigint primary key, title text, loud word generated always as (upper(title)) stored);
         insert into posts (id, title) values (1, 'one')",
    )
    .await;
    m.manager().stamp_table("posts").await.unwrap();
    m.write_as(8, "update posts set title = 'x'").await;
    assert_eq!(m.by(1).await, "- 8");
}

#[tokio::test]
async fn helpers_refuse_to_rename_or_move_a_stamp_column() {
    let m = Stamped::posts().await;
    let manager = m.manager();
    manager.archive_existing_table("posts").await.unwrap();
    let rename = Table::alter()
        .table("posts")
        .rename_column("updated_by", "editor")
        .to_owned();
    assert_refused(
        manager.alter_archived_table(&rename).await,
        &["\"updated_by\"", "unstamp_table"],
    );
    let history = HistoryTable::new("post_history").identity("post_id", "plain");
    m.run("create table plain (id bigint primary key)").await;
    manager.stamp_table("plain").await.unwrap();
    assert_refused(
        manager
            .split_into_history(HistorySplit::new(history).columns(["updated_by"]))
            .await,
        &["\"updated_by\"", "unstamp_table"],
    );
    let add = Table::alter()
        .table("posts")
        .add_column(ColumnDef::new("loud").custom("text generated always as (upper(title)) stored"))
        .to_owned();
    manager.alter_archived_table(&add).await.unwrap();
    only_changes_stamp(
        &m,
        "update posts set title = title",
        "update posts set title = 'x'",
    )
    .await;
}
