//! A schema that has everything: archive tables, the audit log, stamps, a history, a temporal foreign key, tenancy.

use sea_orm::{ConnectionTrait, DatabaseConnection};
use sea_orm_archive::{Finding, check};
use sea_orm_archive_migration::{
    ArchiveSchema, AuditSchema, HistorySchema, HistoryTable, StampSchema, StampedTable,
    TemporalForeignKey, Tenancy, TenancySchema,
};
use sea_orm_archive_tests::Database;
use sea_orm_migration::{DbErr, SchemaManager, schema::text};

const TABLES: &str = "
    create table posts (id bigint primary key, org_id bigint not null, title text);
    create table comments (id bigint primary key, org_id bigint not null, post_id bigint not null references posts on delete cascade);
    create table bookmarks (id bigint primary key, post_id bigint references posts);
    create table orders (id bigint primary key, note text) partition by range (id);
    create table orders_low partition of orders for values from (0) to (1000);
    create table notes (id bigint primary key, owner text not null, body text);
    alter table notes enable row level security, force row level security;
    create policy own on notes using (owner = current_user);
    create table departments (id bigint primary key);
    create table staff (id bigint primary key, department_id bigint not null, hired_at timestamptz not null);";

/// How a problem is fixed.
#[derive(Clone, Copy)]
pub enum Way {
    /// The remedy of the finding is SQL that can be run.
    Remedy,
    Sql(&'static str),
    InstallArchive,
    InstallAudit,
    Sync(&'static str),
    Archive(&'static str),
    Stamp(&'static str),
    StampUpdates(&'static str),
    Unstamp(&'static str),
    TemporalForeignKey,
    History,
    Tenancy(&'static str),
}

/// A change; the object, problem and remedy of each expected finding; the fixes.
pub type Case<'a> = (&'a str, &'a [[&'a str; 3]], &'a [Way]);

pub struct Shop {
    pub database: Database,
    pub owner: DatabaseConnection,
    web: String,
}

impl Shop {
    pub async fn new() -> Self {
        let database = Database::empty().await;
        let admin = database.connect().await;
        let (role, name) = (database.role("owner").await, database.name());
        for sql in [
            format!("alter database \"{name}\" owner to \"{role}\""),
            format!("alter schema public owner to \"{role}\""),
            "create extension if not exists btree_gist".to_owned(),
        ] {
            admin.execute_unprepared(&sql).await.unwrap();
        }
        let shop = Self {
            owner: database.connect_as("owner").await,
            web: database.role("web").await,
            database,
        };
        shop.migrate().await.unwrap();
        shop
    }

    pub fn manager(&self) -> SchemaManager<'_> {
        SchemaManager::new(&self.owner)
    }

    async fn migrate(&self) -> Result<(), DbErr> {
        let manager = self.manager();
        manager.install_archive().await?;
        manager.install_audit().await?;
        self.run(TABLES).await;
        self.run("grant select, insert, update, delete on notes to WEB; grant select, delete on posts to WEB")
            .await;
        for table in ["posts", "comments", "orders", "notes"] {
            manager.archive_existing_table(table).await?;
        }
        manager.create_history_table(history()).await?;
        manager.create_temporal_foreign_key(temporal()).await?;
        for table in ["posts", "orders"] {
            manager.stamp_table(table).await?;
            manager.audit_table(table).await?;
        }
        for table in ["posts", "comments"] {
            manager
                .enable_tenancy(Tenancy::new(table, "org_id"))
                .await?;
        }
        manager.grant_archive(self.web.clone()).await?;
        manager.grant_audit(self.web.clone()).await
    }

    pub fn named(&self, text: &str) -> String {
        let owner = self.web.replace("_web", "_owner");
        text.replace("BOSS", &owner).replace("WEB", &self.web)
    }

    pub async fn run(&self, sql: &str) {
        let sql = self.named(sql);
        self.owner
            .execute_unprepared(&sql)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    pub async fn check(&self) -> Vec<Finding> {
        check(&self.owner).await.unwrap()
    }

    pub async fn fix(&self, way: Way, found: &[Finding]) {
        let manager = self.manager();
        let done = match way {
            Way::Remedy => {
                for finding in found {
                    self.run(&finding.remedy).await;
                }
                Ok(())
            }
            Way::Sql(sql) => {
                self.run(sql).await;
                Ok(())
            }
            Way::InstallArchive => manager.install_archive().await,
            Way::InstallAudit => manager.install_audit().await,
            Way::Sync(table) => manager.sync_archived_table(table).await,
            Way::Archive(table) => manager.archive_existing_table(table).await,
            Way::Stamp(table) => manager.stamp_table(table).await,
            Way::StampUpdates(table) => {
                let stamps = StampedTable::new(table);
                manager.stamp_table(stamps.without_created_by()).await
            }
            Way::Unstamp(table) => manager.unstamp_table(table).await,
            Way::TemporalForeignKey => manager.create_temporal_foreign_key(temporal()).await,
            Way::History => manager.create_history_table(history()).await,
            Way::Tenancy(table) => manager.enable_tenancy(Tenancy::new(table, "org_id")).await,
        };
        done.unwrap_or_else(|error| panic!("{error}: {found:#?}"));
    }

    /// Checks that each change leads to exactly these findings, and that none is left after the fixes.
    pub async fn each(&self, cases: &[Case<'_>]) {
        assert_eq!(self.check().await, [], "of a fresh schema");
        for (change, findings, ways) in cases {
            self.run(change).await;
            let found = self.check().await;
            let mut findings: Vec<_> = findings
                .iter()
                .map(|finding| {
                    let [object, problem, remedy] = finding.map(|text| self.named(text));
                    Finding {
                        object,
                        problem,
                        remedy,
                    }
                })
                .collect();
            findings.sort();
            assert_eq!(found, findings, "{change}");
            for way in *ways {
                self.fix(*way, &found).await;
            }
            assert_eq!(self.check().await, [], "after {change}");
        }
    }
}

fn history() -> HistoryTable {
    HistoryTable::new("department_history")
        .identity("department_id", "departments")
        .column(text("name"))
}

fn temporal() -> TemporalForeignKey {
    TemporalForeignKey::new("staff", ["department_id"])
        .at("hired_at")
        .references("department_history")
}
