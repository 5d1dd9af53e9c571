//! The entities of the forum. They have the keys and the links; the other columns move too.

/// An entity with its keys, its other links, its relations and its policies.
macro_rules! entity {
    (
        $name:ident, $table:literal, [$($key:ident),+], [$($link:ident: $type:ty),*],
        [$($relation:ident: $to:literal, $from:literal => $column:literal),*] $(, $archive:meta)*
    ) => {
        pub mod $name {
            use sea_orm::entity::prelude::*;
            use sea_orm_archive::DeriveArchive;

            #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
            #[sea_orm(table_name = $table)]
            $(#[$archive])*
            pub struct Model {
                $(
                    #[sea_orm(primary_key, auto_increment = false)]
                    pub $key: i64,
                )+
                $(pub $link: $type,)*
            }

            #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
            pub enum Relation {
                $(
                    #[sea_orm(belongs_to = $to, from = $from, to = $column)]
                    $relation,
                )*
            }

            impl ActiveModelBehavior for ActiveModel {}
        }
    };
}

entity!(
    person,
    "persons",
    [id],
    [],
    [],
    archive(cascade(super::person_aggregate::Entity, via_rel = "Person")),
    archive(cascade(super::post::Entity, via_rel = "Author")),
    archive(cascade(super::comment::Entity, via_rel = "Author")),
    archive(cascade(super::post_vote::Entity, via_rel = "Person")),
    archive(cascade(super::comment_vote::Entity, via_rel = "Person")),
    archive(cascade(super::member::Entity, via_rel = "Person")),
    archive(detach(super::community::Entity, via_rel = "Founder")),
    archive(detach(super::attachment::Entity, via_rel = "Owner")),
    archive(restrict(super::report::Entity, via_rel = "Reporter"))
);
entity!(
    person_aggregate, "person_aggregates", [person_id], [],
    [Person: "super::person::Entity", "Column::PersonId" => "super::person::Column::Id"]
);
entity!(
    community, "communities", [id], [founder_id: Option<i64>],
    [Founder: "super::person::Entity", "Column::FounderId" => "super::person::Column::Id"],
    archive(cascade(super::community_aggregate::Entity, via_rel = "Community")),
    archive(cascade(super::member::Entity, via_rel = "Community")),
    archive(cascade(super::post::Entity, via_rel = "Community")),
    archive(cascade(super::tag::Entity, via_rel = "Community"))
);
entity!(
    community_aggregate, "community_aggregates", [id], [community_id: i64],
    [Community: "super::community::Entity", "Column::CommunityId" => "super::community::Column::Id"]
);
entity!(
    member, "members", [community_id, person_id], [],
    [
        Community: "super::community::Entity", "Column::CommunityId" => "super::community::Column::Id",
        Person: "super::person::Entity", "Column::PersonId" => "super::person::Column::Id"
    ]
);
entity!(
    post, "posts", [id], [community_id: i64, author_id: i64, last_comment_id: Option<i64>],
    [
        Community: "super::community::Entity", "Column::CommunityId" => "super::community::Column::Id",
        Author: "super::person::Entity", "Column::AuthorId" => "super::person::Column::Id",
        LastComment: "super::comment::Entity", "Column::LastCommentId" => "super::comment::Column::Id"
    ],
    archive(cascade(super::post_aggregate::Entity, via_rel = "Post")),
    archive(cascade(super::comment::Entity, via_rel = "Post")),
    archive(cascade(super::post_vote::Entity, via_rel = "Post")),
    archive(cascade(super::post_tag::Entity, via_rel = "Post")),
    archive(detach(super::attachment::Entity, via_rel = "Post")),
    archive(restrict(super::report::Entity, via_rel = "Post"))
);
entity!(
    post_aggregate, "post_aggregates", [post_id], [],
    [Post: "super::post::Entity", "Column::PostId" => "super::post::Column::Id"]
);
entity!(
    comment, "comments", [id], [post_id: i64, author_id: i64, parent_id: Option<i64>],
    [
        Post: "super::post::Entity", "Column::PostId" => "super::post::Column::Id",
        Author: "super::person::Entity", "Column::AuthorId" => "super::person::Column::Id",
        Parent: "Entity", "Column::ParentId" => "Column::Id"
    ],
    archive(cascade(Entity, via_rel = "Parent")),
    archive(cascade(super::comment_vote::Entity, via_rel = "Comment")),
    archive(detach(super::post::Entity, via_rel = "LastComment"))
);
entity!(
    post_vote, "post_votes", [person_id, post_id], [],
    [
        Person: "super::person::Entity", "Column::PersonId" => "super::person::Column::Id",
        Post: "super::post::Entity", "Column::PostId" => "super::post::Column::Id"
    ]
);
entity!(
    comment_vote, "comment_votes", [comment_id, person_id], [],
    [
        Comment: "super::comment::Entity", "Column::CommentId" => "super::comment::Column::Id",
        Person: "super::person::Entity", "Column::PersonId" => "super::person::Column::Id"
    ]
);
entity!(
    tag, "tags", [id], [community_id: i64],
    [Community: "super::community::Entity", "Column::CommunityId" => "super::community::Column::Id"],
    archive(cascade(super::post_tag::Entity, via_rel = "Tag"))
);
entity!(
    post_tag, "post_tags", [post_id, tag_id], [],
    [
        Post: "super::post::Entity", "Column::PostId" => "super::post::Column::Id",
        Tag: "super::tag::Entity", "Column::TagId" => "super::tag::Column::Id"
    ]
);
entity!(
    attachment, "attachments", [id], [post_id: Option<i64>, owner_id: Option<i64>],
    [
        Post: "super::post::Entity", "Column::PostId" => "super::post::Column::Id",
        Owner: "super::person::Entity", "Column::OwnerId" => "super::person::Column::Id"
    ]
);
entity!(
    report, "reports", [id], [post_id: Option<i64>, reporter_id: i64],
    [
        Post: "super::post::Entity", "Column::PostId" => "super::post::Column::Id",
        Reporter: "super::person::Entity", "Column::ReporterId" => "super::person::Column::Id"
    ]
);

/// A row by its key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    pub table: String,
    pub key: Vec<i64>,
}

/// Calls a verb on the row: `call!(row, archive_by_id, |request| request.exec(db).await)`.
macro_rules! call {
    ($row:expr, $verb:ident, |$request:ident| $body:expr) => {{
        use sea_orm_archive::prelude::*;
        use $crate::forum::entities as e;
        let row: &e::Row = $row;
        macro_rules! on {
            ($entity:ty, $key:expr) => {{
                let $request = <$entity>::$verb($key);
                $body
            }};
        }
        match (row.table.as_str(), row.key.as_slice()) {
            ("persons", &[id]) => on!(e::person::Entity, id),
            ("person_aggregates", &[id]) => on!(e::person_aggregate::Entity, id),
            ("communities", &[id]) => on!(e::community::Entity, id),
            ("community_aggregates", &[id]) => on!(e::community_aggregate::Entity, id),
            ("members", &[a, b]) => on!(e::member::Entity, (a, b)),
            ("posts", &[id]) => on!(e::post::Entity, id),
            ("post_aggregates", &[id]) => on!(e::post_aggregate::Entity, id),
            ("comments", &[id]) => on!(e::comment::Entity, id),
            ("post_votes", &[a, b]) => on!(e::post_vote::Entity, (a, b)),
            ("comment_votes", &[a, b]) => on!(e::comment_vote::Entity, (a, b)),
            ("tags", &[id]) => on!(e::tag::Entity, id),
            ("post_tags", &[a, b]) => on!(e::post_tag::Entity, (a, b)),
            ("attachments", &[id]) => on!(e::attachment::Entity, id),
            ("reports", &[id]) => on!(e::report::Entity, id),
            _ => panic!("{row:?}"),
        }
    }};
}
pub(super) use call;
