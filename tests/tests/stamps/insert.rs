//! A new row takes its stamps from the defaults.

use crate::stamps::database::Stamped;

#[tokio::test]
async fn new_row_has_actor_and_time() {
    let m = Stamped::posts().await;
    m.write_as(7, "insert into posts (id) values (3)").await;
    m.write("insert into posts (id) values (4)").await;
    assert_eq!(m.by(3).await, "7 7");
    assert_eq!(m.by(4).await, "- -");
    assert_eq!(
        m.one("select (created_at = updated_at and created_at > now() - interval '1 hour')::text from posts where id = 3")
            .await,
        "true"
    );
}

#[tokio::test]
async fn insert_may_set_the_stamps_itself() {
    let m = Stamped::posts().await;
    m.write_as(
        7,
        "insert into posts (id, created_at, created_by, updated_at, updated_by)
             values (3, '2000-01-01Z', 99, '2001-01-01Z', null)",
    )
    .await;
    assert_eq!(m.by(3).await, "99 -");
    assert_eq!(
        m.one(
            "select extract(year from created_at at time zone 'UTC')::text from posts where id = 3"
        )
        .await,
        "2000"
    );
}

#[tokio::test]
async fn role_without_rights_in_the_archive_can_write() {
    let m = Stamped::posts().await;
    let other = m.database.connect_as("other").await;
    let role = m.database.role("other").await;
    m.run(&format!(
        "grant select, insert, update on posts to \"{role}\""
    ))
    .await;
    for sql in [
        "insert into posts (id) values (3)",
        "update posts set title = 'x' where id in (1, 3)",
    ] {
        crate::stamps::database::run(&other, sql).await;
    }
    assert_eq!(m.by(3).await, "- -");
    crate::stamps::database::run(
        &other,
        "begin; set local \"app.current_user\" = '7';
         insert into posts (id) values (4); update posts set title = 'y' where id = 1; commit",
    )
    .await;
    assert_eq!(m.by(4).await, "7 7");
    assert_eq!(m.by(1).await, "- 7");
}
