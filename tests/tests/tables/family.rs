//! Parents and children, with each policy. Tests may add columns and constraints.

/// Entities over `parents` and `children`; the parent declares `$archive`.
macro_rules! family {
    ($(#[$doc:meta])* $name:ident $(, $archive:meta)?) => {
        $(#[$doc])*
        pub mod $name {
            pub mod parent {
                use sea_orm::entity::prelude::*;
                use sea_orm_archive::DeriveArchive;

                #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
                #[sea_orm(table_name = "parents")]
                $(#[$archive])?
                pub struct Model {
                    #[sea_orm(primary_key)]
                    pub id: i64,
                }

                #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
                pub enum Relation {}

                impl ActiveModelBehavior for ActiveModel {}
            }

            pub mod child {
                use sea_orm::entity::prelude::*;
                use sea_orm_archive::DeriveArchive;

                #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
                #[sea_orm(table_name = "children")]
                pub struct Model {
                    #[sea_orm(primary_key)]
                    pub id: i64,
                    pub parent_id: Option<i64>,
                }

                #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
                pub enum Relation {
                    #[sea_orm(
                        belongs_to = "super::parent::Entity",
                        from = "Column::ParentId",
                        to = "super::parent::Column::Id"
                    )]
                    Parent,
                }

                impl Related<super::parent::Entity> for Entity {
                    fn to() -> RelationDef {
                        Relation::Parent.def()
                    }
                }

                impl ActiveModelBehavior for ActiveModel {}
            }
        }
    };
}

family!(
    /// Children are archived with their parent.
    cascaded, archive(cascade(super::child::Entity))
);
family!(
    /// Children stay active, without their link.
    detached, archive(detach(super::child::Entity))
);
family!(
    /// Children block the archive of their parent.
    restricted, archive(restrict(super::child::Entity))
);
family!(
    /// The parent declares no policy for children.
    undeclared
);

/// Two parents with two children each, and a child without a parent.
pub fn two_families(on_delete: &str) -> String {
    format!(
        "create table parents (id bigint primary key, name text);
         create table children (
             id bigint primary key,
             parent_id bigint default 2 constraint children_parent references parents {on_delete},
             name text);
         insert into parents values (1, 'one'), (2, 'two');
         insert into children values (11, 1, 'a'), (12, 1, null), (21, 2, 'b'), (22, 2, 'c'), (99, null, 'd')"
    )
}

pub const FAMILY: [&str; 2] = ["parents", "children"];
pub const BOTH_SIDES: [&str; 4] = ["parents", "children", "deleted_parents", "deleted_children"];
