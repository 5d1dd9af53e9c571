//! Check.

use sea_orm::{ConnectionTrait, DatabaseConnection};
use sea_orm_archive::prelude::*;

use crate::Output;
use crate::blog::CreateBlog;

async fn findings(db: &DatabaseConnection, output: &mut Output) -> Result<(), Error> {
    for finding in sea_orm_archive::check(db).await? {
        output.line(format!("{}: {}", finding.object, finding.problem));
        output.line(format!("  {}", finding.remedy));
    }
    Ok(())
}

pub async fn run(db: &DatabaseConnection, output: &mut Output) -> anyhow::Result<()> {
    crate::up(db, &CreateBlog).await?;
    findings(db, output).await?;
    db.execute_unprepared("alter table posts add column subtitle text")
        .await?;
    findings(db, output).await?;
    Ok(())
}
