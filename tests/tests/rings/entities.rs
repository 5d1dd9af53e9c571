//! People with a mate, and authors with a pinned article.

pub mod mate {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "mates")]
    #[archive(detach(Entity, via_rel = "Mate"))]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub mate_id: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(belongs_to = "Entity", from = "Column::MateId", to = "Column::Id")]
        Mate,
    }

    impl Related<Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Mate.def()
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// The same with a second foreign key.
#[allow(clippy::duplicated_attributes)]
pub mod friend {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "mates")]
    #[archive(detach(Entity, via_rel = "Mate"), detach(Entity, via_rel = "Friend"))]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub mate_id: Option<i64>,
        pub friend_id: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(belongs_to = "Entity", from = "Column::MateId", to = "Column::Id")]
        Mate,
        #[sea_orm(belongs_to = "Entity", from = "Column::FriendId", to = "Column::Id")]
        Friend,
    }

    impl Related<Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Mate.def()
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod author {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "authors")]
    #[archive(cascade(super::article::Entity))]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub pinned: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "super::article::Entity",
            from = "Column::Pinned",
            to = "super::article::Column::Id"
        )]
        Pinned,
    }

    impl Related<super::article::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Pinned.def()
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod article {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "articles")]
    #[archive(detach(super::author::Entity))]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub author_id: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "super::author::Entity",
            from = "Column::AuthorId",
            to = "super::author::Column::Id"
        )]
        Author,
    }

    impl Related<super::author::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Author.def()
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}
