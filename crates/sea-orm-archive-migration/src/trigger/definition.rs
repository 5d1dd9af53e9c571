//! The text of `pg_get_triggerdef`, with the conditions `NOT archive.is_moving(..)` apart.

use crate::name::literal;

/// The parts of a definition.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Definition {
    /// Up to `FOR EACH ROW` or `FOR EACH STATEMENT`.
    head: String,
    /// The tables of its conditions, as SQL.
    pub(super) moving: Vec<String>,
    /// Its other condition, with the closing parentheses, and its function.
    tail: Tail,
}

#[derive(Debug, PartialEq, Eq)]
enum Tail {
    /// After WHEN: the condition, `)`, the function.
    Conditional(String),
    /// The function.
    Always(String),
}

const CALL: &str = "(NOT archive.is_moving('";
const END_OF_CALL: &str = "'::regclass))";

impl Definition {
    /// The definition that PostgreSQL returns on a `search_path` without the schemas of tables.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (head, tail) = text.split_at_checked(end_of_head(text)?)?;
        let (moving, tail) = conditions(tail)?;
        Some(Self {
            head: head.to_owned(),
            moving,
            tail,
        })
    }

    /// The statement that creates the trigger with these conditions.
    pub(super) fn suspended_while(&self, moving: &[String]) -> String {
        let calls = moving.iter().map(|table| {
            format!(
                "NOT archive.is_moving({}::pg_catalog.regclass)",
                literal(table)
            )
        });
        let calls = calls.collect::<Vec<_>>().join(" AND ");
        let head = &self.head;
        match (&self.tail, calls.is_empty()) {
            (Tail::Always(function), true) => format!("{head}{function}"),
            (Tail::Always(function), false) => format!("{head} WHEN ({calls}){function}"),
            (Tail::Conditional(condition), true) => format!("{head} WHEN ({condition}"),
            (Tail::Conditional(condition), false) => {
                format!("{head} WHEN ({calls} AND {condition}")
            }
        }
    }
}

/// Where `FOR EACH ROW` or `FOR EACH STATEMENT` ends. Names before it could contain these words, in quotes.
fn end_of_head(text: &str) -> Option<usize> {
    let mut quoted = false;
    for (at, character) in text.char_indices() {
        quoted ^= character == '"';
        if quoted {
            continue;
        }
        for words in [" FOR EACH ROW", " FOR EACH STATEMENT"] {
            if text.get(at..)?.starts_with(words) {
                return Some(at + words.len());
            }
        }
    }
    None
}

/// The tables of the conditions after `FOR EACH ROW`, and what follows.
fn conditions(text: &str) -> Option<(Vec<String>, Tail)> {
    let Some(condition) = text.strip_prefix(" WHEN (") else {
        return Some((Vec::new(), Tail::Always(text.to_owned())));
    };
    let unchanged = || Some((Vec::new(), Tail::Conditional(condition.to_owned())));
    if let Some((table, rest)) = call(condition) {
        return match rest.strip_prefix(')') {
            Some(function) => Some((vec![table], Tail::Always(function.to_owned()))),
            None => unchanged(),
        };
    }
    let mut moving = Vec::new();
    let mut rest = condition.strip_prefix('(').unwrap_or(condition);
    while let Some((table, after)) = call(rest) {
        if let Some(after) = after.strip_prefix(" AND ") {
            moving.push(table);
            rest = after;
        } else if let (Some(function), false) = (after.strip_prefix("))"), moving.is_empty()) {
            moving.push(table);
            return Some((moving, Tail::Always(function.to_owned())));
        } else {
            break;
        }
    }
    match moving.is_empty() {
        true => unchanged(),
        false => Some((moving, Tail::Conditional(format!("({rest}")))),
    }
}

/// The table of a leading `(NOT archive.is_moving('..'::regclass))`, and what follows.
fn call(text: &str) -> Option<(String, &str)> {
    let text = text.strip_prefix(CALL)?;
    let mut end = 0;
    loop {
        end += text.get(end..)?.find('\'')?;
        match text.get(end + 1..)?.starts_with('\'') {
            true => end += 2,
            false => break,
        }
    }
    let rest = text.get(end..)?.strip_prefix(END_OF_CALL)?;
    Some((text.get(..end)?.replace("''", "'"), rest))
}

#[cfg(test)]
mod tests {
    use super::Definition;

    const HEAD: &str = "CREATE TRIGGER t AFTER INSERT ON public.c FOR EACH ROW";
    const CALL: &str = "EXECUTE FUNCTION f()";

    fn parsed(condition: &str) -> (Vec<String>, String) {
        let text = format!("{HEAD}{condition} {CALL}");
        let definition = Definition::parse(&text).unwrap();
        let resumed = definition.suspended_while(&[]);
        let resumed = resumed
            .strip_prefix(HEAD)
            .unwrap()
            .strip_suffix(CALL)
            .unwrap();
        (definition.moving, resumed.to_owned())
    }

    fn of(table: &str) -> String {
        format!("(NOT archive.is_moving('{table}'::regclass))")
    }

    #[test]
    fn conditions_of_a_definition_are_found_and_removed() {
        let (a, b) = (of("public.a"), of("public.\"b''s\""));
        let both = || vec!["public.a".to_owned(), "public.\"b's\"".to_owned()];
        let one = || vec!["public.a".to_owned()];
        for (condition, moving, resumed) in [
            (String::new(), vec![], " "),
            (
                " WHEN ((new.id > 1))".to_owned(),
                vec![],
                " WHEN ((new.id > 1)) ",
            ),
            (format!(" WHEN ({a})"), one(), " "),
            (format!(" WHEN (({a} AND {b}))"), both(), " "),
            (
                format!(" WHEN (({a} AND (new.id > 1)))"),
                one(),
                " WHEN (((new.id > 1))) ",
            ),
            (
                format!(" WHEN (({a} AND {b} AND new.flag))"),
                both(),
                " WHEN ((new.flag)) ",
            ),
        ] {
            assert_eq!(
                parsed(&condition),
                (moving, resumed.to_owned()),
                "{condition}"
            );
        }
    }

    #[test]
    fn condition_within_an_or_does_not_suspend() {
        let a = of("public.a");
        for condition in [
            format!(" WHEN (({a} OR (new.id > 1)))"),
            format!(" WHEN ((({a} AND (new.id > 1)) OR (new.id < 0)))"),
        ] {
            assert_eq!(parsed(&condition), (vec![], format!("{condition} ")));
        }
    }

    #[test]
    fn words_of_the_definition_in_a_name_are_not_parsed() {
        let text = "CREATE TRIGGER \"x FOR EACH ROW WHEN (\" BEFORE DELETE ON public.c FOR EACH STATEMENT EXECUTE FUNCTION f('FOR EACH ROW')";
        let definition = Definition::parse(text).unwrap();
        assert_eq!(definition.suspended_while(&[]), text);
        let moving = ["public.c".to_owned()];
        assert_eq!(
            definition.suspended_while(&moving),
            "CREATE TRIGGER \"x FOR EACH ROW WHEN (\" BEFORE DELETE ON public.c FOR EACH STATEMENT WHEN (NOT archive.is_moving('public.c'::pg_catalog.regclass)) EXECUTE FUNCTION f('FOR EACH ROW')"
        );
    }
}
