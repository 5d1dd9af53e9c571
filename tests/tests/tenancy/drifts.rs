//! The check reports every change without the migration helpers, and its remedy repairs it.

use sea_orm::DatabaseConnection;
use sea_orm_archive::{Finding, check};
use sea_orm_archive_migration::{ArchiveSchema, AuditSchema, Tenancy, TenancySchema};
use sea_orm_migration::SchemaManager;

use crate::tenancy::database::{Organisations, TABLES, number, run, texts};

/// A step of a remedy, or a change of the schema.
#[derive(Clone, Copy)]
enum Step {
    Enable(&'static str),
    Install,
    Sync(&'static str),
    Owner(&'static str),
    Superuser(&'static str),
}
use Step::{Enable, Install, Owner, Superuser, Sync};

/// The change; the object, the problem and the remedy that the check reports; and the steps of that remedy.
type Drift = (
    Step,
    &'static str,
    &'static str,
    &'static str,
    &'static [Step],
);

struct Drifting {
    organisations: Organisations,
    superuser: DatabaseConnection,
    web: String,
    /// What the check reports without a drift.
    before: Vec<Finding>,
}

impl Drifting {
    async fn new() -> Self {
        let organisations = Organisations::alone().await;
        Self {
            superuser: organisations.database.connect().await,
            web: organisations.database.role("web").await,
            before: check(&organisations.owner).await.unwrap(),
            organisations,
        }
    }

    fn sql(&self, sql: &str) -> String {
        let quoted = |name: &str| format!("\"{name}\"");
        sql.replace("WEB", &quoted(&self.web))
            .replace("OPS", &quoted(&self.organisations.ops))
            .replace("OWNER", &quoted(&self.web.replace("_web", "_owner")))
            .replace("DESK", &quoted(&self.web.replace("_web", "_desk")))
    }

    async fn run_step(&self, step: Step) {
        let manager: SchemaManager = self.organisations.manager();
        match step {
            Enable(table) => self.organisations.enable_one(table).await.unwrap(),
            Install => {
                manager.install_archive().await.unwrap();
                manager.install_audit().await.unwrap();
            }
            Sync(table) => manager.sync_archived_table(table).await.unwrap(),
            Owner(sql) => run(&self.organisations.owner, &self.sql(sql)).await,
            Superuser(sql) => run(&self.superuser, &self.sql(sql)).await,
        }
    }

    async fn findings(&self) -> Vec<Finding> {
        check(&self.superuser).await.unwrap()
    }

    async fn every(&self, drifts: &[Drift]) {
        for (change, object, problem, remedy, steps) in drifts {
            self.run_step(*change).await;
            let findings = self.findings().await;
            assert!(
                findings.iter().any(|d| d.object == *object
                    && d.problem.contains(problem)
                    && d.remedy.contains(remedy)),
                "{object} {problem}: {findings:#?}"
            );
            for step in *steps {
                self.run_step(*step).await;
            }
            assert_eq!(self.findings().await, self.before, "{object} {problem}");
        }
    }
}

const AGAIN: &str = "call manager.enable_tenancy(..) again";

#[tokio::test]
async fn drift_of_columns_and_inheritance_is_reported_and_repaired() {
    let drifting = Drifting::new().await;
    let history = "rename the column here, too";
    drifting
        .every(&[
            (Owner("alter table deleted_posts alter org_id drop not null"), "public.deleted_posts", "has no column org_id", "sync_archived_table", &[Sync("posts"), Enable("posts")]),
            (Owner("alter table deleted_posts drop org_id cascade"), "public.deleted_posts", "has no column org_id", "sync_archived_table", &[Sync("posts"), Enable("posts")]),
            (Owner("drop policy tenancy on deleted_comments; drop trigger tenancy_guard_archived on deleted_comments; drop policy tenancy_trusted on deleted_comments; alter table deleted_comments alter org_id type integer"), "public.deleted_comments", "has no column org_id", "sync_archived_table", &[Sync("comments"), Enable("comments")]),
            (Owner("alter table department_history alter org_id drop not null"), "public.department_history", "has no column org_id", history, &[Enable("departments")]),
            (Owner("alter table department_history drop org_id cascade"), "public.department_history", "has no column org_id", history, &[Enable("departments")]),
            (Owner("alter table deleted_department_history alter org_id drop not null"), "public.deleted_department_history", "has no column org_id", "sync_archived_table", &[Sync("department_history"), Enable("departments")]),
            (Owner("alter table deleted_department_history drop org_id cascade"), "public.deleted_department_history", "has no column org_id", "sync_archived_table", &[Sync("department_history"), Enable("departments")]),
            (Owner("alter table staff alter org_id drop not null"), "public.staff", "has no column org_id", "add it again, NOT NULL", &[Owner("alter table staff alter org_id set not null"), Enable("staff")]),
            (Superuser("alter table staff drop org_id cascade"), "public.staff", "has lost its tenant column", "add it again, NOT NULL", &[Superuser("alter table staff add org_id bigint; update staff set org_id = department_id; alter table staff alter org_id set not null"), Enable("staff")]),
            (Owner("create table heir () inherits (staff)"), "public.staff", "is inherited by public.heir", "NO INHERIT", &[Owner("alter table heir no inherit staff")]),
        ])
        .await;
    let txn = drifting.organisations.tenant(1).await;
    for table in TABLES {
        assert!(
            number(
                &txn,
                &format!("select count(*) from {table} where org_id = 1")
            )
            .await
                > 0
        );
        assert_eq!(
            number(
                &txn,
                &format!("select count(*) from {table} where org_id <> 1")
            )
            .await,
            0
        );
    }
}

#[tokio::test]
async fn drift_of_policies_and_guards_is_reported_and_repaired() {
    let drifting = Drifting::new().await;
    let other = "drop it, or create it AS RESTRICTIVE";
    drifting
        .every(&[
            (Owner("alter table deleted_department_history no force row level security"), "public.deleted_department_history", "not forced", AGAIN, &[Enable("departments")]),
            (Owner("alter table archive.detached_link disable row level security"), "archive.detached_link", "not enabled", AGAIN, &[Enable("likes")]),
            (Owner("drop policy tenancy_administration on deleted_likes"), "public.deleted_likes", "has no policy tenancy_administration", AGAIN, &[Enable("likes")]),
            (Owner("drop trigger tenancy_guard_given on invoices"), "public.invoices", "has no trigger tenancy_guard_given", AGAIN, &[Enable("invoices")]),
            (Owner("drop trigger tenancy_guard on department_history"), "public.department_history", "has no trigger tenancy_guard", AGAIN, &[Enable("departments")]),
            (Owner("drop trigger tenancy_guard_archived on deleted_department_history"), "public.deleted_department_history", "has no trigger tenancy_guard_archived", AGAIN, &[Enable("departments")]),
            (Owner("drop trigger tenancy_guard_truncate on staff"), "public.staff", "has no trigger tenancy_guard_truncate", AGAIN, &[Enable("staff")]),
            (Owner("alter table deleted_posts disable trigger tenancy_guard_archived"), "public.deleted_posts", "has another trigger tenancy_guard_archived", AGAIN, &[Enable("posts")]),
            (Owner("alter table posts enable trigger tenancy_guard_given"), "public.posts", "has another trigger tenancy_guard_given", AGAIN, &[Enable("posts")]),
            (Owner("alter table posts enable replica trigger tenancy_guard_truncate"), "public.posts", "has another trigger tenancy_guard_truncate", AGAIN, &[Enable("posts")]),
            (Owner("create or replace trigger tenancy_guard before delete or update on likes for each row when (false) execute function archive.tenancy_guard('OPS'); alter table likes enable always trigger tenancy_guard"), "public.likes", "has another trigger tenancy_guard", AGAIN, &[Enable("likes")]),
            (Owner("create or replace trigger tenancy_guard_given after update of id on likes for each row when (false) execute function archive.tenancy_guard('WEB')"), "public.likes", "has another trigger tenancy_guard_given", AGAIN, &[Enable("likes")]),
            (Owner("alter policy tenancy on department_history with check (true)"), "public.department_history", "has another policy tenancy", AGAIN, &[Enable("departments")]),
            (Owner("create policy all_of_it on staff using (true)"), "public.staff", "permissive policy all_of_it", other, &[Owner("drop policy all_of_it on staff")]),
            (Owner("create policy all_of_it on archive.archival using (true)"), "archive.archival", "permissive policy all_of_it", other, &[Owner("drop policy all_of_it on archive.archival")]),
            (Owner("alter table department_history drop constraint department_history_tenancy_fkey"), "public.department_history", "has no constraint department_history_tenancy_fkey", AGAIN, &[Enable("departments")]),
            (Owner("alter table department_history drop constraint department_history_tenancy_fkey, add constraint department_history_tenancy_fkey foreign key (org_id, department_id) references departments (org_id, id) not valid"), "public.department_history", "has another constraint department_history_tenancy_fkey", AGAIN, &[Enable("departments")]),
            (Owner("alter table department_history drop constraint department_history_tenancy_fkey; alter table departments drop constraint departments_tenancy_key"), "public.departments", "has no constraint departments_tenancy_key", AGAIN, &[Enable("departments")]),
        ])
        .await;
}

/// A foreign key with the name of the tenancy key and another definition does not count.
#[tokio::test]
async fn replaced_tenancy_key_is_reported_and_repaired() {
    let organisations = Organisations::new().await;
    let owner = &organisations.owner;
    let name = "department_history_tenancy_fkey";
    run(
        owner,
        &format!(
            "alter table department_history drop constraint {name},
                 add constraint {name} foreign key (department_id) references departments"
        ),
    )
    .await;
    let findings = check(owner).await.unwrap();
    assert!(
        findings
            .iter()
            .any(|d| d.problem.contains(name) && d.remedy.contains(AGAIN)),
        "{findings:#?}"
    );
    organisations.enable_one("departments").await.unwrap();
    assert_eq!(check(owner).await.unwrap(), []);
    let definition =
        format!("select pg_get_constraintdef(oid) from pg_constraint where conname = '{name}'");
    assert_eq!(
        texts(owner, &definition).await,
        [
            "FOREIGN KEY (org_id, department_id) REFERENCES departments(org_id, id) ON UPDATE CASCADE"
        ]
    );
}

/// `disable_tenancy` preserves the application's policies, and row-level security where there is one.
#[tokio::test]
async fn policy_of_the_application_survives_disable_tenancy() {
    let organisations = Organisations::new().await;
    let owner = &organisations.owner;
    run(
        owner,
        "create policy drafts on bookmarks as restrictive using (post_id is not null)",
    )
    .await;
    for table in ["bookmarks", "invoices"] {
        organisations
            .manager()
            .disable_tenancy(table)
            .await
            .unwrap();
    }
    let secured = "select relname::text from pg_class where relname in ('bookmarks', 'invoices') and relrowsecurity and relforcerowsecurity";
    assert_eq!(texts(owner, secured).await, ["bookmarks"]);
    let policies = "select polname::text from pg_policy where polrelid = 'bookmarks'::regclass";
    assert_eq!(texts(owner, policies).await, ["drafts"]);
}

/// The application's own foreign key ties a version to the tenant of its identity.
#[tokio::test]
async fn drift_of_the_applications_own_tenancy_key_is_reported_and_repaired() {
    let organisations = Organisations::open().await;
    let key = "alter table department_history add constraint mine foreign key (department_id, org_id) references departments (id, org_id) not valid";
    run(
        &organisations.owner,
        &format!("alter table department_history add org_id bigint; update department_history set org_id = department_id;
                  alter table department_history alter org_id set not null;
                  alter table departments add constraint mine unique (id, org_id); {key}"),
    )
    .await;
    organisations
        .manager()
        .sync_archived_table("department_history")
        .await
        .unwrap();
    organisations.enable().await;
    let owner = &organisations.owner;
    let before = check(owner).await.unwrap();
    assert_eq!(number(owner, "select count(*) from pg_constraint where conname = 'mine' and contype = 'f' and convalidated").await, 1);
    let drop = "alter table department_history drop constraint mine";
    for drift in [drop.to_owned(), format!("{drop}; {key}")] {
        run(owner, &drift).await;
        let findings = check(owner).await.unwrap();
        assert!(
            findings
                .iter()
                .any(|d| d.object == "public.department_history"
                    && d.problem
                        .contains("could have another tenant than its identity")
                    && d.remedy.contains(AGAIN)),
            "{findings:#?}"
        );
        organisations.enable_one("departments").await.unwrap();
        assert_eq!(check(owner).await.unwrap(), before);
        // Back to the initial state.
        for table in ["staff", "departments"] {
            organisations
                .manager()
                .disable_tenancy(table)
                .await
                .unwrap();
        }
        run(
            owner,
            &format!("alter table department_history drop constraint if exists mine; {key}"),
        )
        .await;
        organisations.enable_one("departments").await.unwrap();
    }
}

#[tokio::test]
async fn drift_of_functions_and_owners_is_reported_and_repaired() {
    let drifting = Drifting::new().await;
    let install = "call manager.install_archive() again";
    drifting
        .every(&[
            (Owner("create or replace function archive.tenancy_guard() returns trigger language plpgsql as $$ begin return new; end $$"), "archive.tenancy", "has another function tenancy_guard", install, &[Install]),
            (Owner("create or replace function archive.current_tenant() returns text language sql stable return '1'"), "archive.tenancy", "has another function current_tenant", install, &[Install]),
            (Owner("create or replace function archive.acting_role() returns name language sql stable return 'OPS'"), "archive.tenancy", "has another function acting_role", install, &[Install]),
            (Owner("alter function archive.tenancy_guard() security definer"), "archive.tenancy", "has another function tenancy_guard", install, &[Install]),
            (Superuser("alter function archive.tenancy_guard_archived() owner to WEB"), "archive.tenancy", "has another function tenancy_guard_archived", "give it back to its owner", &[Superuser("alter function archive.tenancy_guard_archived() owner to OWNER"), Install]),
            (Owner("drop function archive.tenancy_guard_archived() cascade"), "archive.tenancy", "has no function tenancy_guard_archived", install, &[Install, Enable("posts"), Enable("comments"), Enable("likes"), Enable("post_tags"), Enable("departments")]),
            (Owner("grant execute on function archive.tenancy_guard_archived() to WEB"), "archive.tenancy_guard_archived()", "is a trigger function that others", "REVOKE EXECUTE", &[Owner("revoke execute on function archive.tenancy_guard_archived() from WEB"), Install]),
            (Owner("grant execute on function archive.tenancy_guard() to public"), "archive.tenancy_guard()", "is a trigger function that others", "install_archive", &[Install]),
            (Owner("alter function archive.make_audit_partitions(integer) reset search_path"), "archive.make_audit_partitions(integer)", "search_path of its caller", "install_audit", &[Install]),
            (Superuser("alter table posts owner to DESK"), "public.posts", "and its policy tenancy_trusted is for another role", "give it back", &[Superuser("alter table posts owner to OWNER"), Enable("posts")]),
            (Superuser("reassign owned by OWNER to DESK"), "public.staff", "and its policy tenancy_trusted is for another role", "give it back", &[Superuser("reassign owned by DESK to OWNER")]),
        ])
        .await;
}

#[tokio::test]
async fn drift_of_grants_and_roles_is_reported_and_repaired() {
    let drifting = Drifting::new().await;
    let revoke = "revoke it: triggers write the log, and migrations the registers";
    drifting
        .every(&[
            (
                Owner("grant truncate on deleted_posts to WEB"),
                "public.deleted_posts",
                "gives TRUNCATE to",
                "revoke it",
                &[Owner("revoke truncate on deleted_posts from WEB")],
            ),
            (
                Owner("revoke insert on deleted_department_history from OPS"),
                "public.deleted_department_history",
                "does not give INSERT to",
                "sync_archived_table",
                &[Sync("department_history")],
            ),
            (
                Owner("grant insert on archive.tenancy to WEB"),
                "archive.tenancy",
                "gives INSERT to",
                revoke,
                &[Owner("revoke insert on archive.tenancy from WEB")],
            ),
            (
                Owner("grant update (tenant_name) on archive.tenancy to WEB"),
                "archive.tenancy",
                "gives UPDATE to",
                revoke,
                &[Owner(
                    "revoke update (tenant_name) on archive.tenancy from WEB",
                )],
            ),
            (
                Owner("grant delete on archive.tenancy_object to public"),
                "archive.tenancy_object",
                "gives DELETE to PUBLIC",
                revoke,
                &[Owner("revoke delete on archive.tenancy_object from public")],
            ),
            (
                Owner("grant delete on archive.archival to OPS"),
                "archive.archival",
                "gives DELETE to",
                revoke,
                &[Owner("revoke delete on archive.archival from OPS")],
            ),
            (
                Owner("grant update on archive.audited_table to WEB"),
                "archive.audited_table",
                "gives UPDATE to",
                revoke,
                &[Owner("revoke update on archive.audited_table from WEB")],
            ),
            (
                Owner("grant insert on archive.audit_entry to WEB"),
                "archive.audit_entry",
                "gives INSERT to",
                revoke,
                &[Owner("revoke insert on archive.audit_entry from WEB")],
            ),
            (
                Superuser("alter role WEB bypassrls"),
                "public.posts",
                "is above policies (BYPASSRLS)",
                "NOBYPASSRLS",
                &[Superuser("alter role WEB nobypassrls")],
            ),
        ])
        .await;
}

/// The register stores the administrator's name, while PostgreSQL allows renaming a role that policies refer to.
#[tokio::test]
async fn renamed_administrator_is_reported_and_repaired() {
    let drifting = Drifting::new().await;
    let Drifting {
        organisations,
        superuser,
        before,
        ..
    } = &drifting;
    let ops = &organisations.ops;
    let renamed = format!("{ops}_too");
    run(
        superuser,
        &format!("alter role \"{ops}\" rename to \"{renamed}\""),
    )
    .await;
    let findings = drifting.findings().await;
    for table in TABLES {
        assert!(
            findings
                .iter()
                .any(|d| d.object == format!("public.{table}")
                    && d.problem.contains("which is no longer a role")
                    && d.remedy.contains("with a role that exists")),
            "{findings:#?}"
        );
    }
    for table in TABLES {
        let tenancy = Tenancy::new(table, "org_id").administrator(&renamed);
        organisations
            .manager()
            .enable_tenancy(tenancy)
            .await
            .unwrap();
    }
    let findings = drifting.findings().await;
    run(
        superuser,
        &format!("alter role \"{renamed}\" rename to \"{ops}\""),
    )
    .await;
    let named = |d: &Finding| Finding {
        problem: d.problem.replace(&renamed, ops),
        ..d.clone()
    };
    assert_eq!(findings.iter().map(named).collect::<Vec<_>>(), *before);
    organisations.enable().await;
    assert_eq!(drifting.findings().await, *before);
}

#[tokio::test]
async fn drift_of_the_audit_log_is_reported_and_repaired() {
    let drifting = Drifting::new().await;
    let problem = "registered in the audit log with another tenant column";
    drifting
        .every(&[
            (Owner("update archive.audited_table set tenant = 1 where relation = 'posts'::regclass"), "public.posts", problem, AGAIN, &[Enable("posts")]),
            (Owner("update archive.audited_table set tenant = null where relation = 'bookmarks'::regclass"), "public.bookmarks", problem, AGAIN, &[Enable("bookmarks")]),
            (Superuser("do $$ begin execute (select format('alter function %s owner to WEB', oid::regprocedure) from pg_proc where proname ~ '^audit_[0-9]+$' limit 1); end $$"), "archive.audit_1()", "and the log belongs to", "give both to one role", &[Superuser("do $$ begin execute (select format('alter function %s owner to OWNER', oid::regprocedure) from pg_proc where proowner = 'WEB'::regrole limit 1); end $$"), Install]),
        ])
        .await;
}
