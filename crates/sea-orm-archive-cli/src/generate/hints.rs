//! What to write in the entity of a table that gets an archive table.

use sea_orm::DatabaseConnection;
use serde_json::Value as Json;

use crate::answer::raw;
use crate::failure::Failure;
use crate::query::{rows, table};

/// The foreign keys that refer to a table, with what a policy may do with their rows.
const CHILDREN: &str = "
    SELECT c.relname AS child, pg_catalog.concat(n.nspname, '.', c.relname) AS name, k.conrelid = k.confrelid AS is_own,
           ARRAY(SELECT a.attname FROM pg_catalog.unnest(k.conkey) WITH ORDINALITY AS m (number, place)
                 JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = m.number ORDER BY m.place) AS columns,
           CASE k.confdeltype WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' WHEN 'd' THEN 'SET DEFAULT' WHEN 'r' THEN 'RESTRICT' ELSE 'NO ACTION' END AS on_delete,
           NOT EXISTS (SELECT FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey) AND a.attnotnull) AS nullable
    FROM pg_catalog.pg_constraint AS k JOIN pg_catalog.pg_class AS c ON c.oid = k.conrelid JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE k.contype = 'f' AND k.conparentid = 0 AND k.confrelid = pg_catalog.to_regclass($1) ORDER BY k.conname";

/// The attributes of the entity of each table, as source.
pub(crate) async fn hints(
    db: &DatabaseConnection,
    tables: &[String],
) -> Result<Vec<String>, Failure> {
    let mut hints = Vec::new();
    for name in tables {
        let quoted = table(db, name).await?;
        let children = rows(db, CHILDREN, vec![quoted.into()]).await?;
        hints.push(hint(name, &children));
    }
    Ok(hints)
}

fn hint(table: &str, children: &[Json]) -> String {
    let (_, bare) = table.rsplit_once('.').unwrap_or(("", table));
    let mut text = format!(
        "In the entity of {table}:

    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = {bare:?})]
    #[archive(deleted_by = \"i64\")] // the type of the ids of users
    pub struct Model {{"
    );
    for child in children {
        text.push_str(&relation(child));
    }
    if children.is_empty() {
        text.push_str(
            "\n        // No foreign key refers to this table: no relation needs a policy.",
        );
    }
    text.push_str("\n    }");
    text
}

/// The policy of a relation to children.
fn relation(child: &Json) -> String {
    let columns: Vec<_> = child["columns"]
        .as_array()
        .into_iter()
        .flatten()
        .map(raw)
        .collect();
    let (name, on_delete) = (raw(&child["name"]), raw(&child["on_delete"]));
    let policy = match (on_delete.as_str(), child["nullable"] == true) {
        ("CASCADE", _) => "cascade",
        ("SET NULL", true) => "detach",
        _ => "restrict",
    };
    let choices = match child["nullable"] == true {
        true => "cascade, detach or restrict",
        false => "cascade or restrict",
    };
    let needs = match policy {
        "cascade" => "; that table needs an archive table and the derive, too",
        _ => "",
    };
    format!(
        "
        // {name} ({}) ON DELETE {on_delete}: {choices}{needs}
        #[sea_orm({})]
        #[archive({policy})]
        pub {}: HasMany<..>,",
        columns.join(", "),
        match child["is_own"] == true {
            true => "self_ref, ..",
            false => "has_many",
        },
        raw(&child["child"]),
    )
}
