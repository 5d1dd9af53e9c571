//! A real schema with real rows: a music shop of 15,000 rows, whose foreign keys know no cascade, and
//! whose entities `sea-orm-cli generate entity` wrote. Only the policies were added by hand.
//!
//! The file with the rows is not part of this repository: `CHINOOK_SQL` says where it is. Without it
//! these tests say that they were skipped.

#[allow(
    missing_docs,
    unused_imports,
    unreachable_pub,
    reason = "as it was generated"
)]
mod compact;
#[allow(
    missing_docs,
    unused_imports,
    unreachable_pub,
    reason = "as it was generated"
)]
mod entity;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::LazyLock;

use entity::{artist, customer, employee, playlist, track};
use sea_orm::DatabaseConnection;
use sea_orm::entity::prelude::*;
use sea_orm_archive::error::ConflictError;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_archive_tests::{Database, sql};
use sea_orm_migration::SchemaManager;

const TABLES: [&str; 11] = [
    "album",
    "artist",
    "customer",
    "employee",
    "genre",
    "invoice",
    "invoice_line",
    "media_type",
    "playlist",
    "playlist_track",
    "track",
];

/// The statements of the file, but for those that are about the database itself.
static SQL: LazyLock<Option<String>> = LazyLock::new(|| {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/chinook.sql");
    let path = std::env::var_os("CHINOOK_SQL").map_or_else(beside, PathBuf::from);
    let file = std::fs::read_to_string(&path).ok()?;
    let own = |line: &&str| {
        !["DROP DATABASE", "CREATE DATABASE", "\\c "]
            .iter()
            .any(|other| line.starts_with(other))
    };
    Some(file.lines().filter(own).collect::<Vec<_>>().join("\n"))
});

/// A copy of the shop, or `None` and a word about it.
async fn shop() -> Option<(Database, DatabaseConnection)> {
    let Some(sql) = SQL.as_deref() else {
        println!("skipped: there is no chinook.sql; set CHINOOK_SQL to its path");
        return None;
    };
    let database = Database::from_template("chinook", async |db| {
        db.execute_unprepared(sql).await?;
        let manager = SchemaManager::new(&db);
        manager.install_archive().await?;
        for table in TABLES {
            manager.archive_existing_table(table).await?;
        }
        Ok(())
    })
    .await;
    let db = database.connect().await;
    Some((database, db))
}

/// How many rows each table has, and the hash of all of them.
async fn contents(db: &DatabaseConnection) -> BTreeMap<String, (i64, String)> {
    let mut all = BTreeMap::new();
    for name in TABLES
        .into_iter()
        .flat_map(|table| [table.to_owned(), format!("deleted_{table}")])
    {
        let sql = format!(
            "select array[count(*)::text, coalesce(md5(string_agg(t::text, E'\\n' order by t::text)), '')] from {name} t"
        );
        let [rows, hash] = sql::one::<Vec<String>>(db, &sql).await.try_into().unwrap();
        all.insert(name, (rows.parse().unwrap(), hash));
    }
    all
}

/// What has left each table, by the counts.
fn gone(
    before: &BTreeMap<String, (i64, String)>,
    now: &BTreeMap<String, (i64, String)>,
) -> BTreeMap<String, u64> {
    TABLES
        .into_iter()
        .map(|table| {
            (
                format!("public.{table}"),
                u64::try_from(before[table].0 - now[table].0).unwrap(),
            )
        })
        .filter(|(_, rows)| *rows > 0)
        .collect()
}

fn moved(archivals: &[Archival]) -> BTreeMap<String, u64> {
    let mut sum = BTreeMap::new();
    for (table, rows) in archivals.iter().flat_map(Archival::rows) {
        *sum.entry(table).or_default() += rows;
    }
    sum.retain(|_, rows| *rows > 0);
    sum
}

/// Archives, compares what moved with the preview and the tables, and restores.
macro_rules! round_trip {
    ($db:expr, $archive:expr) => {{
        let db = $db;
        let before = contents(db).await;
        let mut preview = $archive.preview(db).await.unwrap();
        assert_eq!(preview.blocked, []);
        let archivals = Vec::from_iter(
            $archive
                .exec(db)
                .await
                .into_iter()
                .flat_map(IntoArchivals::into_archivals),
        );
        let between = contents(db).await;
        preview.rows.retain(|_, rows| *rows > 0);
        assert_eq!(moved(&archivals), preview.rows);
        assert_eq!(moved(&archivals), gone(&before, &between));
        assert!(!archivals.is_empty());
        for archival in &archivals {
            archival.restore(db).await.unwrap();
        }
        assert_eq!(contents(db).await, before);
        preview.rows
    }};
}

trait IntoArchivals {
    fn into_archivals(self) -> Vec<Archival>;
}

impl IntoArchivals for Archival {
    fn into_archivals(self) -> Vec<Archival> {
        vec![self]
    }
}

impl IntoArchivals for Vec<Archival> {
    fn into_archivals(self) -> Vec<Archival> {
        self
    }
}

#[tokio::test]
async fn customers_with_their_invoices() {
    let Some((_shop, db)) = shop().await else {
        return;
    };
    for id in [1, 17, 59] {
        let rows = round_trip!(&db, customer::Entity::archive_by_id(id));
        assert!(rows["public.invoice_line"] > rows["public.invoice"]);
    }
    let american = || customer::Entity::archive_many().filter(customer::Column::Country.eq("USA"));
    assert_eq!(round_trip!(&db, american())["public.customer"], 13);
    assert_eq!(
        round_trip!(&db, customer::Entity::archive_many())["public.invoice_line"],
        2240
    );
}

#[tokio::test]
async fn playlists_with_their_tracks() {
    let Some((_shop, db)) = shop().await else {
        return;
    };
    assert_eq!(
        round_trip!(&db, playlist::Entity::archive_by_id(1))["public.playlist_track"],
        3290
    );
    assert_eq!(
        round_trip!(&db, playlist::Entity::archive_many())["public.playlist_track"],
        8715
    );
}

/// The whole shop reports to one employee, and customers have others as their contact: those links are
/// cut and put back.
#[tokio::test]
async fn employees_with_all_below_them() {
    let Some((_shop, db)) = shop().await else {
        return;
    };
    let preview = employee::Entity::archive_by_id(1)
        .preview(&db)
        .await
        .unwrap();
    assert_eq!(
        (preview.rows["public.employee"], preview.detached[0].rows),
        (8, 59)
    );
    let before = contents(&db).await;
    let boss = employee::Entity::archive_by_id(1).exec(&db).await.unwrap();
    assert_eq!(contents(&db).await["employee"].0, 0);
    assert_eq!(boss.restore(&db).await.unwrap().relinked, 59);
    assert_eq!(contents(&db).await, before);
}

/// A track that was sold is kept by its invoice lines, as nobody has declared what becomes of them.
#[tokio::test]
async fn sold_tracks_are_blocked() {
    let Some((_shop, db)) = shop().await else {
        return;
    };
    let before = contents(&db).await;
    match track::Entity::archive_by_id(1).exec(&db).await.unwrap_err() {
        Error::Conflict(ConflictError::Blocked { blockers, .. }) => {
            assert_eq!(blockers[0].constraint, "invoice_line_track_id_fkey");
            assert_eq!(
                (blockers[0].table.as_str(), blockers[0].rows),
                ("public.invoice_line", 1)
            );
        }
        error => panic!("{error}"),
    }
    assert!(matches!(
        artist::Entity::archive_by_id(1)
            .exec(&db)
            .await
            .unwrap_err(),
        Error::Conflict(ConflictError::Blocked { .. })
    ));
    assert_eq!(contents(&db).await, before);
    let unsold = || track::Entity::archive_many().filter(track::Column::TrackId.eq(7));
    assert_eq!(round_trip!(&db, unsold())["public.track"], 1);
}

/// The entities of the compact format say that the lines go along.
#[tokio::test]
async fn sold_tracks_go_along() {
    let Some((_shop, db)) = shop().await else {
        return;
    };
    let rows = round_trip!(&db, compact::track::Entity::archive_by_id(1));
    assert_eq!(rows["public.invoice_line"], 1);
    let rows = round_trip!(&db, compact::artist::Entity::archive_by_id(90));
    assert_eq!((rows["public.album"], rows["public.track"]), (21, 213));
    assert_eq!(
        round_trip!(&db, compact::artist::Entity::archive_many())["public.track"],
        3503
    );
}

/// A playlist and a track of it: their row waits for the second of them to come back.
#[tokio::test]
async fn a_playlist_and_its_track() {
    let Some((_shop, db)) = shop().await else {
        return;
    };
    let before = contents(&db).await;
    let list = playlist::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let track = track::Entity::archive_by_id(7).exec(&db).await.unwrap();
    let restored = list.restore(&db).await.unwrap();
    assert_eq!(
        (restored.waiting[0].archival, restored.waiting[0].rows),
        (track.id, 1)
    );
    track.restore(&db).await.unwrap();
    assert_eq!(contents(&db).await, before);
}
