//! The command of an application, which knows its entities.

use blog::post;
use sea_orm_archive_cli::Entities;
use sea_orm_archive_tests::sql::run as sql;

use crate::program::Blog;

#[tokio::test]
async fn check_compares_entities_and_rehearses_sample_rows() {
    let blog = Blog::new().await;
    let without = blog.run(&["check", "--rehearse"]);
    assert!(
        without.code == 2 && without.err.contains("run_cli_with"),
        "{without:?}"
    );
    let entities = || Entities::new().with::<post::Entity>();
    assert_eq!(entities().check(&blog.db, 10).await.unwrap(), []);
    // A trigger that changes what comes back.
    sql(
        &blog.db,
        "create function shout() returns trigger language plpgsql as $$ begin new.title = upper(new.title); return new; end $$;
         create trigger shout before insert on posts for each row execute function shout()",
    )
    .await;
    let found = entities().check(&blog.db, 10).await.unwrap();
    assert!(
        !found.is_empty() && found[0].to_string().contains("posts"),
        "{found:?}"
    );
    assert_eq!(entities().check(&blog.db, 0).await.unwrap(), []);
    // A child that no entity declares.
    sql(&blog.db, "drop trigger shout on posts; create table pins (id int primary key, post_id bigint references posts on delete cascade)").await;
    let found = entities().check(&blog.db, 1).await.unwrap();
    assert!(
        found.len() == 1 && found[0].problem.contains("pins"),
        "{found:?}"
    );
}

mod person {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DerivePersonalData;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DerivePersonalData)]
    #[sea_orm(table_name = "users")]
    #[personal_data(person)]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[personal_data(pseudonym)]
        pub name: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

#[tokio::test]
async fn check_compares_personal_data() {
    let blog = Blog::new().await;
    let entities = || Entities::new().with_personal_data::<person::Entity>();
    let found = entities().check(&blog.db, 0).await.unwrap();
    assert!(
        found.len() == 1
            && found[0]
                .problem
                .contains("no rule for personal data of persons"),
        "{found:?}"
    );
}

#[tokio::test]
async fn doctor_finds_a_sequence_that_is_behind() {
    let blog = Blog::new().await;
    let well = blog.run(&["doctor"]);
    assert_eq!(well.code, 0, "{well:?}");
    assert!(
        well.out.contains("audit partitions") && well.out.contains("PostgreSQL"),
        "{well:?}"
    );
    sql(&blog.db, "insert into archive.archival (id, root_table, root_key, archived_at, row_counts, tables) overriding system value values (9, 't', '{}', now(), '{}', '{}')").await;
    let found = blog.run(&["doctor"]);
    assert_eq!(found.code, 1);
    assert!(found.out.contains("reset_archive_sequences"), "{found:?}");
}
