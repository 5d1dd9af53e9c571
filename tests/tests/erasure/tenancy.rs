//! Erasure under tenancy.

use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, EntityTrait};
use sea_orm_archive::erasure::PersonEntity;
use sea_orm_archive::error::NotFoundError;
use sea_orm_archive::{Context, Error, check, erasure};
use sea_orm_archive_migration::{
    ArchiveSchema, AuditSchema, ErasureSchema, ExistingTable, PersonalData, Tenancy, TenancySchema,
};
use sea_orm_archive_tests::Database;
use sea_orm_archive_tests::sql::{count, run, texts};
use sea_orm_migration::SchemaManager;
use sea_orm_migration::prelude::ColumnType;

/// Members of organisations, with notes. Odd ids belong to the first organisation, and one e-mail address is that of a member of both.
mod member {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "members")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub org_id: i64,
        pub email: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLES: &str = "
    create table members (id bigint primary key, org_id bigint not null, email text not null);
    create table notes (id bigint primary key, org_id bigint not null, member_id bigint not null, note text not null);";
const ROWS: &str = "
    insert into members values (1, 1, 'ada@example.org'), (2, 2, 'ada@example.org');
    insert into notes values (1, 1, 1, 'ours of ada@example.org'), (2, 2, 2, 'theirs of ada@example.org'), (3, 1, 2, 'a note of theirs in ours');";

struct Organisations {
    database: Database,
    owner: DatabaseConnection,
    eraser: DatabaseConnection,
}

async fn organisations() -> Organisations {
    let database = Database::empty().await;
    let [owner_role, eraser, ops] = [
        database.role("owner").await,
        database.role("eraser").await,
        database.role("ops").await,
    ];
    run(
        &database.connect().await,
        &format!(
            "create extension btree_gist; grant create on database \"{}\" to \"{owner_role}\"; grant all on schema public to \"{owner_role}\"",
            database.name()
        ),
    )
    .await;
    let owner = database.connect_as("owner").await;
    let manager = SchemaManager::new(&owner);
    manager.install_archive().await.unwrap();
    manager.install_audit().await.unwrap();
    run(&owner, TABLES).await;
    for table in ["members", "notes"] {
        let existing = ExistingTable::new(table).deleted_by(ColumnType::Text);
        manager.archive_existing_table(existing).await.unwrap();
        manager.audit_table(table).await.unwrap();
    }
    let members = PersonalData::of_person()
        .pseudonym("email")
        .identifying(["email"])
        .is_actor();
    manager
        .declare_personal_data("members", members)
        .await
        .unwrap();
    let notes = PersonalData::belongs_to("members", ["member_id"]).constant("note", "[erased]");
    manager.declare_personal_data("notes", notes).await.unwrap();
    for role in [&eraser, &ops] {
        manager.grant_erasure(role).await.unwrap();
        manager.grant_archive(role).await.unwrap();
        manager.grant_audit(role).await.unwrap();
        run(
            &owner,
            &format!(
                "grant select, insert, update, delete on all tables in schema public to \"{role}\""
            ),
        )
        .await;
    }
    run(&owner, ROWS).await;
    for table in ["members", "notes"] {
        let tenancy = Tenancy::new(table, "org_id").administrator(&ops);
        manager.enable_tenancy(tenancy).await.unwrap();
    }
    manager.attribute_to_tenants().await.unwrap();
    let eraser = database.connect_as("eraser").await;
    Organisations {
        database,
        owner,
        eraser,
    }
}

impl Organisations {
    async fn tenant(&self, org: i64) -> DatabaseTransaction {
        Context::new()
            .actor(org)
            .tenant(org)
            .begin(&self.eraser)
            .await
            .unwrap()
    }

    async fn superuser(&self) -> DatabaseConnection {
        self.database.connect().await
    }
}

/// What belongs to the second organisation, byte for byte.
async fn of_the_other(db: &impl ConnectionTrait) -> Vec<String> {
    texts(
        db,
        "select m::text from members m where org_id = 2 union all select n::text from notes n where org_id = 2
         union all select m::text from deleted_members m where org_id = 2 union all select n::text from deleted_notes n where org_id = 2
         union all select e::text from archive.audit_entry e where tenant = '2' union all select d::text from archive.audit_details d where tenant = '2'
         union all select a::text from archive.archival a where tenant = '2' order by 1",
    )
    .await
}

#[tokio::test]
async fn tenant_erases_in_its_own_rows_entries_and_records() {
    let organisations = organisations().await;
    let superuser = organisations.superuser().await;
    for org in [1, 2] {
        let txn = Context::new()
            .actor(org)
            .tenant(org)
            .reason("of ada@example.org")
            .begin(&organisations.eraser)
            .await
            .unwrap();
        run(
            &txn,
            &format!(
                "update notes set note = concat(note, ' again, ada@example.org') where id = {org}"
            ),
        )
        .await;
        txn.commit().await.unwrap();
    }
    let before = of_the_other(&superuser).await;
    assert!(before.len() > 5, "{before:?}");

    let txn = organisations.tenant(1).await;
    let certificate = member::Entity::erase_by_id(1).exec(&txn).await.unwrap();
    txn.commit().await.unwrap();
    assert!(certificate.is_complete(), "{certificate}");
    assert_eq!(certificate.erasure.tenant.as_deref(), Some("1"));
    assert_eq!(of_the_other(&superuser).await, before);
    assert_eq!(
        count(
            &superuser,
            "archive.audit_entry where tenant = '1' and concat(old, new, whole) like '%ada@%'"
        )
        .await,
        0
    );
    assert_eq!(
        count(
            &superuser,
            "archive.audit_details where tenant = '1' and details::text like '%ada@%'"
        )
        .await,
        0
    );

    // A member of another tenant, whose row and entries are those of the other one.
    let txn = organisations.tenant(1).await;
    member::Entity::erase_by_id(2).exec(&txn).await.unwrap();
    txn.commit().await.unwrap();
    assert_eq!(of_the_other(&superuser).await, before);

    let (ours, theirs) = (organisations.tenant(1).await, organisations.tenant(2).await);
    assert_eq!(erasure::Entity::find().all(&ours).await.unwrap().len(), 2);
    assert!(count(&ours, "archive.erased_place").await > 0);
    assert_eq!(erasure::Entity::find().all(&theirs).await.unwrap(), []);
    assert_eq!(count(&theirs, "archive.erased_place").await, 0);
}

#[tokio::test]
async fn administrator_erases_for_every_tenant_and_nobody_else_without_one() {
    let organisations = organisations().await;
    let superuser = organisations.superuser().await;
    let error = member::Entity::erase_by_id(2)
        .exec(&organisations.eraser)
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("needs an administrator of tenancy"),
        "{error}"
    );
    let ops = organisations.database.connect_as("ops").await;
    for id in [1, 2] {
        let certificate = member::Entity::erase_by_id(id).exec(&ops).await.unwrap();
        assert!(certificate.is_complete() || id == 1, "{certificate}");
    }
    assert_eq!(
        count(
            &superuser,
            "archive.audit_entry where concat(old, new, whole) like '%ada@%'"
        )
        .await,
        0
    );
    assert_eq!(
        count(&superuser, "members where email like 'erased-%'").await,
        2
    );
    assert_eq!(count(&superuser, "notes where note = '[erased]'").await, 3);
}

/// Of another tenant's erasure nothing is read, and nothing is changed.
#[tokio::test]
async fn erasure_of_another_tenant_is_out_of_reach() {
    let organisations = organisations().await;
    let superuser = organisations.superuser().await;
    let theirs = organisations.tenant(2).await;
    let begun: i64 = sea_orm_archive_tests::sql::one(
        &theirs,
        "select archive.begin_erasure('members', '[\"2\"]')",
    )
    .await;
    for _ in 0..3 {
        run(&theirs, &format!("select archive.erase_step({begun}, 1)")).await;
    }
    theirs.commit().await.unwrap();
    assert!(count(&superuser, "archive.erasure_value").await > 0);
    for call in [
        format!("archive.erasure_patterns({begun}) as p(p) where p <> '{{}}'"),
        format!("archive.erasure_queries({begun}, true)"),
        format!("archive.erase_step({begun}, 1) as s where s is not null"),
    ] {
        let ours = organisations.tenant(1).await;
        assert_eq!(count(&ours, &call).await, 0, "{call}");
    }
    for call in [
        "erasure_add({id}, 1, '[[\"1\"]]')",
        "erasure_next({id}, 1)",
        "erasure_record({id}, 1, '[]', '[]')",
        "erasure_finish({id}, '{}', '[]')",
        "erasure_advance({id}, 0)",
    ] {
        let ours = organisations.tenant(1).await;
        let call = format!(
            "select archive.{}",
            call.replace("{id}", &begun.to_string())
        );
        assert_eq!(
            sea_orm_archive_tests::sql::refused(&ours, &call).await.code,
            "55000",
            "{call}"
        );
    }
}

#[tokio::test]
async fn hold_of_a_tenant_stops_the_erasure_of_that_tenant_alone() {
    let organisations = organisations().await;
    run(
        &organisations.superuser().await,
        "insert into archive.hold (relation, held_table, reason, placed_at, tenant) values ('notes', 'public.notes', 'case', now(), '2')",
    )
    .await;
    let ours = organisations.tenant(1).await;
    assert!(
        member::Entity::erase_by_id(1)
            .exec(&ours)
            .await
            .unwrap()
            .is_complete()
    );
    ours.commit().await.unwrap();
    let theirs = organisations.tenant(2).await;
    let error = member::Entity::erase_by_id(2)
        .exec(&theirs)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Conflict(_)), "{error}");
}

#[tokio::test]
async fn check_and_disable_tenancy_know_the_policies_of_erasures() {
    let organisations = organisations().await;
    let policies = "pg_policies where policyname like 'tenancy%'";
    assert_eq!(check(&organisations.owner).await.unwrap(), []);
    assert_eq!(
        count(
            &organisations.owner,
            "pg_policies where policyname = 'tenancy_erasing'"
        )
        .await,
        2
    );
    run(
        &organisations.owner,
        "drop policy tenancy_erasing on archive.audit_entry",
    )
    .await;
    assert_eq!(check(&organisations.owner).await.unwrap().len(), 1);
    let manager = SchemaManager::new(&organisations.owner);
    for table in ["notes", "members"] {
        manager.disable_tenancy(table).await.unwrap();
    }
    assert_eq!(count(&organisations.owner, policies).await, 0);
    assert_eq!(check(&organisations.owner).await.unwrap(), []);
    let certificate = member::Entity::erase_by_id(1)
        .exec(&organisations.eraser)
        .await
        .unwrap();
    assert!(certificate.erasure.tenant.is_none());
}

/// What an erasure has found is deleted at its end. That of a tenant never ends where tenancy is disabled before.
#[tokio::test]
async fn values_of_an_erasure_that_did_not_end_are_deleted_by_the_one_for_every_tenant() {
    let organisations = organisations().await;
    let superuser = organisations.superuser().await;
    let ours = organisations.tenant(1).await;
    let mut batches = member::Entity::erase_by_id(1).in_batches(1);
    for _ in 0..3 {
        batches.next(&ours).await.unwrap();
    }
    ours.commit().await.unwrap();
    let stored = "archive.erasure_value where value like '%ada%'";
    assert_eq!(count(&superuser, stored).await, 1);
    let manager = SchemaManager::new(&organisations.owner);
    for table in ["members", "notes"] {
        manager.disable_tenancy(table).await.unwrap();
    }
    let eraser = &organisations.eraser;
    let certificate = member::Entity::erase_by_id(1).exec(eraser).await.unwrap();
    assert!(certificate.erasure.finished_at.is_some());
    assert_eq!(count(&superuser, stored).await, 0);
    assert_eq!(
        texts(&superuser, "select state from archive.erasure order by id").await,
        ["collect", "finished"]
    );
}

/// The same the other way round: tenancy is enabled between two steps of an erasure for every tenant.
#[tokio::test]
async fn erasure_that_began_before_tenancy_is_ended_by_an_administrator() {
    let organisations = organisations().await;
    let superuser = organisations.superuser().await;
    run(
        &superuser,
        "update members set email = 'bob@example.org' where id = 2",
    )
    .await;
    let (manager, eraser) = (
        SchemaManager::new(&organisations.owner),
        &organisations.eraser,
    );
    for table in ["notes", "members"] {
        manager.disable_tenancy(table).await.unwrap();
    }
    // It has erased the member, and none of the notes.
    let mut batches = member::Entity::erase_by_id(2).in_batches(1);
    batches.next(eraser).await.unwrap();
    let stored = "archive.erasure_value where value like '%bob%'";
    assert_eq!(count(&superuser, stored).await, 1);
    let ops = organisations.database.role("ops").await;
    for table in ["members", "notes"] {
        let tenancy = Tenancy::new(table, "org_id").administrator(&ops);
        manager.enable_tenancy(tenancy).await.unwrap();
    }
    manager.attribute_to_tenants().await.unwrap();

    // A tenant does not go on with it. Its own erasure ends, and covers its own rows.
    let theirs = organisations.tenant(2).await;
    for refused in [batches.next(eraser).await, batches.next(&theirs).await] {
        let error = refused.unwrap_err();
        assert!(
            matches!(error, Error::NotFound(NotFoundError::Erasure { .. })),
            "{error}"
        );
        assert!(
            error.to_string().contains("an administrator of tenancy"),
            "{error}"
        );
    }
    theirs.rollback().await.unwrap();
    let theirs = organisations.tenant(2).await;
    let certificate = member::Entity::erase_by_id(2).exec(&theirs).await.unwrap();
    theirs.commit().await.unwrap();
    assert_eq!(certificate.erasure.tenant.as_deref(), Some("2"));
    assert_eq!(
        count(&superuser, "notes where id = 3 and note = '[erased]'").await,
        0
    );

    let ops = organisations.database.connect_as("ops").await;
    let mut last = None;
    while let Some(certificate) = batches.next(&ops).await.unwrap() {
        last = Some(certificate);
    }
    let certificate = last.unwrap();
    assert!(certificate.erasure.finished_at.is_some() && certificate.erasure.tenant.is_none());
    // Member 1 has the address that member 2 had before.
    let found: Vec<_> = certificate.found().into_iter().collect();
    let of_the_other = ["public.members.email", "public.notes.note"];
    assert_eq!(found, of_the_other.map(|place| (place.to_owned(), 1)));
    assert_eq!(
        count(&superuser, "notes where id = 3 and note = '[erased]'").await,
        1
    );
    assert_eq!(count(&superuser, stored).await, 0);
    let left = "archive.audit_entry where concat(old, new, whole) like '%bob@%' or key->>'id' = '3' and concat(old, new, whole) like '%a note of theirs%'";
    assert_eq!(count(&superuser, left).await, 0);
}
