//! Entities for the attacks on sets of archivals.

macro_rules! plain {
    ($name:ident, $table:literal) => {
        pub mod $name {
            use sea_orm::entity::prelude::*;
            use sea_orm_archive::DeriveArchive;

            #[sea_orm::model]
            #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
            #[sea_orm(table_name = $table)]
            pub struct Model {
                #[sea_orm(primary_key)]
                pub id: i64,
            }

            impl ActiveModelBehavior for ActiveModel {}
        }
    };
}

plain!(slot, "slots");
plain!(item, "items");

pub mod brand {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "brands")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub code: String,
        #[sea_orm(has_many)]
        #[archive(cascade)]
        pub cars: HasMany<super::car::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod car {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "cars")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub brand_code: String,
        #[sea_orm(belongs_to, from = "brand_code", to = "code")]
        pub brand: BelongsTo<super::brand::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod venue {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "venues")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(has_many)]
        #[archive(cascade)]
        pub shows: HasMany<super::show::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod organizer {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "organizers")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(has_many)]
        #[archive(cascade)]
        pub shows: HasMany<super::show::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod show {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "shows")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub venue_id: i64,
        pub organizer_id: i64,
        #[sea_orm(belongs_to, from = "venue_id", to = "id")]
        pub venue: BelongsTo<super::venue::Entity>,
        #[sea_orm(belongs_to, from = "organizer_id", to = "id")]
        pub organizer: BelongsTo<super::organizer::Entity>,
        #[sea_orm(has_many)]
        #[archive(detach)]
        pub posters: HasMany<super::poster::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod poster {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "posters")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub show_id: Option<i64>,
        #[sea_orm(belongs_to, from = "show_id", to = "id")]
        pub show: BelongsTo<Option<super::show::Entity>>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod node {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "nodes")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub parent_id: Option<i64>,
        #[sea_orm(self_ref, relation_enum = "Parent", relation_reverse = "Children", from = "parent_id", to = "id")]
        pub parent: BelongsTo<Option<Entity>>,
        #[sea_orm(self_ref, relation_enum = "Children", relation_reverse = "Parent")]
        #[archive(cascade)]
        pub children: HasMany<Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
