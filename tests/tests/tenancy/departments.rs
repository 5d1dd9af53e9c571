//! Departments and their versions, by entities that declare the tenant column, and below managers.

pub mod known {
    //! The same tables, by entities that declare the tenant column.

    pub mod department {
        use sea_orm::entity::prelude::*;
        use sea_orm_archive::DeriveArchive;

        #[sea_orm::model]
        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
        #[sea_orm(table_name = "departments")]
        pub struct Model {
            #[sea_orm(primary_key, auto_increment = false)]
            pub id: i64,
            pub org_id: i64,
            #[sea_orm(has_many)]
            #[archive(cascade)]
            pub versions: HasMany<super::version::Entity>,
        }

        impl ActiveModelBehavior for ActiveModel {}
    }

    pub mod version {
        use sea_orm::entity::prelude::*;
        use sea_orm_archive::{DeriveArchive, DeriveHistory};

        #[sea_orm::model]
        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive, DeriveHistory)]
        #[sea_orm(table_name = "department_history")]
        #[history(identity = "department_id")]
        pub struct Model {
            #[sea_orm(primary_key)]
            pub id: i64,
            pub department_id: i64,
            pub org_id: i64,
            pub name: String,
            pub valid_from: DateTimeUtc,
            pub valid_to: Option<DateTimeUtc>,
            #[sea_orm(belongs_to, from = "department_id", to = "id")]
            pub department: BelongsTo<super::department::Entity>,
        }

        impl ActiveModelBehavior for ActiveModel {}
    }
}

pub mod managed {
    //! Managers, and the versions that refer to them.

    pub mod manager {
        use sea_orm::entity::prelude::*;
        use sea_orm_archive::DeriveArchive;

        #[sea_orm::model]
        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
        #[sea_orm(table_name = "managers")]
        pub struct Model {
            #[sea_orm(primary_key, auto_increment = false)]
            pub id: i64,
            pub org_id: i64,
            #[sea_orm(has_many)]
            #[archive(cascade)]
            pub versions: HasMany<super::version::Entity>,
        }

        impl ActiveModelBehavior for ActiveModel {}
    }

    pub mod version {
        use sea_orm::entity::prelude::*;
        use sea_orm_archive::DeriveArchive;

        #[sea_orm::model]
        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
        #[sea_orm(table_name = "department_history")]
        pub struct Model {
            #[sea_orm(primary_key)]
            pub id: i64,
            pub department_id: i64,
            pub name: String,
            pub valid_from: DateTimeUtc,
            pub valid_to: Option<DateTimeUtc>,
            pub manager_id: Option<i64>,
            #[sea_orm(belongs_to, from = "manager_id", to = "id")]
            pub manager: BelongsTo<Option<super::manager::Entity>>,
        }

        impl ActiveModelBehavior for ActiveModel {}
    }
}
