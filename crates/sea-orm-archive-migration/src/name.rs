//! Names: quoted, and never longer than the limit of PostgreSQL.

use sea_orm_archive::entity::DeclaredName;
pub(crate) use sea_orm_archive_postgres::ident::{literal, quote};
use sea_orm_migration::{DbErr, sea_query::TableRef};

/// In bytes. PostgreSQL truncates a longer name without an error.
const LONGEST: usize = 63;

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

/// Whether the name of a table, which is SQL text, contains its schema.
pub(crate) fn has_schema(name: &str) -> bool {
    let mut quoted = false;
    name.chars().any(|character| {
        quoted ^= character == '"';
        character == '.' && !quoted
    })
}

/// Refuses a name that PostgreSQL would truncate or does not accept.
pub(crate) fn check(name: &str) -> Result<(), DbErr> {
    let reason = if name.is_empty() {
        "is empty".to_owned()
    } else if name.contains('\0') {
        "contains a zero byte".to_owned()
    } else if name.len() > LONGEST {
        format!(
            "is {} bytes long, and PostgreSQL truncates names to {LONGEST}",
            name.len()
        )
    } else {
        return Ok(());
    };
    Err(DbErr::Migration(format!(
        "the name \"{name}\" {reason}: give another one"
    )))
}

/// The name of the archive table of `active` where the migration gives none.
pub(crate) fn default_archive_table(active: &str) -> Result<String, DbErr> {
    let archive_table = format!("deleted_{active}");
    if archive_table.len() > LONGEST {
        return Err(DbErr::Migration(format!(
            "the table \"{active}\" needs a name for its archive table: \"{archive_table}\" is {} bytes long, and PostgreSQL \
             truncates names to {LONGEST}; give one with `.archive_table(\"..\")`, and to the entity with `#[archive(table_name = \"..\")]`",
            archive_table.len()
        )));
    }
    Ok(archive_table)
}

/// A name derived from another one. Where both parts are too long together, the first is truncated and a hash of
/// all of it is added, so that names with the same beginning stay distinct.
pub(crate) fn derived(base: &str, suffix: &str) -> String {
    if base.len() + suffix.len() <= LONGEST {
        return format!("{base}{suffix}");
    }
    // FNV-1a: the same in every build, unlike the hash of the standard library.
    let hash = base.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    let mut room = LONGEST.saturating_sub(suffix.len() + 9);
    while !base.is_char_boundary(room) {
        room -= 1;
    }
    format!("{}_{hash:08x}{suffix}", &base[..room])
}

/// A list of names as an SQL value of type `name[]`.
pub(crate) fn names<S: AsRef<str>>(names: &[S]) -> String {
    let names: Vec<_> = names.iter().map(|name| literal(name.as_ref())).collect();
    format!("ARRAY[{}]::pg_catalog.name[]", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derived_names_fit_and_stay_distinct() {
        assert_eq!(
            derived("department_history", "_period_excl"),
            "department_history_period_excl"
        );
        let [one, two] =
            ["ä1", "ä2"].map(|end| derived(&format!("{}{end}", "ä".repeat(30)), "_period_excl"));
        assert!(one.len() <= LONGEST && two.len() <= LONGEST && one != two);
        assert!(one.ends_with("_period_excl"));
    }

    #[test]
    fn a_dot_in_quotes_does_not_separate_a_schema() {
        for name in [r#""a"."b""#, r#""a"".""b"."c""#, "archive.audit_entry"] {
            assert!(has_schema(name), "{name}");
        }
        for name in [r#""a.b""#, r#""a"".""b""#, "posts"] {
            assert!(!has_schema(name), "{name}");
        }
    }

    #[test]
    fn names_become_an_array_of_literals() {
        assert_eq!(names(&["a", "b"]), "ARRAY['a', 'b']::pg_catalog.name[]");
    }

    #[test]
    fn a_quote_in_a_name_is_doubled() {
        assert_eq!(quote(r#"we"ird"#), r#""we""ird""#);
        assert_eq!(quote_all(["a", "B"]), r#""a", "B""#);
    }

    #[test]
    fn the_limit_counts_bytes_and_not_characters() {
        assert_eq!(default_archive_table(&"a".repeat(55)).unwrap().len(), 63);
        assert!(default_archive_table(&"a".repeat(56)).is_err());
        assert!(default_archive_table(&"ä".repeat(28)).is_err());
        assert!(check(&"ä".repeat(32)).is_err());
        assert!(check("").is_err());
        assert!(check("a\0b").is_err());
    }
}
