//! Names: quoted, and never longer than PostgreSQL keeps them.

use sea_orm_archive::entity::DeclaredName;
use sea_orm_migration::{DbErr, sea_query::TableRef};

/// PostgreSQL cuts a longer name off without an error.
const LONGEST: usize = 63;

/// A name as SQL text.
pub(crate) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Several names as SQL text, with commas.
pub(crate) fn quote_all<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(quote).collect::<Vec<_>>().join(", ")
}

/// The table that a migration names, as SQL text: quoted, with its schema where it gives one.
pub(crate) fn table(table: &TableRef) -> Result<String, DbErr> {
    let name = DeclaredName::from(table);
    if name.table.is_empty() {
        return Err(DbErr::Migration(
            "an archived table is named by its name, with or without its schema, and not by a query or a function"
                .to_owned(),
        ));
    }
    for part in name.schema.iter().chain([&name.table]) {
        check(part)?;
    }
    Ok(name.quoted())
}

/// Refuses a name that PostgreSQL would cut off or does not take at all.
pub(crate) fn check(name: &str) -> Result<(), DbErr> {
    let reason = if name.is_empty() {
        "is empty".to_owned()
    } else if name.contains('\0') {
        "contains a zero byte".to_owned()
    } else if name.len() > LONGEST {
        format!(
            "is {} bytes long, and PostgreSQL keeps {LONGEST} of them",
            name.len()
        )
    } else {
        return Ok(());
    };
    Err(DbErr::Migration(format!(
        "the name \"{name}\" {reason}: give another one"
    )))
}

/// The name of the twin of `active`, where the migration gives none.
pub(crate) fn default_twin(active: &str) -> Result<String, DbErr> {
    let twin = format!("deleted_{active}");
    if twin.len() > LONGEST {
        return Err(DbErr::Migration(format!(
            "the table \"{active}\" needs a name for its twin: \"{twin}\" is {} bytes long, and PostgreSQL keeps \
             {LONGEST} of them; give one with `.twin(\"..\")`, and to the entity with `#[archive(table_name = \"..\")]`",
            twin.len()
        )));
    }
    Ok(twin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_in_a_name_is_doubled() {
        assert_eq!(quote(r#"we"ird"#), r#""we""ird""#);
        assert_eq!(quote_all(["a", "B"]), r#""a", "B""#);
    }

    #[test]
    fn the_limit_counts_bytes_and_not_characters() {
        assert_eq!(default_twin(&"a".repeat(55)).unwrap().len(), 63);
        assert!(default_twin(&"a".repeat(56)).is_err());
        assert!(default_twin(&"ä".repeat(28)).is_err());
        assert!(check(&"ä".repeat(32)).is_err());
        assert!(check("").is_err());
        assert!(check("a\0b").is_err());
    }
}
