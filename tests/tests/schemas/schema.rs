//! Schemas: the foreign keys between the tables, and the policy declared for each.

use std::cell::RefCell;

use proptest::prelude::*;
use sea_orm_archive::entity::{DeclaredName, Policy};
use sea_orm_archive::{Archivable, Declaration, DeclaredEdge};

use crate::schemas::entities::with_entity;

pub const TABLES: usize = 5;

/// The maximum number of foreign keys of a schema.
const EDGES: usize = 8;

/// Tables with a key of two columns.
pub fn is_composite(table: usize) -> bool {
    matches!(table, 1 | 3)
}

#[derive(Clone, Debug)]
pub struct Schema {
    pub edges: Vec<Edge>,
    /// The tables with a unique index on `name`.
    pub unique: [bool; TABLES],
    /// The triggers of the application.
    pub triggers: [Option<Trigger>; TABLES],
}

/// A trigger of the application on a table.
#[derive(Clone, Copy, Debug)]
pub enum Trigger {
    /// It does nothing.
    Idle,
    /// It changes each row that is inserted.
    Changes,
    /// The same, but not while rows of the table move.
    Suspended,
}

impl Trigger {
    /// Whether it fires on the insert of a row that a restore moves.
    pub fn acts(self) -> bool {
        !matches!(self, Self::Suspended)
    }

    fn sql(self, table: usize) -> String {
        let (when, function) = match self {
            Self::Idle => ("after insert or update or delete on", "idle"),
            Self::Changes | Self::Suspended => ("before insert on", "count_up"),
        };
        let condition = match self {
            Self::Suspended => format!("when (not archive.is_moving('t{table}'))"),
            _ => String::new(),
        };
        format!(
            "create trigger application {when} t{table} for each row {condition} execute function {function}();\n"
        )
    }
}

const FUNCTIONS: &str = "create function idle() returns trigger language plpgsql as $$ begin return null; end $$;
    create function count_up() returns trigger language plpgsql as $$ begin new.number := coalesce(new.number, 0) + 1; return new; end $$;\n";

/// A foreign key.
#[derive(Clone, Copy, Debug)]
pub struct Edge {
    pub parent: usize,
    pub child: usize,
    pub policy: Option<Policy>,
    pub on_delete: OnDelete,
    /// The child must have a parent.
    pub required: bool,
    /// In a foreign key of two columns, the area is NOT NULL also without a parent.
    pub area_required: bool,
    pub deferred: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDelete {
    NoAction,
    Restrict,
    Cascade,
    SetNull,
    SetDefault,
}

impl OnDelete {
    fn sql(self) -> &'static str {
        match self {
            Self::NoAction => "no action",
            Self::Restrict => "restrict",
            Self::Cascade => "cascade",
            Self::SetNull => "set null",
            Self::SetDefault => "set default",
        }
    }

    pub fn refuses(self) -> bool {
        matches!(self, Self::NoAction | Self::Restrict)
    }
}

impl Edge {
    /// Its columns in the child and in the parent; the area is the first of two.
    fn columns(&self, n: usize) -> (Vec<String>, Vec<String>) {
        if is_composite(self.parent) {
            (
                vec![format!("e{n}_area"), format!("e{n}")],
                vec!["area".to_owned(), "id".to_owned()],
            )
        } else {
            (vec![format!("e{n}")], vec!["id".to_owned()])
        }
    }

    /// An edge that sea-orm-archive supports: `cascade` edges form no circle of tables, and a link that can be
    /// detached may be NULL.
    fn possible(mut self) -> Self {
        if self.policy == Some(Policy::Cascade) && self.parent > self.child {
            (self.parent, self.child) = (self.child, self.parent);
        }
        // The first row of a table cannot have a parent in a table that is filled later.
        if self.parent >= self.child || self.policy == Some(Policy::Detach) {
            self.required = false;
        }
        self.area_required = is_composite(self.parent) && (self.required || self.area_required);
        self
    }
}

fn edges() -> impl Strategy<Value = Edge> {
    let policy = prop_oneof![
        10 => Just(Some(Policy::Cascade)),
        6 => Just(Some(Policy::Detach)),
        3 => Just(Some(Policy::Restrict)),
        3 => Just(None),
    ];
    let on_delete = prop_oneof![
        3 => Just(OnDelete::NoAction),
        1 => Just(OnDelete::Restrict),
        3 => Just(OnDelete::Cascade),
        2 => Just(OnDelete::SetNull),
        1 => Just(OnDelete::SetDefault),
    ];
    let flags = (any::<bool>(), any::<bool>(), prop::bool::weighted(0.2));
    (
        0..TABLES,
        0..TABLES,
        policy,
        on_delete,
        flags,
        prop::bool::weighted(0.1),
    )
        .prop_map(
            |(
                parent,
                child,
                policy,
                on_delete,
                (required, area_required, deferred),
                undeclared,
            )| {
                let destructive = policy.is_none() && !on_delete.refuses() && !undeclared;
                let edge = Edge {
                    parent,
                    child,
                    policy,
                    on_delete: if destructive {
                        OnDelete::NoAction
                    } else {
                        on_delete
                    },
                    required,
                    area_required,
                    deferred,
                };
                edge.possible()
            },
        )
}

pub fn schemas() -> impl Strategy<Value = Schema> {
    let unique = prop::array::uniform5(prop::bool::weighted(0.3));
    let trigger = prop_oneof![
        6 => Just(None),
        1 => Just(Some(Trigger::Idle)),
        1 => Just(Some(Trigger::Changes)),
        1 => Just(Some(Trigger::Suspended)),
    ];
    let triggers = prop::array::uniform5(trigger);
    (prop::collection::vec(edges(), 1..=EDGES), unique, triggers).prop_map(
        |(edges, unique, triggers)| Schema {
            edges,
            unique,
            triggers,
        },
    )
}

impl Schema {
    /// The foreign keys of a table, with their numbers.
    pub fn held_by(&self, child: usize) -> impl Iterator<Item = (usize, Edge)> + '_ {
        let edges = self.edges.iter().copied().enumerate();
        edges.filter(move |(_, edge)| edge.child == child)
    }

    /// The foreign keys that refer to a table, with their numbers.
    pub fn pointing_at(&self, parent: usize) -> impl Iterator<Item = (usize, Edge)> + '_ {
        let edges = self.edges.iter().copied().enumerate();
        edges.filter(move |(_, edge)| edge.parent == parent)
    }

    /// The statements that add the constraints of this schema to the tables of [`tables`].
    pub fn ddl(&self) -> String {
        let mut sql = String::new();
        let mut not_null = |edge: &Edge, column: String| {
            sql += &format!(
                "alter table t{} alter column {column} set not null;\n",
                edge.child
            );
        };
        for (n, edge) in self.edges.iter().enumerate() {
            if edge.required {
                not_null(edge, format!("e{n}"));
            }
            if edge.area_required {
                not_null(edge, format!("e{n}_area"));
            }
        }
        for (n, edge) in self.edges.iter().enumerate() {
            let (child, parent) = edge.columns(n);
            let deferred = if edge.deferred {
                " deferrable initially deferred"
            } else {
                ""
            };
            sql += &format!(
                "alter table t{} add constraint edge_{n} foreign key ({}) references t{} ({}) on delete {}{deferred};\n",
                edge.child,
                child.join(", "),
                edge.parent,
                parent.join(", "),
                edge.on_delete.sql(),
            );
        }
        for table in (0..TABLES).filter(|table| self.unique[*table]) {
            sql += &format!("create unique index t{table}_name on t{table} (name);\n");
        }
        sql += FUNCTIONS;
        for (table, trigger) in self.triggers.iter().enumerate() {
            sql.extend(trigger.map(|trigger| trigger.sql(table)));
        }
        sql
    }
}

/// The statements that create the tables, with columns for the maximum number of foreign keys.
///
/// The databases are copied with the oids of the tables. The constraints that a schema adds have different oids in each
/// database, so each schema has its own fingerprint.
pub fn tables() -> String {
    let mut sql = String::new();
    for table in 0..TABLES {
        let key = if is_composite(table) {
            "area int, id bigint, primary key (area, id)"
        } else if table == 2 {
            "id bigint generated always as identity primary key, length int generated always as (length(load)) stored"
        } else {
            "id bigint primary key"
        };
        sql += &format!("create table t{table} ({key}, spare text default 'x', name text");
        for n in 0..EDGES {
            sql += &format!(", e{n}_area int, e{n} bigint");
        }
        sql += ", load text not null, number numeric(12, 3), bytes bytea, document jsonb, at timestamptz);\n";
    }
    sql
}

thread_local! {
    static SCHEMA: RefCell<Option<Schema>> = const { RefCell::new(None) };
}

/// Sets the schema that the entities declare from now on, on this thread.
pub fn declare(schema: &Schema) {
    SCHEMA.set(Some(schema.clone()));
}

/// The declaration of an entity, in the schema of this thread.
pub fn declaration<E: Archivable>(table: usize) -> Declaration {
    SCHEMA.with_borrow(|schema| {
        let schema = schema.as_ref().expect("a schema was declared");
        let declared = schema.pointing_at(table).filter_map(|(n, edge)| {
            let (child_columns, parent_columns) = edge.columns(n);
            let policy = edge.policy?;
            Some(DeclaredEdge {
                name: "edge",
                policy,
                child: DeclaredName {
                    schema: None,
                    table: format!("t{}", edge.child),
                },
                child_columns,
                parent_columns,
                child_declaration: (policy == Policy::Cascade)
                    .then(|| child_declaration(edge.child)),
            })
        });
        declared.fold(Declaration::of::<E>(), Declaration::edge)
    })
}

fn child_declaration(child: usize) -> fn() -> Declaration {
    with_entity!(child, entity => <entity::Entity as Archivable>::declaration)
}
