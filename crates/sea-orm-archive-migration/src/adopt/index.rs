//! Indexes that exclude marked rows by their condition.
//!
//! After the adoption no row is marked, so the condition is true for every row, and the index without it has the same rows.

use crate::{
    adopt::{options::Flag, subject::Subject},
    name::quote,
};

/// The condition of an index without the part that excludes marked rows: `Some("")` where nothing is left of it. `None` where it has no
/// such part, or where a marking column is in what is left.
pub(crate) fn without_mark(subject: &Subject, predicate: &str) -> Option<String> {
    let marks = subject.marking_columns();
    let unmarked = unmarked(subject);
    let (mark, rest): (Vec<_>, Vec<_>) = operands(predicate)
        .into_iter()
        .partition(|operand| unmarked.contains(&stripped(operand).to_owned()));
    let mentions = |operand: &&str| marks.iter().any(|mark| operand.contains(mark));
    if mark.is_empty() || rest.iter().any(mentions) {
        return None;
    }
    Some(rest.join(" AND "))
}

/// How PostgreSQL writes that a row is not marked.
fn unmarked(subject: &Subject) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(name) = &subject.declared.deleted_at {
        found.push(format!("{} IS NULL", bare(name)));
    }
    if let Some(Flag::Boolean(name)) = &subject.declared.flag {
        let name = bare(name);
        found.extend([
            format!("NOT {name}"),
            format!("{name} = false"),
            format!("{name} IS FALSE"),
            format!("{name} IS NOT TRUE"),
            format!("{name} <> true"),
        ]);
    }
    found
}

/// A name as PostgreSQL writes it: quoted only where that is necessary.
fn bare(name: &str) -> String {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.chars().all(plain) && !name.starts_with(|c: char| c.is_ascii_digit()) {
        name.to_owned()
    } else {
        quote(name)
    }
}

/// The operands of the outermost AND.
fn operands(condition: &str) -> Vec<&str> {
    let inner = stripped(condition);
    let mut operands = Vec::new();
    let (mut depth, mut quoted, mut start) = (0_i32, None, 0);
    for (at, character) in inner.char_indices() {
        match (quoted, character) {
            (None, '\'' | '"') => quoted = Some(character),
            (Some(quote), _) if quote == character => quoted = None,
            (None, '(') => depth += 1,
            (None, ')') => depth -= 1,
            (None, ' ') if depth == 0 && inner[at..].starts_with(" AND ") => {
                operands.push(&inner[start..at]);
                start = at + " AND ".len();
            }
            _ => {}
        }
    }
    operands.push(&inner[start..]);
    operands
}

/// Without the parentheses around all of it.
fn stripped(condition: &str) -> &str {
    let Some(inner) = condition
        .strip_prefix('(')
        .and_then(|c| c.strip_suffix(')'))
    else {
        return condition;
    };
    let (mut depth, mut quoted) = (0_i32, None);
    for character in inner.chars() {
        match (quoted, character) {
            (None, '\'' | '"') => quoted = Some(character),
            (Some(quote), _) if quote == character => quoted = None,
            (None, '(') => depth += 1,
            (None, ')') => depth -= 1,
            _ => {}
        }
        if depth < 0 {
            return condition;
        }
    }
    inner
}

#[cfg(test)]
mod tests {
    use super::{operands, stripped};

    #[test]
    fn condition_is_split_at_the_outermost_and() {
        assert_eq!(operands("(deleted_at IS NULL)"), ["deleted_at IS NULL"]);
        assert_eq!(
            operands("((deleted_at IS NULL) AND (kind = ' AND ('::text))"),
            ["(deleted_at IS NULL)", "(kind = ' AND ('::text)"]
        );
        assert_eq!(
            operands("((a IS NULL) OR ((b IS NULL) AND c))"),
            ["(a IS NULL) OR ((b IS NULL) AND c)"]
        );
        assert_eq!(stripped("(a) AND (b)"), "(a) AND (b)");
    }
}
