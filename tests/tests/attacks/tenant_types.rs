//! The owner of the type of the tenant column defines casts for it, which must not run as another role.

use sea_orm::DatabaseConnection;
use sea_orm_archive::Context;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{ArchiveSchema, AuditSchema, Tenancy, TenancySchema};
use serde_json::json;

use crate::attacks::audited::{Audited, json, run};

mod team {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "teams")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        #[sea_orm(has_many)]
        #[archive(detach)]
        pub badges: HasMany<super::badge::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod badge {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "badges")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub team_id: Option<i32>,
        #[sea_orm(belongs_to, from = "team_id", to = "id")]
        pub team: BelongsTo<Option<super::team::Entity>>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLES: &str = "
    create table teams (id int primary key, region types.region not null);
    create table badges (id int primary key, region types.region not null, team_id int references teams on delete set null);
    create table ran (who name default current_user);
    grant insert on ran to public;";

const CASTS: &str = "
    create function types.as_text(types.region) returns text language plpgsql as $$
    begin insert into public.ran default values; return format('%s', $1); end $$;
    create cast (types.region as text) with function types.as_text(types.region) as KIND;";

async fn open(region: &str) -> Audited {
    let audited = Audited::empty().await;
    let mallory = audited.database.role("mallory").await;
    run(
        &audited.owner,
        &format!("create schema types; grant usage on schema types to public; grant create on schema types to \"{mallory}\""),
    )
    .await;
    let types = audited.database.connect_as("mallory").await;
    run(&types, region).await;
    run(&types, "grant usage on type types.region to public").await;
    run(&audited.owner, TABLES).await;
    let tables = ["teams", "badges"];
    audited
        .audit(tables.map(Into::into).to_vec(), &tables)
        .await;
    run(
        &audited.owner,
        "insert into teams values (1, 'eu'), (2, 'us'), (3, 'eu'); insert into badges values (1, 'eu', 1), (2, 'us', 2), (3, 'eu', 3), (4, 'eu', 3)",
    )
    .await;
    audited
}

/// Whether the cast was called.
async fn ran(audited: &Audited) -> bool {
    let ran = json(&audited.owner, "select to_jsonb(who) from ran").await;
    run(&audited.owner, "delete from ran").await;
    !ran.is_empty()
}

/// Archives, previews and restores, as the application for one tenant.
async fn moves(db: &DatabaseConnection) {
    let txn = Context::new().tenant("eu").begin(db).await.unwrap();
    // An archived row is detached as well.
    let badge = badge::Entity::archive_by_id(4).exec(&txn).await.unwrap();
    let team = team::Entity::archive_by_id(3).exec(&txn).await.unwrap();
    let preview = team::Entity::restore_by_id(3).preview(&txn).await.unwrap();
    assert_eq!(preview.not_relinked.len(), 0);
    let restored = team.restore(&txn).await.unwrap();
    assert_eq!(restored.relinked, 2);
    badge.restore(&txn).await.unwrap();
    let many = team::Entity::archive_many().filter(sea_orm::Condition::all());
    for team in many.exec(&txn).await.unwrap() {
        assert_eq!(team.tenant.as_deref(), Some("eu"));
        team.restore(&txn).await.unwrap();
    }
    txn.commit().await.unwrap();
}

#[tokio::test]
async fn no_cast_of_the_type_of_tenants_runs_as_another_role() {
    for kind in ["assignment", "implicit"] {
        let audited = open("create type types.region as enum ('eu', 'us')").await;
        let web = audited.database.connect_as("web").await;
        // From before tenancy: an archival with a row and a link, for each tenant.
        for id in [1, 2] {
            team::Entity::archive_by_id(id).exec(&web).await.unwrap();
        }
        let types = audited.database.connect_as("mallory").await;
        let casts = CASTS.replace("KIND", kind);
        // PostgreSQL refuses the policies if a cast is implicit: the operator is not unique then.
        let earlier = kind == "assignment";
        if earlier {
            run(&types, &casts).await;
        }
        let manager = audited.manager();
        for table in ["teams", "badges"] {
            let tenancy = Tenancy::new(table, "region");
            manager.enable_tenancy(tenancy).await.unwrap();
            manager.sync_archived_table(table).await.unwrap();
            manager.audit_table(table).await.unwrap();
        }
        manager.attribute_to_tenants().await.unwrap();
        if !earlier {
            run(&types, &casts).await;
        }
        assert!(!ran(&audited).await, "{kind}: as the migration");
        let superuser = audited.database.connect().await;
        let tenants = "select to_jsonb(array_agg(tenant order by id)) from archive.archival";
        assert_eq!(json(&superuser, tenants).await, [json!(["eu", "us"])]);
        moves(&web).await;
        assert!(!ran(&audited).await, "{kind}: as the application");
        for table in ["teams", "badges"] {
            manager.disable_tenancy(table).await.unwrap();
        }
        assert!(!ran(&audited).await, "{kind}: as the migration");
    }
}

/// The text of a tenant of a built-in type, or of a domain over one, has no trailing blanks.
#[tokio::test]
async fn a_tenant_of_a_padded_type_is_the_tenant_of_the_context() {
    for region in [
        "create domain types.region as char(5)",
        "create domain types.region as varchar",
    ] {
        let audited = open(region).await;
        let web = audited.database.connect_as("web").await;
        team::Entity::archive_by_id(1).exec(&web).await.unwrap();
        let manager = audited.manager();
        for table in ["teams", "badges"] {
            let tenancy = Tenancy::new(table, "region");
            manager.enable_tenancy(tenancy).await.unwrap();
        }
        manager.attribute_to_tenants().await.unwrap();
        let superuser = audited.database.connect().await;
        let tenants = "select to_jsonb(tenant) from archive.archival";
        assert_eq!(json(&superuser, tenants).await, [json!("eu")]);
        moves(&web).await;
        // The entries of a TRUNCATE, and the link of a deleted row.
        manager.audit_table("badges").await.unwrap();
        run(
            &superuser,
            "delete from archive.detached_link; truncate badges",
        )
        .await;
        let tenants = "select to_jsonb(array_agg(distinct tenant order by tenant)) from archive.audit_entry where operation = 'TRUNCATE'";
        assert_eq!(json(&superuser, tenants).await, [json!(["eu", "us"])]);
        run(&superuser, "insert into badges values (3, 'eu', 3)").await;
        let txn = Context::new().tenant("eu").begin(&web).await.unwrap();
        team::Entity::archive_by_id(3).exec(&txn).await.unwrap();
        run(&txn, "delete from badges where id = 3").await;
        txn.commit().await.unwrap();
        let link =
            "select to_jsonb(deleted) from archive.detached_link where child_key = '[\"3\"]'";
        assert_eq!(json(&superuser, link).await, [json!(true)]);
    }
}
