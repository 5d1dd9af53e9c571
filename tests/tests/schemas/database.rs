//! The tables in the database, compared with the model.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, Statement};
use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_archive_tests::Database;
use sea_orm_migration::SchemaManager;
use serde_json::Value;

use crate::schemas::model::{Model, Place};
use crate::schemas::schema::{Schema, TABLES, is_composite, tables};

/// A database with the tables of a schema, each with an archive table.
pub async fn database(schema: &Schema) -> (Database, DatabaseConnection) {
    let database = Database::from_template("tables", async |db| {
        db.execute_unprepared(&tables()).await?;
        let manager = SchemaManager::new(&db);
        manager.install_archive().await?;
        for table in 0..TABLES {
            manager.archive_existing_table(format!("t{table}")).await?;
        }
        Ok(())
    })
    .await;
    let db = database.connect().await;
    db.execute_unprepared(&schema.ddl()).await.unwrap();
    // The foreign keys were added after the archive tables.
    SchemaManager::new(&db)
        .sync_archived_table("t0")
        .await
        .unwrap();
    (database, db)
}

pub async fn query(db: &impl ConnectionTrait, sql: &str) -> Result<Value, DbErr> {
    let statement = Statement::from_string(DbBackend::Postgres, sql);
    let row = db.query_one_raw(statement).await?;
    row.map_or(Ok(Value::Null), |row| row.try_get_by_index(0))
}

/// The hash of the values of a row that the model does not store.
pub const PRINT: &str = "md5(row(load, number, bytes, document, at)::text)";

/// A query of all tables, as one JSON object.
fn everything(schema: &Schema) -> String {
    let mut parts = Vec::new();
    for table in 0..TABLES {
        let mut columns = format!("'id', id, 'name', name, 'print', {PRINT}");
        if is_composite(table) {
            columns += ", 'area', area";
        }
        for (n, edge) in schema.held_by(table) {
            let area = if is_composite(edge.parent) {
                format!("e{n}_area")
            } else {
                "null".to_owned()
            };
            columns += &format!(", 'e{n}', e{n}, 'e{n}_area', {area}");
        }
        parts.push(format!(
            "'t{table}', (select coalesce(jsonb_agg(jsonb_build_object({columns}) order by id), '[]') from t{table}), \
             'deleted_t{table}', (select coalesce(jsonb_agg(jsonb_build_object('archival', archival_id, 'row', jsonb_build_object({columns})) order by id), '[]') from deleted_t{table})"
        ));
    }
    parts.push(
        "'open', (select coalesce(jsonb_agg(id order by id), '[]') from archive.archival where restored_at is null and purged_at is null), \
         'cuts', (select coalesce(jsonb_agg(cut order by cut), '[]') from (select jsonb_build_array(archival_id, child::text, (child_key->>-1)::bigint, split_part(replace(edge, '_renamed', ''), ', ', -1)) as cut from archive.detached_link) as cuts)"
            .to_owned(),
    );
    format!("select jsonb_build_object({})", parts.join(", "))
}

/// The same object of the model.
fn expected(model: &Model) -> Value {
    let mut all = serde_json::Map::new();
    for table in 0..TABLES {
        let active = model.tables.active[table].values();
        let active: Vec<_> = active.map(|row| row.json(table)).collect();
        let archived = model.tables.archived[table].values();
        let archived: Vec<_> = archived
            .map(|(archival, row)| serde_json::json!({ "archival": archival, "row": row.json(table) }))
            .collect();
        all.insert(format!("t{table}"), active.into());
        all.insert(format!("deleted_t{table}"), archived.into());
    }
    let open: Vec<_> = model.tables.roots.keys().copied().collect();
    all.insert("open".to_owned(), open.into());
    let mut cuts: Vec<_> = model
        .tables
        .cuts
        .iter()
        .map(|cut| {
            (
                cut.archival,
                format!("t{}", cut.child.0),
                cut.child.1,
                format!("e{}", cut.edge),
            )
        })
        .collect();
    cuts.sort();
    let cuts: Vec<_> = cuts.iter().map(|cut| serde_json::json!(cut)).collect();
    all.insert("cuts".to_owned(), cuts.into());
    all.into()
}

/// Compares the database with the model, table by table.
pub async fn compare(db: &impl ConnectionTrait, model: &Model) -> Result<(), String> {
    let found = query(db, &everything(&model.schema)).await;
    let found = found.map_err(|error| format!("the database cannot be read: {error}"))?;
    let expected = expected(model);
    for (name, expected) in expected.as_object().into_iter().flatten() {
        if found[name] != *expected {
            return Err(format!(
                "{name}: expected {expected}, found {}",
                found[name]
            ));
        }
    }
    Ok(())
}

/// The archival of each archived row.
pub async fn owners(db: &impl ConnectionTrait) -> Result<BTreeMap<Place, i64>, DbErr> {
    let tables: Vec<_> = (0..TABLES)
        .map(|n| format!("select jsonb_build_array({n}, id, archival_id) as o from deleted_t{n}"))
        .collect();
    let sql = format!(
        "select coalesce(jsonb_agg(o), '[]') from ({}) as o",
        tables.join(" union all ")
    );
    let owners = query(db, &sql).await?;
    let owners: Vec<(usize, i64, i64)> = serde_json::from_value(owners).unwrap_or_default();
    Ok(owners
        .into_iter()
        .map(|(table, id, archival)| ((table, id), archival))
        .collect())
}
