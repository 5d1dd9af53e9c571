//! Folders with notes, whose hooks write into the table `log`, and lines of notes.

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr};

pub mod folder {
    use sea_orm::DatabaseTransaction;
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "folders")]
    #[archive(deleted_by = "i64", hooks)]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(has_many)]
        #[archive(cascade)]
        pub notes: HasMany<super::note::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}

    impl ArchiveHooks for Entity {
        const OF_PURGES: bool = false;

        async fn after_archive(archival: &Archival, db: &DatabaseTransaction) -> HookResult {
            super::log(db, "after_archive", &archival.root_key["id"]).await
        }

        async fn after_restore(archival: &Archival, db: &DatabaseTransaction) -> HookResult {
            super::log(db, "after_restore", &archival.root_key["id"]).await
        }
    }
}

pub mod note {
    use sea_orm::entity::prelude::*;
    use sea_orm::{ConnectionTrait, DatabaseTransaction};
    use sea_orm_archive::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "notes")]
    #[archive(deleted_by = "i64", hooks)]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub folder_id: Option<i64>,
        #[sea_orm(unique)]
        pub title: String,
        #[sea_orm(belongs_to, from = "folder_id", to = "id")]
        pub folder: BelongsTo<Option<super::folder::Entity>>,
        #[sea_orm(has_many)]
        #[archive(cascade)]
        pub lines: HasMany<super::line::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}

    /// What a hook refuses for a reason of its own.
    #[derive(Debug, PartialEq)]
    pub struct Pinned(pub i64);

    impl std::fmt::Display for Pinned {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "note {} is pinned", self.0)
        }
    }

    impl std::error::Error for Pinned {}

    impl ArchiveHooks for Entity {
        async fn before_archive(root: &Model, db: &DatabaseTransaction) -> HookResult {
            super::log(db, "before_archive", &root.id).await?;
            match &root.title[..] {
                "pinned" => return Err(Pinned(root.id).into()),
                "broken" => db.execute_unprepared("select 1 / 0").await?,
                "deadlock" => return super::deadlock_once(db).await,
                "removed" => {
                    let delete = format!("delete from notes where id = {}", root.id);
                    db.execute_unprepared(&delete).await?
                }
                _ => db.execute_unprepared("select").await?,
            };
            Ok(())
        }

        async fn after_archive(archival: &Archival, db: &DatabaseTransaction) -> HookResult {
            super::log(db, "after_archive", &archival.root_key["id"]).await
        }

        async fn before_restore(archival: &Archival, db: &DatabaseTransaction) -> HookResult {
            super::log(db, "before_restore", &archival.root_key["id"]).await?;
            match archival.reason.as_deref() {
                Some("legal") => Err("a lawyer restores this".into()),
                _ => Ok(()),
            }
        }

        async fn after_restore(archival: &Archival, db: &DatabaseTransaction) -> HookResult {
            assert!(archival.restored_at.is_some());
            super::log(db, "after_restore", &archival.root_key["id"]).await
        }

        async fn before_purge(archival: &Archival, db: &DatabaseTransaction) -> HookResult {
            super::log(db, "before_purge", &archival.root_key["id"]).await
        }

        async fn after_purge(archival: &Archival, db: &DatabaseTransaction) -> HookResult {
            assert!(archival.purged_at.is_some());
            super::log(db, "after_purge", &archival.root_key["id"]).await?;
            match archival.reason.as_deref() {
                Some("keep") => Err("its files are needed".into()),
                _ => Ok(()),
            }
        }
    }
}

pub mod line {
    use sea_orm::DatabaseTransaction;
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "lines")]
    #[archive(deleted_by = "i64", hooks)]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub note_id: i64,
        #[sea_orm(belongs_to, from = "note_id", to = "id")]
        pub note: BelongsTo<super::note::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}

    /// Without a hook of a restore or a purge.
    impl ArchiveHooks for Entity {
        const OF_RESTORES: bool = false;
        const OF_PURGES: bool = false;

        async fn after_archive(archival: &Archival, db: &DatabaseTransaction) -> HookResult {
            super::log(db, "line", &archival.root_key["id"]).await
        }
    }
}

async fn log(
    db: &DatabaseTransaction,
    hook: &str,
    id: &impl std::fmt::Display,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let insert = format!("insert into log (what) values ('{hook} {id}')");
    db.execute_unprepared(&insert).await?;
    Ok(())
}

/// Fails as a deadlock does the first time, and not again. A sequence is not rolled back.
async fn deadlock_once(
    db: &DatabaseTransaction,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let raise = "do $$ begin if nextval('attempts') = 1 then raise exception using errcode = '40P01'; end if; end $$";
    let done: Result<_, DbErr> = db.execute_unprepared(raise).await;
    done?;
    Ok(())
}
