//! Text forms of declarations and entities, to compare in tests.

use sea_orm::{DbBackend, EntityTrait, Iterable, QueryTrait, sea_query::Iden};
use sea_orm_archive::{Archivable, DeclaredEdge, entity::Policy};

/// `name: cascade child(columns) -> (columns)`, or another policy, for every declared edge.
pub fn edges<E: Archivable>() -> Vec<String> {
    E::declaration().edges.iter().map(edge).collect()
}

fn edge(edge: &DeclaredEdge) -> String {
    let policy = match edge.policy {
        Policy::Cascade => "cascade",
        Policy::Detach => "detach",
        Policy::Restrict => "restrict",
    };
    // A cascade contains the declaration of its child.
    if let Some(child) = edge.child_declaration {
        assert_eq!(child().table, edge.child);
    }
    assert_eq!(
        edge.child_declaration.is_some(),
        edge.policy == Policy::Cascade
    );
    format!(
        "{}: {policy} {}({}) -> ({})",
        edge.name,
        edge.child.quoted(),
        edge.child_columns.join(", "),
        edge.parent_columns.join(", "),
    )
}

/// The columns of an entity, in order.
pub fn columns<E: EntityTrait>() -> Vec<String> {
    E::Column::iter()
        .map(|column| column.unquoted().to_owned())
        .collect()
}

/// The columns that the deleted entity adds. Checks that the columns of the entity come first.
pub fn added_columns<E: Archivable>() -> Vec<String> {
    let active = columns::<E>();
    let mut deleted_entity = columns::<E::Deleted>();
    let added = deleted_entity.split_off(active.len());
    assert_eq!(deleted_entity, active);
    added
}

/// The statement that selects every row.
pub fn find<E: EntityTrait>() -> String {
    E::find().build(DbBackend::Postgres).to_string()
}
