//! Restores by the id of an archival.

use sea_orm::{ColumnTrait, Value};
use tracing::Instrument;

use super::next::{Next, must_resolve_first, next, record, span};
use super::parents;
use super::policies::{NamedColumn, Policies, Source, policies};
use super::target::{Target, restored};
use super::wanted::Wanted;
use crate::entity::DeclaredName;
use crate::error::{Error, NotFoundError, RefusedError};
use crate::exec::{Attempts, Executor, ask, check_backend, is_stale, value_text};
use crate::plan;
use crate::planned::{PlannedRestore, RESTORES};
use crate::report::{RestorePreview, Restored};

/// Restores everything that an archival moved. Created by
/// [`archival::Entity::restore_by_id`](crate::archival::Entity::restore_by_id).
#[derive(Clone, Debug)]
#[must_use = "nothing is restored before `.exec(&db)`"]
pub struct RestoreArchival {
    archival: i64,
    by: Option<String>,
    policies: Policies,
    /// The row that is restored alone: its table and its key.
    part: Option<(DeclaredName, serde_json::Value)>,
}

impl RestoreArchival {
    pub(crate) fn new(archival: i64) -> Self {
        Self {
            archival,
            by: None,
            policies: Policies::default(),
            part: None,
        }
    }

    /// Who restores it: `restored_by` in the archival table.
    pub fn by(mut self, actor: impl Into<Value>) -> Self {
        self.by = value_text(&actor.into());
        self
    }

    /// Restores the root with another value of a column. As [`RestoreOne::set`](crate::RestoreOne::set); a column of another table is a
    /// [`RefusedError::RestorePolicy`](crate::error::RefusedError::RestorePolicy).
    pub fn set<C: ColumnTrait>(mut self, column: C, value: impl Into<Value>) -> Self {
        self.policies.assign(column, value.into(), true);
        self
    }

    /// As [`set_every`](Self::set_every), for programs that have no entities: a column by its name, of a table as `schema.table` or `table`, and
    /// a value as PostgreSQL reads it from text; `None` for NULL.
    pub fn set_column(mut self, table: &str, column: &str, value: Option<&str>) -> Self {
        let column = NamedColumn::named(table, column);
        let value = Value::String(value.map(str::to_owned));
        self.policies.assign_named(column, &value, false);
        self
    }

    /// As [`rename`](Self::rename), for programs that have no entities.
    pub fn rename_column(mut self, table: &str, column: &str, suffix: impl Into<String>) -> Self {
        let column = NamedColumn::named(table, column);
        self.policies.rename_named(column, suffix.into());
        self
    }

    /// As [`RestoreOne::as_part`](crate::RestoreOne::as_part), for programs that have no entities: only the row of this table with this
    /// primary key, as an object of its columns, and the rows below it. The row is in the archival, and is not its root.
    ///
    /// A row that is not in the archival is a [`NotFoundError::Archival`], and [`as_new`](Self::as_new) with it a
    /// [`RefusedError::RestorePolicy`].
    ///
    /// ```no_run
    /// # use sea_orm::DatabaseConnection;
    /// # use sea_orm_archive::{Error, archival};
    /// # async fn example(db: DatabaseConnection) -> Result<(), Error> {
    /// let restore = archival::Entity::restore_by_id(17).as_part("comments", serde_json::json!({"id": 204}));
    /// restore.exec(&db).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn as_part(mut self, table: &str, key: serde_json::Value) -> Self {
        self.part = Some((DeclaredName::parse(table), key));
        self
    }

    policies!(of one);

    fn wanted(&self, by: Option<String>) -> Result<Wanted, Error> {
        let mut policies = self.policies.clone();
        match &self.part {
            Some((table, _)) if policies.source == Source::Copies => {
                return Err(Error::Refused(RefusedError::RestorePolicy {
                    table: table.to_string(),
                    problem: "`.as_new()` copies whole archivals: restore the part with `.as_part()` alone"
                        .to_owned(),
                }));
            }
            Some((table, key)) => policies.source = Source::Part(table.clone(), key.clone()),
            None => {}
        }
        Ok(Wanted::one(self.archival, by).with(&policies))
    }

    /// Moves all rows of this archival back, and sets the detached links again.
    ///
    /// The archival record names the tables, so the restore works without their entities. Restores of archivals
    /// of the same tables share one plan.
    ///
    /// # Errors
    ///
    /// [`NotFoundError::Archival`], or as [`RestoreOne::exec`](crate::RestoreOne::exec): nothing has moved then.
    pub async fn exec<C>(self, db: &C) -> Result<Restored, Error>
    where
        C: Executor,
    {
        check_backend(db)?;
        let span = span(&DeclaredName {
            schema: Some("archive".to_owned()),
            table: "archival".to_owned(),
        });
        let restored = self.restore(db).instrument(span.clone()).await?;
        record(&span, &restored);
        Ok(restored)
    }

    async fn restore<C>(&self, db: &C) -> Result<Restored, Error>
    where
        C: Executor,
    {
        if self.part.is_some() || !self.policies.is_plain() {
            return parents::restore(db, &self.wanted(self.by.clone())?, None).await;
        }
        let target = Target::archival(self.archival, self.by.clone());
        for planned in plan::cached::<PlannedRestore>(RESTORES) {
            if must_resolve_first(db, &planned) {
                continue;
            }
            match next(&planned, ask(db, &target.call(&planned)).await) {
                Next::Done(answer) => {
                    // The most recent one: the next archival is often of the same tables.
                    plan::cache(RESTORES, &planned);
                    return restored(answer);
                }
                Next::Nothing => {
                    return Err(Error::NotFound(NotFoundError::Archival {
                        archival: self.archival,
                    }));
                }
                Next::OtherPlan => {}
                Next::Resolve => break,
                Next::Failed(error) if Attempts::of(db).allow(&error) => break,
                Next::Failed(error) if is_stale(&error) => {}
                Next::Failed(error) => return Err(error),
            }
        }
        parents::restore(db, &self.wanted(self.by.clone())?, None).await
    }

    /// What [`exec`](Self::exec) would restore, which rows would stay archived, and every conflict. A preview moves
    /// nothing: it tries the restore and rolls it back.
    ///
    /// # Errors
    ///
    /// As [`exec`](Self::exec), except that conflicts are in the result.
    pub async fn preview<C>(self, db: &C) -> Result<RestorePreview, Error>
    where
        C: Executor,
    {
        check_backend(db)?;
        parents::preview(db, &self.wanted(None)?).await
    }
}
