//! The entities of an application, for what the catalog alone does not show.

use std::future::Future;
use std::pin::Pin;

use sea_orm::sea_query::{Condition, Expr};
use sea_orm::{
    ColumnTrait, DatabaseConnection, Iterable, ModelTrait, PrimaryKeyToColumn, QueryOrder,
    QuerySelect,
};
use sea_orm_archive::{Archivable, ArchiveEntity, DeclaresPersonalData, Error, Finding};

type Findings = Pin<Box<dyn Future<Output = Result<Vec<Finding>, Error>> + Send>>;

/// The entities of an application, which `check` compares with the database too.
///
/// ```no_run
/// # mod post {
/// #     use sea_orm::entity::prelude::*;
/// #     #[sea_orm::model]
/// #     #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, sea_orm_archive::DeriveArchive)]
/// #     #[sea_orm(table_name = "posts")]
/// #     #[archive(deleted_by = "i64")]
/// #     pub struct Model {
/// #         #[sea_orm(primary_key)]
/// #         pub id: i64,
/// #     }
/// #     impl ActiveModelBehavior for ActiveModel {}
/// # }
/// use std::process::ExitCode;
///
/// use sea_orm_archive_cli::{Entities, run_cli_with};
///
/// fn main() -> ExitCode {
///     run_cli_with(Entities::new().with::<post::Entity>())
/// }
/// ```
#[derive(Default)]
pub struct Entities {
    checks: Vec<fn(DatabaseConnection, u64) -> Findings>,
}

impl Entities {
    /// No entities.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an entity whose rows are roots of archives. The entities below it need not be added.
    pub fn with<E: Archivable>(mut self) -> Self {
        self.checks
            .push(|db, samples| Box::pin(findings::<E>(db, samples)));
        self
    }

    /// Adds an entity that declares personal data: where the database has another rule for its table, or none, is a finding. It need not be archivable.
    pub fn with_personal_data<E: DeclaresPersonalData>(mut self) -> Self {
        self.checks
            .push(|db, _| Box::pin(async move { E::check_personal_data(&db).await }));
        self
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.checks.is_empty()
    }

    /// What the entities and the database disagree on. With `samples` so many rows of each are archived, restored and rolled back, and what would not
    /// come back is a finding.
    #[doc(hidden)]
    pub async fn check(
        &self,
        db: &DatabaseConnection,
        samples: u64,
    ) -> Result<Vec<Finding>, Error> {
        let mut found = Vec::new();
        for check in &self.checks {
            found.extend(check(db.clone(), samples).await?);
        }
        Ok(found)
    }
}

async fn findings<E: Archivable>(
    db: DatabaseConnection,
    samples: u64,
) -> Result<Vec<Finding>, Error> {
    let entity = E::default();
    let table = format!(
        "{}.{}",
        entity.schema_name().unwrap_or("public"),
        entity.table_name()
    );
    // A preview without rows builds the plan, which compares the entities with the tables.
    let nothing = E::archive_many().filter(Expr::cust("false"));
    if let Err(error) = nothing.preview(&db).await {
        return unfit(&table, error);
    }
    if samples == 0 {
        return Ok(Vec::new());
    }
    let mut newest = E::find().limit(samples);
    for key in E::PrimaryKey::iter() {
        newest = newest.order_by_desc(key.into_column());
    }
    let models = newest.all(&db).await?;
    if models.is_empty() {
        return Ok(Vec::new());
    }
    let any = models.iter().fold(Condition::any(), |any, model| {
        any.add(E::PrimaryKey::iter().fold(Condition::all(), |all, key| {
            all.add(key.into_column().eq(model.get(key.into_column())))
        }))
    });
    let rehearsal = match E::archive_many().filter(any).rehearse(&db).await {
        Ok(rehearsal) => rehearsal,
        Err(error) => return unfit(&table, error),
    };
    let refused = rehearsal.refused.iter().map(|reason| {
        Finding::new(
            &table,
            format!("has rows that cannot be archived and restored: {reason}"),
            "see the error",
        )
    });
    let differing = rehearsal.differences.iter().map(|row| {
        let problem = format!(
            "would come back otherwise in a restore of {table}: {} was {} and would be {}",
            row.key, row.archived, row.restored
        );
        Finding::new(
            &row.table,
            problem,
            "suspend the trigger that changes it with manager.suspend_trigger(..)",
        )
    });
    Ok(refused.chain(differing).collect())
}

/// What the plan of an archive refuses, as a finding.
fn unfit(table: &str, error: Error) -> Result<Vec<Finding>, Error> {
    match error {
        Error::Database(_) | Error::Retry(_) => Err(error),
        error => Ok(vec![Finding::new(
            table,
            format!("does not fit the entities: {error}"),
            "change the entity or the table",
        )]),
    }
}
