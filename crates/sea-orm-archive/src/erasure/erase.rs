//! Erases persons.

use sea_orm::{ConnectionTrait, DatabaseTransaction, EntityTrait, Value};
use serde_json::Value as Json;

use super::Certificate;
use super::certificate::from_answer;
use crate::entity::DeclaredName;
use crate::error::{Error, NotFoundError, unexpected_answer};
use crate::exec::{
    Attempts, Executor, Sql, ask, ask_here, begin, check_backend, finish, value_text,
};

/// How many rows a step erases where the caller does not choose.
const BATCH: i32 = 1_000;

/// Erases a person. Created by [`PersonEntity::erase_by_id`](super::PersonEntity::erase_by_id).
#[derive(Clone, Debug)]
#[must_use = "nobody is erased before `.exec(&db)`"]
pub struct Erase {
    table: String,
    key: Vec<Option<String>>,
    reason: Option<String>,
    by: Option<String>,
    most: i32,
}

impl Erase {
    pub(super) fn new<E: EntityTrait>(key: &[Value]) -> Self {
        Self::named(
            &DeclaredName::of::<E>(),
            key.iter().map(value_text).collect(),
        )
    }

    pub(super) fn named(table: &DeclaredName, key: Vec<Option<String>>) -> Self {
        Self {
            table: table.quoted(),
            key,
            reason: None,
            by: None,
            most: BATCH,
        }
    }

    /// Why: `reason` of the certificate.
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// Who erases: `started_by` of the certificate. Otherwise the actor of the context.
    pub fn by(mut self, actor: impl Into<Value>) -> Self {
        self.by = value_text(&actor.into());
        self
    }

    /// Erases at most `rows` in a transaction, until none is left.
    pub fn in_batches(mut self, rows: u32) -> EraseBatches {
        self.most = i32::try_from(rows.max(1)).unwrap_or(i32::MAX);
        EraseBatches {
            erase: self,
            erasure: None,
            finished: false,
        }
    }

    /// Erases the person, and returns the certificate.
    ///
    /// On a pool, 1,000 rows are erased in a transaction of their own. An erasure that was interrupted goes on, also in another process. In a transaction
    /// of the caller everything is erased in it. Rows that are added or moved meanwhile are found at the end, and erased. The last two steps read the tables
    /// of the schema `archive`, and every table with personal data, an archive table or a history, once.
    ///
    /// `SELECT archive.begin_erasure(..)`, which finds the rows, and `SELECT archive.erase_step(..)` until it is finished, at READ COMMITTED.
    ///
    /// # Errors
    ///
    /// [`NotFoundError::Person`] where nothing is known of a person with this key, and nothing is begun then;
    /// [`SetupError::PersonalData`] where nothing is declared for the table, a declared column was dropped, or a constraint refuses what a rule writes;
    /// [`ConflictError::Held`] under a hold; [`NotFoundError::Erasure`] where tenancy was enabled between two steps and the session does not act for
    /// all tenants; [`RefusedError::IsolationLevel`] in a transaction above READ COMMITTED; an error of the database for a role
    /// without `grant_erasure`. Steps before the error stay done.
    ///
    /// [`NotFoundError::Person`]: crate::error::NotFoundError::Person
    /// [`NotFoundError::Erasure`]: crate::error::NotFoundError::Erasure
    /// [`SetupError::PersonalData`]: crate::error::SetupError::PersonalData
    /// [`ConflictError::Held`]: crate::error::ConflictError::Held
    /// [`RefusedError::IsolationLevel`]: crate::error::RefusedError::IsolationLevel
    pub async fn exec<C>(self, db: &C) -> Result<Certificate, Error>
    where
        C: Executor,
    {
        check_backend(db)?;
        let erasure = self.begin(db).await?;
        loop {
            let certificate = self.step(db, erasure).await?;
            if certificate.erasure.finished_at.is_some() {
                return Ok(certificate);
            }
        }
    }

    /// What [`exec`](Self::exec) would erase, and where a search would still find identifying values. The id is not used again.
    ///
    /// It erases the person and rolls that back. So it fires triggers, and locks the rows until it ends.
    ///
    /// # Errors
    ///
    /// As [`exec`](Self::exec).
    pub async fn preview<C>(mut self, db: &C) -> Result<Certificate, Error>
    where
        C: Executor,
    {
        check_backend(db)?;
        self.most = i32::MAX;
        let transaction = begin(db).await?;
        let certificate = self.erase_all(&transaction, db.is_pool()).await;
        transaction.rollback().await?;
        certificate
    }

    async fn erase_all(
        &self,
        transaction: &DatabaseTransaction,
        is_own: bool,
    ) -> Result<Certificate, Error> {
        if is_own {
            transaction.execute_unprepared(READ_COMMITTED).await?;
        }
        let erasure = id(ask_here(transaction, &self.begin_sql()).await?)?;
        loop {
            let answer = ask_here(transaction, &self.step_sql(erasure)).await?;
            let certificate = certificate(erasure, answer)?;
            if certificate.erasure.finished_at.is_some() {
                return Ok(certificate);
            }
        }
    }

    async fn begin<C: Executor>(&self, db: &C) -> Result<i64, Error> {
        id(tried(db, &self.begin_sql()).await?)
    }

    async fn step<C: Executor>(&self, db: &C, erasure: i64) -> Result<Certificate, Error> {
        certificate(erasure, tried(db, &self.step_sql(erasure)).await?)
    }

    fn begin_sql(&self) -> Sql {
        let key = Json::from(self.key.clone()).to_string();
        let text = "SELECT pg_catalog.to_jsonb(archive.begin_erasure($1::pg_catalog.text::pg_catalog.regclass, $2::pg_catalog.text::pg_catalog.jsonb, $3, $4)) AS result";
        let values = vec![
            self.table.clone().into(),
            key.into(),
            self.reason.clone().into(),
            self.by.clone().into(),
        ];
        Sql {
            text: text.to_owned(),
            values,
        }
    }

    fn step_sql(&self, erasure: i64) -> Sql {
        Sql {
            text: "SELECT archive.erase_step($1, $2) AS result".to_owned(),
            values: vec![erasure.into(), self.most.into()],
        }
    }
}

const READ_COMMITTED: &str = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED";

fn id(answer: Option<Json>) -> Result<i64, Error> {
    serde_json::from_value(answer.unwrap_or_default()).map_err(unexpected_answer)
}

/// The certificate of a step. There is none where the session does not act for the tenant of the erasure.
fn certificate(erasure: i64, answer: Option<Json>) -> Result<Certificate, Error> {
    match answer {
        None | Some(Json::Null) => Err(NotFoundError::Erasure { erasure }.into()),
        Some(answer) => from_answer(answer),
    }
}

/// Asks in a transaction of its own at READ COMMITTED on a pool, and again while other transactions are in the way.
async fn tried<C: Executor>(db: &C, sql: &Sql) -> Result<Option<Json>, Error> {
    if !db.is_pool() {
        return ask(db, sql).await;
    }
    let mut attempts = Attempts::of(db);
    loop {
        let transaction = begin(db).await?;
        let answer = match transaction.execute_unprepared(READ_COMMITTED).await {
            Ok(_) => ask_here(&transaction, sql).await,
            Err(error) => Err(error.into()),
        };
        match finish(transaction, answer).await {
            Err(error) => attempts.after(error).await?,
            answer => return answer,
        }
    }
}

/// Erases a person in batches. Created by [`Erase::in_batches`].
#[derive(Clone, Debug)]
#[must_use = "nobody is erased before `.next(&db)`"]
pub struct EraseBatches {
    erase: Erase,
    erasure: Option<i64>,
    finished: bool,
}

impl EraseBatches {
    /// Does the next step, and returns the certificate as far as it goes: at the end it has a `finished_at`, and the next call returns `None`.
    ///
    /// On a pool each step is a transaction of its own. After an error or in another process it goes on where it was.
    ///
    /// # Errors
    ///
    /// As [`Erase::exec`], for this step.
    pub async fn next<C>(&mut self, db: &C) -> Result<Option<Certificate>, Error>
    where
        C: Executor,
    {
        check_backend(db)?;
        if self.finished {
            return Ok(None);
        }
        let erasure = match self.erasure {
            Some(erasure) => erasure,
            None => self.erase.begin(db).await?,
        };
        self.erasure = Some(erasure);
        let certificate = self.erase.step(db, erasure).await?;
        self.finished = certificate.erasure.finished_at.is_some();
        Ok(Some(certificate))
    }
}
