//! What entities declare about personal data, compared with the database.

use sea_orm_archive::error::{Error, SetupError};
use sea_orm_archive::prelude::*;
use sea_orm_archive::{PersonalData, check};
use sea_orm_archive_migration::ErasureSchema;
use sea_orm_archive_tests::Database;
use sea_orm_archive_tests::sql::{run, texts};
use sea_orm_archive_tests::tables::tables;
use sea_orm_migration::SchemaManager;
use sea_orm_migration::sea_orm::DatabaseConnection;

mod account {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DerivePersonalData)]
    #[sea_orm(table_name = "accounts")]
    #[personal_data(person, is_actor)]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[personal_data(pseudonym, identifying)]
        pub email: String,
        #[sea_orm(column_name = "full_name")]
        #[personal_data(constant = "former member")]
        pub name: String,
        #[personal_data(null)]
        pub phone: Option<String>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod message {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive, DerivePersonalData)]
    #[sea_orm(table_name = "messages")]
    #[archive(deleted_by = "i64")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub sender_id: i64,
        pub recipient_id: Option<i64>,
        #[personal_data(constant = "[erased]", of = "sender")]
        pub text: String,
        #[personal_data(constant = "2000-1-1")]
        pub day: Date,
        #[sea_orm(belongs_to, relation_enum = "Sender", from = "sender_id", to = "id")]
        #[personal_data(belongs_to)]
        pub sender: BelongsTo<super::account::Entity>,
        #[sea_orm(
            belongs_to,
            relation_enum = "Recipient",
            from = "recipient_id",
            to = "id"
        )]
        #[personal_data(belongs_to)]
        pub recipient: BelongsTo<Option<super::account::Entity>>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod address {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DerivePersonalData)]
    #[sea_orm(table_name = "addresses")]
    #[personal_data(belongs_to = "Account", delete_rows)]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub account_id: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "super::account::Entity",
            from = "Column::AccountId",
            to = "super::account::Column::Id"
        )]
        Account,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLES: &str = "
    create table accounts (id bigint primary key, email text not null, full_name text not null, phone text);
    create table messages (id bigint primary key, sender_id bigint not null, recipient_id bigint, text text not null, day date not null);
    create table addresses (id bigint primary key, account_id bigint not null);
    insert into accounts values (1, 'ada@example.org', 'Ada', '1815'), (2, 'bob@example.org', 'Bob', null);
    insert into messages values (1, 1, 2, 'from Ada', '2026-01-01'), (2, 2, 1, 'from Bob', '2026-01-02'), (3, 2, null, 'to all', '2026-01-03');
    insert into addresses values (1, 1), (2, 2)";

/// The tables, with what the entities declare.
async fn declared() -> (Database, DatabaseConnection) {
    let (database, db) = tables(TABLES, &["messages"]).await;
    let manager = SchemaManager::new(&db);
    manager
        .declare_personal_data_of::<account::Entity>()
        .await
        .unwrap();
    manager
        .declare_personal_data_of::<message::Entity>()
        .await
        .unwrap();
    manager
        .declare_personal_data_of::<address::Entity>()
        .await
        .unwrap();
    (database, db)
}

async fn findings(db: &DatabaseConnection) -> Vec<String> {
    let mut found = account::Entity::check_personal_data(db).await.unwrap();
    found.extend(message::Entity::check_personal_data(db).await.unwrap());
    found.extend(address::Entity::check_personal_data(db).await.unwrap());
    found.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn erasure_does_what_the_entities_declare() {
    let (_database, db) = declared().await;
    assert_eq!(findings(&db).await, [""; 0]);
    message::Entity::archive_by_id(2).exec(&db).await.unwrap();
    let certificate = account::Entity::erase_by_id(1).exec(&db).await.unwrap();
    assert!(certificate.is_complete(), "{certificate}");
    assert_eq!(
        texts(
            &db,
            "select concat_ws(' ', left(email, 7), full_name, phone) from accounts order by id"
        )
        .await,
        ["erased- former member", "bob@exa Bob"]
    );
    assert_eq!(
        texts(&db, "select concat(text, ' ', day) from messages union all select concat(text, ' ', day) from deleted_messages order by 1").await,
        ["[erased] 2000-01-01", "from Bob 2000-01-01", "to all 2026-01-03"]
    );
    assert_eq!(texts(&db, "select id::text from addresses").await, ["2"]);
    assert_eq!(findings(&db).await, [""; 0]);
    assert_eq!(check(&db).await.unwrap(), []);
}

const CALL: &str = "call manager.declare_personal_data(..) in a migration, or change the entity";

/// Each damage is found, and the remedy of the finding removes it.
#[tokio::test]
async fn every_difference_is_a_finding() {
    let (_database, db) = declared().await;
    let manager = SchemaManager::new(&db);
    let of_persons = |item: &str| {
        format!(
            "public.accounts has another rule for personal data of persons than its entity declares: {item}: {CALL}"
        )
    };
    let person = || {
        PersonalData::of_person()
            .pseudonym("email")
            .identifying(["email"])
            .is_actor()
    };
    for (rule, expected) in [
        (
            person().constant("full_name", "nobody").null("phone"),
            vec![of_persons(
                "the column full_name becomes \"nobody\", and not \"former member\"",
            )],
        ),
        (
            person()
                .constant("full_name", "former member")
                .pseudonym("phone"),
            vec![of_persons(
                "the column phone becomes a pseudonym, and not NULL",
            )],
        ),
        (
            person().constant("full_name", "former member"),
            vec![of_persons(
                "the column phone becomes unchanged, and not NULL",
            )],
        ),
        (
            PersonalData::of_person()
                .pseudonym("email")
                .constant("full_name", "former member")
                .null("phone"),
            vec![
                of_persons("the actor of the person becomes unchanged, and not erased"),
                of_persons(
                    "the column email becomes a pseudonym, and not a pseudonym (identifying)",
                ),
            ],
        ),
        (
            person()
                .constant("full_name", "former member")
                .null("phone")
                .delete_rows(),
            vec![of_persons("each row becomes deleted, and not unchanged")],
        ),
    ] {
        manager
            .declare_personal_data("accounts", rule)
            .await
            .unwrap();
        assert_eq!(findings(&db).await, expected);
        manager
            .declare_personal_data_of::<account::Entity>()
            .await
            .unwrap();
        assert_eq!(findings(&db).await, [""; 0]);
    }
}

#[tokio::test]
async fn rule_of_one_side_alone_is_a_finding() {
    let (_database, db) = declared().await;
    let manager = SchemaManager::new(&db);
    manager
        .declare_personal_data(
            "addresses",
            PersonalData::belongs_to("messages", ["id"]).delete_rows(),
        )
        .await
        .unwrap();
    assert_eq!(
        findings(&db).await,
        [
            "public.addresses has a rule for personal data of rows that belong to public.messages by (id), which its entity does not declare: \
             declare it in the entity, or call manager.drop_personal_data(..) in a migration"
        ]
    );
    manager.drop_personal_data("addresses").await.unwrap();
    assert_eq!(
        findings(&db).await,
        [format!(
            "public.addresses has no rule for personal data of rows that belong to accounts by (account_id), which its entity declares: {CALL}"
        )]
    );
    run(&db, "drop table addresses").await;
    assert_eq!(
        findings(&db).await,
        [
            "addresses does not exist, and its entity declares personal data: create it in a migration"
        ]
    );
}

/// The rules follow renamed columns, and so does the comparison.
#[tokio::test]
async fn renamed_column_is_compared_by_its_present_name() {
    let (_database, db) = declared().await;
    run(&db, "alter table accounts rename column phone to mobile").await;
    assert_eq!(findings(&db).await.len(), 2);
    run(&db, "alter table accounts rename column mobile to phone").await;
    assert_eq!(findings(&db).await, [""; 0]);
}

#[tokio::test]
async fn constant_that_the_column_does_not_take_is_a_finding() {
    let (_database, db) = declared().await;
    run(
        &db,
        "alter table messages alter column day type integer using 1; alter table deleted_messages alter column day type integer using 1",
    )
    .await;
    let found = findings(&db).await;
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].contains("the column day becomes \"2000-01-01\", and not \"2000-1-1\""),
        "{found:?}"
    );
}

/// A relation to another column than the key would erase rows of another person.
#[tokio::test]
async fn relation_to_another_column_than_the_key_is_refused() {
    let (_database, db) = declared().await;
    let manager = SchemaManager::new(&db);
    let mut relation = sea_orm_migration::sea_orm::RelationTrait::def(&message::Relation::Sender);
    relation.to_col = sea_orm_migration::sea_orm::Identity::Unary("email".into());
    let rule = PersonalData::of_relation(relation);
    let error = manager.declare_personal_data("messages", rule).await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("(email) of public.accounts"), "{error}");
}

#[tokio::test]
async fn check_needs_the_archive() {
    let database = Database::empty().await;
    let db = database.connect().await;
    let error = account::Entity::check_personal_data(&db).await.unwrap_err();
    assert!(
        matches!(error, Error::Setup(SetupError::NotInstalled { .. })),
        "{error}"
    );
}
