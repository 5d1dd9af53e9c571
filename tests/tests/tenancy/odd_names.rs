//! Names that resemble the placeholders of our statements, and comments that end a line of them.

use sea_orm_archive::check;
use sea_orm_archive_migration::{ArchiveSchema, AuditSchema, TenancySchema};

use crate::tenancy::bare::{bare, grant};
use crate::tenancy::database::{number, run, texts};

const TABLE: &str = "{rows}\n; -- {table}";
const ORG: &str = "{archive_table} \"{name}\"\n--";

/// The statements that attribute entries name table, key and column.
#[tokio::test]
async fn entries_from_before_tenancy_are_attributed_under_any_name() {
    let organisations = bare().await;
    let owner = &organisations.owner;
    let manager = organisations.manager();
    let org = format!("\"{}\"", ORG.replace('"', "\"\""));
    manager.install_audit().await.unwrap();
    for role in ["web", "ops"] {
        let role = organisations.database.role(role).await;
        manager.grant_audit(&role).await.unwrap();
    }
    run(
        owner,
        &format!(
            "create table \"{TABLE}\" (\"{{archival_id}}\" int primary key, {org} int not null)"
        ),
    )
    .await;
    manager.archive_existing_table(TABLE).await.unwrap();
    manager.audit_table(TABLE).await.unwrap();
    grant(&organisations).await;
    run(
        owner,
        &format!("insert into \"{TABLE}\" values (1, 1), (2, 2)"),
    )
    .await;
    for enabled in [1, 2] {
        manager.enable_tenancy((TABLE, ORG)).await.unwrap();
        assert_eq!(organisations.attribute().await.entries, 2);
        assert_eq!(check(owner).await.unwrap(), []);
        let tenant = organisations.tenant(1).await;
        let keys = format!("select \"{{archival_id}}\"::text from \"{TABLE}\"");
        assert_eq!(
            texts(&tenant, &keys).await,
            ["1"],
            "enabled {enabled} times"
        );
        let keys_logged = "select key::text from archive.audit_entry";
        assert_eq!(
            texts(&tenant, keys_logged).await,
            ["{\"{archival_id}\": 1}"]
        );
        drop(tenant);
        manager.disable_tenancy(TABLE).await.unwrap();
        let shown = number(
            &organisations.web,
            "select count(*) from archive.audit_entry",
        )
        .await;
        assert_eq!(shown, 2);
    }
}
