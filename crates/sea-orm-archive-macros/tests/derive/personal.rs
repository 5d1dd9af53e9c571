//! `DerivePersonalData` in every format.

use sea_orm_archive::{DeclaresPersonalData, PersonalData};

mod owner {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DerivePersonalData;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DerivePersonalData)]
    #[sea_orm(table_name = "owners", rename_all = "camelCase")]
    #[personal_data(person, is_actor)]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[personal_data(pseudonym, identifying)]
        pub mail_address: String,
        #[sea_orm(column_name = "TEL")]
        #[personal_data(null)]
        pub phone: Option<String>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod pet {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DerivePersonalData;

    #[sea_orm::compact_model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DerivePersonalData)]
    #[sea_orm(table_name = "pets")]
    #[personal_data(delete_rows)]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub owner_id: i64,
        #[personal_data(belongs_to)]
        pub owner: BelongsTo<super::owner::Entity>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "super::owner::Entity",
            from = "Column::OwnerId",
            to = "super::owner::Column::Id"
        )]
        Owner,
    }

    impl Related<super::owner::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Owner.def()
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod visit {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DerivePersonalData;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DerivePersonalData)]
    #[sea_orm(table_name = "visits")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub owner_id: i64,
        pub doctor_id: Option<i64>,
        #[personal_data(constant = "[erased]", of = "owner")]
        pub reason: String,
        #[personal_data(null)]
        pub remark: Option<String>,
        #[sea_orm(belongs_to, relation_enum = "Owner", from = "owner_id", to = "id")]
        #[personal_data(belongs_to)]
        pub owner: BelongsTo<super::owner::Entity>,
        #[sea_orm(belongs_to, relation_enum = "Doctor", from = "doctor_id", to = "id")]
        #[personal_data(belongs_to)]
        pub doctor: BelongsTo<Option<super::owner::Entity>>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// The links, the columns and the options of each rule.
fn shown<E: DeclaresPersonalData>() -> Vec<String> {
    let rule = |data: PersonalData| {
        format!(
            "{:?} {:?} {:?} {:?} {} {}",
            data.links,
            data.refers_to,
            data.columns,
            data.identifying,
            data.deletes_rows,
            data.is_actor
        )
    };
    E::personal_data().into_iter().map(rule).collect()
}

#[test]
fn person_is_declared_by_the_names_of_columns() {
    assert_eq!(
        shown::<owner::Entity>(),
        [r#"[] [] [("mailAddress", Pseudonym), ("TEL", Null)] ["mailAddress"] false true"#]
    );
}

#[test]
fn rows_belong_to_a_person_by_each_relation() {
    assert_eq!(
        shown::<pet::Entity>(),
        [r#"["owner_id"] ["id"] [] [] true false"#]
    );
    assert_eq!(
        shown::<visit::Entity>(),
        [
            r#"["owner_id"] ["id"] [("reason", Constant("[erased]")), ("remark", Null)] [] false false"#,
            r#"["doctor_id"] ["id"] [("remark", Null)] [] false false"#
        ]
    );
}
