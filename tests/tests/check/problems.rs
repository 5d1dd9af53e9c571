//! The problems that check reports, one after the other.

use super::shop::{Shop, Way::*};

const ARCHIVE: &str = "call manager.install_archive() again";
const AUDIT: &str = "call manager.install_audit() again";
const STAMP: &str = "call manager.stamp_table(..) again";
const TEMPORAL: &str = "call manager.create_temporal_foreign_key(..) again";

#[tokio::test]
async fn triggers_that_are_missing_are_reported() {
    let shop = Shop::new().await;
    shop.each(&[
        ("drop trigger archive_follow_key on bookmarks",
         &[["public.bookmarks", "has no trigger archive_follow_key", ARCHIVE]], &[InstallArchive]),
        ("drop trigger archive_mark_deleted on bookmarks",
         &[["public.bookmarks", "has no trigger archive_mark_deleted", ARCHIVE]], &[InstallArchive]),
        ("drop trigger archive_mark_truncated on bookmarks",
         &[["public.bookmarks", "has no trigger archive_mark_truncated", ARCHIVE]], &[InstallArchive]),
        ("drop trigger zz_stamp on posts",
         &[["public.posts", "has no trigger zz_stamp", STAMP]], &[Stamp("posts")]),
        ("drop trigger zz_stamp on orders",
         &[["public.orders", "has no trigger zz_stamp", STAMP], ["public.orders_low", "has no trigger zz_stamp", STAMP]],
         &[Stamp("orders")]),
        ("drop trigger archive_audit_insert on orders_low",
         &[["public.orders_low", "has no trigger archive_audit_insert", AUDIT]], &[InstallAudit]),
        ("drop trigger archive_audit_delete on deleted_posts",
         &[["public.deleted_posts", "has no trigger archive_audit_delete", AUDIT]], &[InstallAudit]),
        ("drop trigger archive_audit_truncate on posts",
         &[["public.posts", "has no trigger archive_audit_truncate", AUDIT]], &[InstallAudit]),
        ("create table orders_high partition of orders for values from (1000) to (2000); drop trigger archive_audit_update on orders",
         &[["public.orders", "has no trigger archive_audit_update", AUDIT],
           ["public.orders_high", "has no trigger archive_audit_delete", AUDIT],
           ["public.orders_high", "has no trigger archive_audit_insert", AUDIT],
           ["public.orders_high", "has no trigger archive_audit_truncate", AUDIT],
           ["public.orders_high", "has no trigger archive_audit_update", AUDIT]],
         &[InstallAudit]),
        ("drop trigger staff_department_id_hired_at_fkey_1_insert on staff",
         &[["public.staff", "has no trigger staff_department_id_hired_at_fkey_1_insert", TEMPORAL]], &[TemporalForeignKey]),
        ("drop function archive.staff_department_id_hired_at_fkey_1_update() cascade",
         &[["public.staff", "has no trigger staff_department_id_hired_at_fkey_1_update", TEMPORAL]], &[TemporalForeignKey]),
        ("drop trigger staff_department_id_hired_at_fkey_1_shorten on department_history",
         &[["public.department_history", "has no trigger staff_department_id_hired_at_fkey_1_shorten", TEMPORAL]], &[TemporalForeignKey]),
        ("drop trigger staff_department_id_hired_at_fkey_1_delete on department_history",
         &[["public.department_history", "has no trigger staff_department_id_hired_at_fkey_1_delete", TEMPORAL]], &[TemporalForeignKey]),
        ("drop trigger staff_department_id_hired_at_fkey_1_truncate on department_history",
         &[["public.department_history", "has no trigger staff_department_id_hired_at_fkey_1_truncate", TEMPORAL]], &[TemporalForeignKey]),
        ("drop trigger report_state on archive.snapshot_probe",
         &[["archive.snapshot_probe", "has no trigger report_state", ARCHIVE]], &[InstallArchive]),
        ("drop trigger refuse_lost_rows on archive.audit_move",
         &[["archive.audit_move", "has no trigger refuse_lost_rows", AUDIT]], &[InstallAudit]),
    ])
    .await;
}

#[tokio::test]
async fn triggers_in_another_mode_are_reported() {
    let shop = Shop::new().await;
    shop.each(&[
        ("alter table bookmarks disable trigger archive_follow_key",
         &[["public.bookmarks", "has the trigger archive_follow_key disabled", "ALTER TABLE public.bookmarks ENABLE ALWAYS TRIGGER archive_follow_key"]],
         &[Remedy]),
        ("alter table bookmarks enable trigger archive_mark_deleted",
         &[["public.bookmarks", "has the trigger archive_mark_deleted enabled, and not always", "ALTER TABLE public.bookmarks ENABLE ALWAYS TRIGGER archive_mark_deleted"]],
         &[Remedy]),
        ("alter table posts enable replica trigger archive_audit_update",
         &[["public.posts", "has the trigger archive_audit_update enabled for replicas only", "ALTER TABLE public.posts ENABLE ALWAYS TRIGGER archive_audit_update"]],
         &[Remedy]),
        ("alter table orders_low disable trigger zz_stamp",
         &[["public.orders_low", "has the trigger zz_stamp disabled", "ALTER TABLE public.orders_low ENABLE TRIGGER zz_stamp"]],
         &[Remedy]),
        ("alter table posts enable always trigger zz_stamp",
         &[["public.posts", "has the trigger zz_stamp enabled always", "ALTER TABLE public.posts ENABLE TRIGGER zz_stamp"]],
         &[Remedy]),
        ("alter table staff disable trigger staff_department_id_hired_at_fkey_1_insert",
         &[["public.staff", "has the trigger staff_department_id_hired_at_fkey_1_insert disabled", "ALTER TABLE public.staff ENABLE TRIGGER staff_department_id_hired_at_fkey_1_insert"]],
         &[Remedy]),
        ("alter table archive.audit_move disable trigger refuse_lost_rows",
         &[["archive.audit_move", "has the trigger refuse_lost_rows disabled", "ALTER TABLE archive.audit_move ENABLE ALWAYS TRIGGER refuse_lost_rows"]],
         &[Remedy]),
        ("alter table archive.snapshot_probe disable trigger report_state",
         &[["archive.snapshot_probe", "has the trigger report_state disabled", "ALTER TABLE archive.snapshot_probe ENABLE TRIGGER report_state"]],
         &[Remedy]),
    ])
    .await;
}

#[tokio::test]
async fn triggers_of_another_event_or_function_are_reported() {
    let shop = Shop::new().await;
    shop.run(
        "create function nothing() returns trigger language plpgsql as 'begin return new; end'",
    )
    .await;
    shop.each(&[
        ("create or replace trigger archive_follow_key after update on bookmarks for each row when (record_image_ne(row(old.post_id), row(new.post_id))) execute function archive.follow_key(); alter table bookmarks enable always trigger archive_follow_key",
         &[["public.bookmarks", "has another trigger archive_follow_key than sea-orm-archive creates: CREATE TRIGGER archive_follow_key AFTER UPDATE ON public.bookmarks FOR EACH ROW WHEN (record_image_ne(ROW(old.post_id), ROW(new.post_id))) EXECUTE FUNCTION archive.follow_key()", ARCHIVE]],
         &[InstallArchive]),
        ("create or replace trigger archive_follow_key after update of post_id on bookmarks for each row when (record_image_ne(row(old.id), row(new.id))) execute function archive.follow_key(); alter table bookmarks enable always trigger archive_follow_key",
         &[["public.bookmarks", "has another trigger archive_follow_key than sea-orm-archive creates: CREATE TRIGGER archive_follow_key AFTER UPDATE OF post_id ON public.bookmarks FOR EACH ROW WHEN (record_image_ne(ROW(old.id), ROW(new.id))) EXECUTE FUNCTION archive.follow_key()", ARCHIVE]],
         &[InstallArchive]),
        ("create or replace trigger archive_mark_deleted after delete on bookmarks for each statement execute function archive.mark_deleted(); alter table bookmarks enable always trigger archive_mark_deleted",
         &[["public.bookmarks", "has another trigger archive_mark_deleted than sea-orm-archive creates: CREATE TRIGGER archive_mark_deleted AFTER DELETE ON public.bookmarks FOR EACH STATEMENT EXECUTE FUNCTION archive.mark_deleted()", ARCHIVE]],
         &[InstallArchive]),
        ("create or replace trigger archive_audit_insert after update on posts referencing new table as new_rows for each statement execute function archive.audit_1()",
         &[["public.posts", "has another trigger archive_audit_insert than sea-orm-archive creates: CREATE TRIGGER archive_audit_insert AFTER UPDATE ON public.posts REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION archive.audit_1()", AUDIT]],
         &[InstallAudit]),
        ("create or replace trigger archive_audit_truncate before truncate on deleted_posts for each statement execute function nothing()",
         &[["public.deleted_posts", "has another trigger archive_audit_truncate than sea-orm-archive creates: CREATE TRIGGER archive_audit_truncate BEFORE TRUNCATE ON public.deleted_posts FOR EACH STATEMENT EXECUTE FUNCTION public.nothing()", AUDIT]],
         &[InstallAudit]),
        ("create or replace trigger zz_stamp before update on posts for each row execute function nothing()",
         &[["public.posts", "has another trigger zz_stamp than sea-orm-archive creates: CREATE TRIGGER zz_stamp BEFORE UPDATE ON public.posts FOR EACH ROW EXECUTE FUNCTION public.nothing()", "drop it, and call manager.stamp_table(..) again"]],
         &[Sql("drop trigger zz_stamp on posts"), Stamp("posts")]),
        ("create or replace trigger staff_department_id_hired_at_fkey_1_delete after truncate on department_history for each statement execute function archive.staff_department_id_hired_at_fkey_1_delete()",
         &[["public.department_history", "has another trigger staff_department_id_hired_at_fkey_1_delete than sea-orm-archive creates: CREATE TRIGGER staff_department_id_hired_at_fkey_1_delete AFTER TRUNCATE ON public.department_history FOR EACH STATEMENT EXECUTE FUNCTION archive.staff_department_id_hired_at_fkey_1_delete()", TEMPORAL]],
         &[TemporalForeignKey]),
        ("create trigger stray after delete on notes for each statement execute function archive.mark_deleted()",
         &[["public.notes", "has the trigger stray of sea-orm-archive, which nothing in its registers needs", "DROP TRIGGER stray ON public.notes"]],
         &[Remedy]),
    ])
    .await;
}

#[tokio::test]
async fn archive_tables_that_do_not_fit_are_reported() {
    let shop = Shop::new().await;
    let sync = "call manager.sync_archived_table(\"notes\") in a migration";
    shop.each(&[
        ("alter table notes add title text",
         &[["public.deleted_notes", "does not fit public.notes: it lacks the column \"title\" text", sync]], &[Sync("notes")]),
        ("alter table notes alter title set not null",
         &[["public.deleted_notes", "does not fit public.notes: its column \"title\" lacks NOT NULL", sync]], &[Sync("notes")]),
        ("alter table notes drop title",
         &[["public.deleted_notes", "does not fit public.notes: it has a column \"title\" that the table does not have, and a restore would lose it", sync]], &[Sync("notes")]),
        ("alter table deleted_notes set unlogged",
         &[["public.deleted_notes", "does not fit public.notes: it is UNLOGGED or temporary, and what is archived would be lost in a crash", sync]], &[Sync("notes")]),
        ("alter table deleted_notes add constraint long check (body <> '')",
         &[["public.deleted_notes", "does not fit public.notes: it has the CHECK constraint \"long\", which could refuse what is archived", "ALTER TABLE \"public\".\"deleted_notes\" DROP CONSTRAINT \"long\""]], &[Remedy]),
        ("create rule quiet as on delete to notes do instead nothing",
         &[["public.notes", "has rewrite rules", "replace them by triggers"]], &[Sql("drop rule quiet on notes")]),
        ("alter table deleted_notes disable row level security",
         &[["public.deleted_notes", "does not fit public.notes: row security is on for the table and off for it, where everyone could read archived rows", sync]], &[Sync("notes")]),
        ("alter table deleted_notes drop deleted_by",
         &[["public.deleted_notes", "has no column deleted_by", "add it again, as manager.archive_existing_table(\"notes\") had created it"]], &[Sql("alter table deleted_notes add deleted_by bigint")]),
        ("drop table deleted_notes",
         &[["public.notes", "has lost its archive table", "call manager.archive_existing_table(..) again, and restore the rows from a backup"]], &[Archive("notes")]),
        ("alter table notes rename to old_notes; create table notes (id bigint primary key)",
         &[["public.notes", "is another table than the one of this name that has the archive table public.deleted_notes", "call manager.archive_existing_table(..) for it"]],
         &[Sql("drop table notes; alter table old_notes rename to notes")]),
    ])
    .await;
}

#[tokio::test]
async fn rights_that_an_archive_table_does_not_share_are_reported() {
    let shop = Shop::new().await;
    let sync = "call manager.sync_archived_table(\"notes\")";
    shop.each(&[
        ("revoke insert on deleted_notes from WEB",
         &[["public.deleted_notes", "does not give INSERT to WEB, which its table does", sync]], &[Sync("notes")]),
        ("grant select (id) on bookmarks to WEB; grant update (body) on notes to public",
         &[["public.deleted_notes", "does not give UPDATE (body) to PUBLIC, which its table does", sync]], &[Sync("notes")]),
        ("grant select on deleted_comments to WEB",
         &[["public.deleted_comments", "gives SELECT to WEB, which its table does not", "revoke it"]], &[Sql("revoke select on deleted_comments from WEB")]),
        // SELECT on the archive table alone is allowed, except under tenancy.
        ("grant select on deleted_orders to WEB", &[], &[]),
        ("drop policy own on deleted_notes",
         &[["public.deleted_notes", "has no policy own, which its table has", sync]], &[Sync("notes")]),
        ("alter policy own on deleted_notes using (true)",
         &[["public.deleted_notes", "has another policy own than its table", sync]], &[Sync("notes")]),
        ("alter policy own on notes to WEB",
         &[["public.deleted_notes", "has another policy own than its table", sync]], &[Sync("notes")]),
        ("create policy readers on notes for select using (exists (select from bookmarks where post_id = notes.id))",
         &[["public.deleted_notes", "has no policy readers, which its table has", sync]], &[Sync("notes")]),
        ("alter table deleted_notes no force row level security",
         &[["public.deleted_notes", "does not force row-level security, which its table does", sync]], &[Sync("notes")]),
        ("create policy moderators on deleted_notes using (true)", &[], &[]),
    ])
    .await;
    let admin = shop.database.connect().await;
    let own = async |sql: String| {
        use sea_orm::ConnectionTrait;
        admin.execute_unprepared(&sql).await.unwrap();
    };
    own(shop.named("alter table deleted_notes owner to WEB")).await;
    let found = sea_orm_archive::check(&admin).await.unwrap();
    let found: Vec<_> = found.iter().map(ToString::to_string).collect();
    let wanted = "public.deleted_notes belongs to WEB, and its table to BOSS: ALTER TABLE public.deleted_notes OWNER TO BOSS";
    assert_eq!(found, [shop.named(wanted)]);
    own(found[0].split_once(": ").unwrap().1.to_owned()).await;
    // Grants to a role are lost while it owns the table: sync grants them again.
    shop.fix(Sync("notes"), &[]).await;
    assert_eq!(shop.check().await, []);
}

#[tokio::test]
async fn stamps_histories_and_the_log_are_reported_without_their_columns() {
    let shop = Shop::new().await;
    let columns = "has other columns than its functions of the audit log were written for";
    let lost = "add it again, or rename it back";
    shop.each(&[
        ("alter table orders alter created_at drop default",
         &[["public.orders", "has no default for created_at, which is stamped", STAMP]], &[Stamp("orders")]),
        ("alter table orders add total numeric; alter table deleted_orders add total numeric",
         &[["public.deleted_orders", columns, AUDIT], ["public.orders", columns, AUDIT]], &[InstallAudit]),
        ("alter table orders drop created_by; alter table deleted_orders drop created_by",
         &[["public.deleted_orders", columns, AUDIT], ["public.orders", columns, AUDIT],
           ["public.orders", "has no column created_by, which is stamped", "call manager.unstamp_table(..), and manager.stamp_table(..) with the columns that remain"]],
         &[Unstamp("orders"), StampUpdates("orders"), InstallAudit]),
        ("alter table department_history rename valid_to to ended_at",
         &[["public.department_history", "has no column valid_to", lost],
           ["public.department_history", "has no constraint that refuses overlapping versions of one identity", "call manager.create_history_table(..) in a migration, or add EXCLUDE USING gist (\"department_id\" WITH =, tstzrange(\"valid_from\", \"valid_to\") WITH &&)"]],
         &[Sql("alter table department_history rename ended_at to valid_to")]),
        ("alter table department_history alter valid_to set not null",
         &[["public.department_history", "has a column valid_to that is NOT NULL, so no version is open", "let it be NULL"]],
         &[Sql("alter table department_history alter valid_to drop not null")]),
        ("alter table department_history drop constraint department_history_identity_fkey",
         &[["public.department_history", "has no foreign key from (department_id) to a table of identities, whose rows a change must lock", "call manager.create_history_table(..) in a migration, or add one"]],
         &[History]),
        ("alter table department_history drop constraint department_history_period_excl",
         &[["public.department_history", "has no constraint that refuses overlapping versions of one identity", "call manager.create_history_table(..) in a migration, or add EXCLUDE USING gist (\"department_id\" WITH =, tstzrange(\"valid_from\", \"valid_to\") WITH &&)"]],
         &[History]),
        ("alter table staff rename hired_at to since",
         &[["public.staff", "has no column hired_at, which the temporal foreign key staff_department_id_hired_at_fkey needs", "call manager.install_archive() if it was renamed; otherwise add it again, or call manager.drop_temporal_foreign_key(..)"]],
         &[Sql("alter table staff rename since to hired_at")]),
        ("alter table orders rename to old_orders; create table orders (id bigint primary key)",
         &[["public.orders", "is another table than the one of this name that has the archive table public.deleted_orders", "call manager.archive_existing_table(..) for it"],
           ["public.orders", "is another table than the one of this name that was audited", "call manager.audit_table(..) for it, or manager.unaudit_table(..) if that was meant"],
           ["public.orders", "is another table than the one of this name that was stamped", "call manager.stamp_table(..) for it, or manager.unstamp_table(..) if that was meant"]],
         &[Sql("drop table orders; alter table old_orders rename to orders")]),
    ])
    .await;
}

#[tokio::test]
async fn tables_in_a_publication_without_a_replica_identity_are_reported() {
    let shop = Shop::new().await;
    let lacks =
        "is in the publication changes and has no replica identity, so its rows cannot be moved";
    let admin = shop.database.connect().await;
    shop.each(&[
        ("create publication changes for table posts, deleted_posts, orders, bookmarks, staff; alter table deleted_posts replica identity nothing",
         &[["public.deleted_posts", lacks, "ALTER TABLE public.deleted_posts REPLICA IDENTITY DEFAULT"]], &[Remedy]),
        ("alter table orders_low replica identity nothing",
         &[["public.orders_low", lacks, "ALTER TABLE public.orders_low REPLICA IDENTITY DEFAULT"]], &[Remedy]),
        ("alter table bookmarks replica identity nothing",
         &[["public.bookmarks", lacks, "ALTER TABLE public.bookmarks REPLICA IDENTITY DEFAULT"]], &[Remedy]),
        // sea-orm-archive does not write to this table.
        ("alter table staff replica identity nothing", &[], &[]),
        ("alter publication changes set (publish = 'insert'); alter table posts replica identity nothing", &[], &[]),
        ("alter publication changes set (publish = 'update')",
         &[["public.posts", lacks, "ALTER TABLE public.posts REPLICA IDENTITY DEFAULT"]], &[Remedy]),
        ("alter table posts replica identity full", &[], &[]),
        ("alter publication changes set table posts (id, title)",
         &[["public.posts", "is in the publication changes with a list of columns that lacks some of its replica identity, so its rows cannot be moved", "add those columns to the list, or ALTER PUBLICATION changes without one"]],
         &[Sql("alter publication changes set table posts")]),
        ("drop publication changes; alter table posts replica identity default", &[], &[]),
    ])
    .await;
    use sea_orm::ConnectionTrait;
    let publish = "create publication everything for all tables";
    admin.execute_unprepared(publish).await.unwrap();
    // Every table that the migrations create has a replica identity.
    assert_eq!(shop.check().await, []);
    let lacks = lacks.replace("changes", "everything");
    shop.each(&[(
        "alter table archive.detached_link replica identity nothing",
        &[[
            "archive.detached_link",
            lacks.as_str(),
            "ALTER TABLE archive.detached_link REPLICA IDENTITY DEFAULT",
        ]],
        &[Remedy],
    )])
    .await;
}

/// Other problems of tenancy are tested in `tenancy`.
#[tokio::test]
async fn tables_that_lost_tenancy_are_reported() {
    let shop = Shop::new().await;
    let again = "call manager.enable_tenancy(..) again, which creates it again";
    shop.each(&[
        (
            "drop policy tenancy on deleted_comments",
            &[["public.deleted_comments", "has no policy tenancy", again]],
            &[Tenancy("comments")],
        ),
        (
            "alter table posts no force row level security",
            &[[
                "public.posts",
                "has row-level security not forced, so its owner sees every row",
                again,
            ]],
            &[Tenancy("posts")],
        ),
    ])
    .await;
}

#[tokio::test]
async fn output_in_the_guide_is_what_check_reports() {
    let shop = Shop::new().await;
    shop.run(
        "alter table notes add title text; alter table posts disable trigger archive_audit_update;
         drop policy tenancy on deleted_comments; alter table orders add total numeric",
    )
    .await;
    let found: Vec<_> = shop.check().await.iter().map(ToString::to_string).collect();
    let guide = include_str!("../../../docs/internals/check.md");
    let output = found.join("\n");
    assert!(guide.contains(&output), "{output}");
}
