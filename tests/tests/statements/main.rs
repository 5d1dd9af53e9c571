//! Every statement that is sent to PostgreSQL for small schemas, and the objects that the migrations create. A change of
//! SQL shows as a diff in `snapshots/`; `INSTA_UPDATE=always` writes new snapshots.

mod objects;
mod recorder;
mod schemas;

use sea_orm_archive_migration::{ArchiveSchema, AuditSchema};
use sea_orm_migration::SchemaManager;

use crate::recorder::Recorder;
use crate::schemas::Schema;

/// Records what a schema's migrations and calls send, and compares it with the snapshot of that name.
async fn compare(schema: impl Schema) {
    let recorder = Recorder::open(schema.name()).await;
    let manager = SchemaManager::new(recorder.db());
    manager.install_archive().await.unwrap();
    manager.install_audit().await.unwrap();
    recorder.run(schema.tables()).await;
    let before = objects::functions(&recorder).await;
    recorder.section("migrations").await;
    schema.migrate(&manager).await.unwrap();
    recorder.section("").await;
    assert_eq!(sea_orm_archive::check(recorder.db()).await.unwrap(), []);
    let objects = objects::describe(&recorder, &before).await;
    recorder.run(schema.rows()).await;
    schema.call(&recorder).await;
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        insta::assert_snapshot!(format!("{}-objects", schema.name()), objects);
    });
    let sent = recorder.sent().await;
    settings.bind(|| insta::assert_snapshot!(schema.name(), sent));
}

macro_rules! snapshots {
    ($($name:ident),+) => {
        $(
            #[tokio::test]
            async fn $name() {
                compare(schemas::$name::This).await;
            }
        )+
    };
}

snapshots!(
    tree,
    detach,
    composite,
    guarded,
    audited,
    tenants,
    stamped,
    history,
    partitioned,
    computed,
    quoted,
    shared_child
);
