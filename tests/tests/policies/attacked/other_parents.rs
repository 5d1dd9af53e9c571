//! Migrations and other parents, between and beside the calls.
use super::kit::both;
use super::kit::{FORUM, no_raw, sound};
use crate::policies::forum::entity;
use crate::policies::forum::{EVERYTHING, comment, forum, post, user};
use sea_orm::ConnectionTrait;
use sea_orm_archive::archival;
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::race;
use sea_orm_archive_tests::sql::{number, run, texts};
use sea_orm_archive_tests::tables::tables;

const ADD: &str = "alter table comments add column z text not null default 'none'; alter table deleted_comments add column z text not null default 'none'; update deleted_comments set z = 'computed'";

#[tokio::test]
async fn copies_have_a_column_that_is_added_meanwhile() {
    let (database, db) = forum().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let (_, done) = race! { database;
        migration holds |txn| txn.execute_unprepared(ADD);
        copy waits for migration |db| post::Entity::restore_by_id(1).as_new().exec(db);
        migration commits;
    };
    if let Err(error) = &done {
        no_raw(error);
    }
    done.unwrap();
    assert_eq!(
        texts(&db, "select distinct z from comments where post_id > 3").await,
        ["computed"]
    );
}

#[tokio::test]
async fn parts_and_sets_have_a_column_that_is_added_meanwhile() {
    let (database, db) = forum().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let (_, done) = race! { database;
        migration holds |txn| txn.execute_unprepared(ADD);
        part waits for migration |db| comment::Entity::restore_by_id(4).as_part().set(comment::Column::PostId, 2).exec(db);
        migration commits;
    };
    done.unwrap();
    assert_eq!(
        texts(&db, "select z from comments where id = 4").await,
        ["computed"]
    );
}

#[tokio::test]
async fn a_table_that_comes_below_meanwhile() {
    let (database, db) = forum().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    // The column of the set is dropped meanwhile.
    let (_, done) = race! { database;
        migration holds |txn| txn.execute_unprepared("alter table comments drop column mark; alter table deleted_comments drop column mark");
        set waits for migration |db| post::Entity::restore_by_id(1).set_every(comment::Column::Mark, "x").exec(db);
        migration commits;
    };
    let error = done.unwrap_err();
    no_raw(&error);
}

// Keys that contain the key of the parent, two levels.
entity!(a, "as", {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(has_many)]
    #[archive(cascade)]
    pub bs: HasMany<super::b::Entity>,
});
entity!(b, "bs", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub a_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub n: i64,
    pub name: String,
    #[sea_orm(belongs_to, from = "a_id", to = "id")]
    pub a: BelongsTo<super::a::Entity>,
    #[sea_orm(has_many)]
    #[archive(cascade)]
    pub cs: HasMany<super::c::Entity>,
});
entity!(c, "cs", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub a_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub n: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub m: i64,
    #[sea_orm(belongs_to, from = "(a_id, n)", to = "(a_id, n)")]
    pub b: BelongsTo<super::b::Entity>,
});
const ABC: &str = "create table \"as\" (id bigserial primary key); create table bs (a_id bigint references \"as\" on delete cascade, n bigint, name text unique, primary key (a_id, n));
    create table cs (a_id bigint, n bigint, m bigint, primary key (a_id, n, m), foreign key (a_id, n) references bs on delete cascade);
    insert into \"as\" values (1), (2); insert into bs values (1, 1, 'x'), (1, 2, 'y'), (2, 9, 'z'); insert into cs values (1, 1, 1), (1, 2, 1), (1, 2, 2); select setval('as_id_seq', 10)";
const OF_ABC: [&str; 7] = [
    "\"as\"",
    "bs",
    "cs",
    "deleted_as",
    "deleted_bs",
    "deleted_cs",
    "archive.archival",
];
async fn abc() -> (sea_orm_archive_tests::Database, sea_orm::DatabaseConnection) {
    tables(ABC, &["as", "bs", "cs"]).await
}

#[tokio::test]
async fn remap_takes_the_rows_below_along() {
    let (_d, db) = abc().await;
    b::Entity::archive_by_id((1, 2)).exec(&db).await.unwrap();
    let done = both!(
        &db,
        "remap",
        OF_ABC,
        b::Entity::restore_by_id((1, 2)).remap(a::Entity, 1, 2)
    );
    if let Err(error) = &done {
        no_raw(error);
        assert!(matches!(error, Error::Refused(_)), "{error}");
    }
    let rows = texts(
        &db,
        "select a_id || ',' || n || ',' || m from cs where n = 2 order by 1",
    )
    .await;
    assert!(rows.is_empty() || rows == ["2,2,1", "2,2,2"], "{rows:?}");
}

#[tokio::test]
async fn remap_with_rows_that_stay_leaves_no_row_behind() {
    let (_d, db) = abc().await;
    b::Entity::archive_by_id((1, 2)).exec(&db).await.unwrap();
    let done = both!(
        &db,
        "remap",
        OF_ABC,
        b::Entity::restore_by_id((1, 2))
            .remap(a::Entity, 1, 2)
            .skip_conflicting()
    );
    // What stayed can never come back: its parent has another key.
    if let Ok(done) = done {
        for stayed in done.stayed {
            archival::Entity::restore_by_id(stayed.archival.unwrap())
                .exec(&db)
                .await
                .unwrap_or_else(|e| panic!("stayed for ever: {e}"));
        }
    }
}

#[tokio::test]
async fn copies_of_two_levels() {
    let (_d, db) = abc().await;
    a::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let done = a::Entity::restore_by_id(1)
        .as_new()
        .rename(b::Column::Name, "-{n}")
        .exec(&db)
        .await
        .unwrap();
    assert_eq!((done.rows["public.bs"], done.rows["public.cs"]), (2, 3));
    assert_eq!(
        number(
            &db,
            "select count(*) from cs join bs using (a_id, n) where a_id > 10"
        )
        .await,
        3
    );
    b::Entity::archive_by_id((11, 1)).exec(&db).await.unwrap();
    let error = both!(
        &db,
        "copy",
        OF_ABC,
        b::Entity::restore_by_id((11, 1)).as_new()
    )
    .unwrap_err();
    assert!(matches!(error, Error::Refused(_)), "{error}");
}

// The key is that of the parent, and rows refer to each other.
entity!(person, "persons", {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(has_many)]
    #[archive(cascade)]
    pub profiles: HasMany<super::profile::Entity>,
});
entity!(profile, "profiles", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub person_id: i64,
    pub up_id: Option<i64>,
    pub name: String,
    #[sea_orm(belongs_to, from = "person_id", to = "id")]
    pub person: BelongsTo<super::person::Entity>,
    #[sea_orm(self_ref, relation_enum = "Up", from = "up_id", to = "person_id")]
    pub up: BelongsTo<Option<Entity>>,
    #[sea_orm(self_ref, relation_enum = "Down", relation_reverse = "Up")]
    #[archive(cascade)]
    pub down: HasMany<Entity>,
});
const PERSONS: &str = "create table persons (id bigserial primary key); create table profiles (person_id bigint primary key references persons on delete cascade, up_id bigint references profiles on delete cascade, name text not null unique);
    insert into persons values (1), (2), (3), (4); insert into profiles values (1, null, 'a'), (2, 1, 'b')";
const OF_PERSONS: [&str; 5] = [
    "persons",
    "profiles",
    "deleted_persons",
    "deleted_profiles",
    "archive.archival",
];

#[tokio::test]
async fn a_root_whose_key_is_remapped_stays_the_root() {
    let (_d, db) = tables(PERSONS, &["persons", "profiles"]).await;
    profile::Entity::archive_by_id(1).exec(&db).await.unwrap();
    // The root has a conflict, so nothing may come back.
    run(&db, "insert into profiles values (4, null, 'a')").await;
    let done = both!(
        &db,
        "root",
        OF_PERSONS,
        profile::Entity::restore_by_id(1)
            .remap(person::Entity, 1, 3)
            .skip_conflicting()
    );
    sound(
        &db,
        &[("persons", &["id"]), ("profiles", &["person_id"])],
        "root",
    )
    .await;
    let error = done.unwrap_err();
    assert!(
        matches!(error, Error::Refused(_) | Error::Conflict(_)),
        "{error}"
    );
}

#[tokio::test]
async fn a_root_whose_key_is_remapped_does_not_wait() {
    let (_d, db) = tables(PERSONS, &["persons", "profiles"]).await;
    profile::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let _third = person::Entity::archive_by_id(3).exec(&db).await.unwrap();
    let done = both!(
        &db,
        "root",
        OF_PERSONS,
        profile::Entity::restore_by_id(1).remap(person::Entity, 1, 3)
    );
    let _rows = texts(&db, "select 'active ' || person_id || ' ' || name from profiles union all select 'archived ' || person_id || ' ' || name || ' of ' || archival_id from deleted_profiles").await;
    sound(
        &db,
        &[("persons", &["id"]), ("profiles", &["person_id"])],
        "root",
    )
    .await;
    let error = done.unwrap_err();
    assert!(
        matches!(error, Error::Refused(_) | Error::Conflict(_)),
        "{error}"
    );
}

#[tokio::test]
async fn rows_with_missing_parents_stay_and_come_back_below_others() {
    let (_d, db) = forum().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(
        &db,
        "delete from posts where author_id = 2; delete from users where id = 2",
    )
    .await;
    let done = both!(
        &db,
        "skip",
        EVERYTHING,
        post::Entity::restore_by_id(1).skip_conflicting()
    )
    .unwrap();
    sound(&db, &FORUM, "skip").await;
    // In any order: one may need another that stayed too.
    let mut left = done.stayed;
    for _ in 0..10 {
        let Some(stayed) = left.pop() else { break };
        let restore = archival::Entity::restore_by_id(stayed.archival.unwrap());
        let remapped = restore.remap(user::Entity, 2, 3);
        if both!(&db, "remap", EVERYTHING, remapped).is_err() {
            left.insert(0, stayed);
        }
    }
    assert_eq!(left, []);
    assert_eq!(
        number(&db, "select count(*) from comments where post_id = 1").await,
        4
    );
    assert_eq!(
        number(&db, "select count(*) from deleted_comments").await,
        0
    );
}

#[tokio::test]
async fn two_parts_at_the_same_time() {
    let (database, db) = forum().await;
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let (_, done) = race! { database;
        first holds |txn| comment::Entity::restore_by_id(2).as_part().set_every(comment::Column::PostId, 2).set(comment::Column::ReplyTo, None::<i64>).exec(txn);
        second waits for first |db| comment::Entity::restore_by_id(3).as_part().set(comment::Column::PostId, 3).set(comment::Column::ReplyTo, None::<i64>).exec(db);
        first commits;
    };
    // Comment 3 came back with comment 2.
    no_raw(&done.unwrap_err());
    archival.restore(&db).await.unwrap();
    assert_eq!(number(&db, "select count(*) from comments").await, 5);
}

#[tokio::test]
async fn a_part_that_is_rolled_back() {
    let (database, db) = forum().await;
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let (_, done) = race! { database;
        first holds |txn| comment::Entity::restore_by_id(2).as_part().set_every(comment::Column::PostId, 2).set(comment::Column::ReplyTo, None::<i64>).exec(txn);
        second waits for first |db| archival.restore(db);
        first rolls back;
    };
    assert_eq!(done.unwrap().rows["public.comments"], 4);
    sound(&db, &FORUM, "rolled back").await;
}

#[tokio::test]
async fn a_plain_change_of_an_archived_row_beside_a_set() {
    let (database, db) = forum().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let (_, done) = race! { database;
        sql holds |txn| txn.execute_unprepared("update deleted_posts set slug = 'sql', author_id = 3");
        set waits for sql |db| post::Entity::restore_by_id(1).set(post::Column::AuthorId, 2).exec(db);
        sql commits;
    };
    assert_eq!(done.unwrap().changes[0].from["author_id"], 3);
    assert_eq!(
        texts(&db, "select slug || author_id from posts where id = 1").await,
        ["sql2"]
    );
}

#[tokio::test]
async fn a_new_row_below_a_part_beside_it() {
    let (database, db) = forum().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(
        &db,
        "insert into comments (id, post_id, reply_to, mark) values (60, 3, null, 'x')",
    )
    .await;
    // Comment 60 replies to comment 4 and is archived with post 3 while it waits for comment 4.
    post::Entity::archive_by_id(3).exec(&db).await.unwrap();
    run(
        &db,
        "update deleted_comments set reply_to = 4 where id = 60",
    )
    .await;
    let (_, _done) = race! { database;
        skip holds |txn| comment::Entity::restore_by_id(4).as_part().set(comment::Column::PostId, 2).exec(txn);
        third waits for skip |db| post::Entity::restore_by_id(3).exec(db);
        skip rolls back;
    };
    sound(&db, &FORUM, "beside").await;
    let done = both!(
        &db,
        "part",
        EVERYTHING,
        comment::Entity::restore_by_id(4)
            .as_part()
            .set_every(comment::Column::PostId, 2)
    )
    .unwrap();
    assert_eq!(done.rows["public.comments"], 2);
    sound(&db, &FORUM, "beside").await;
}
