//! SQL with places in it that are filled: `{name}`.
//!
//! Every place has a value, and every value that is listed has a place: a test that fills a template with a misspelt name
//! fails. In a release the place stays as it is, and PostgreSQL refuses the statement.

/// Puts values in the place of `{names}`.
pub fn fill<const N: usize>(template: &str, places: [(&str, String); N]) -> String {
    for (name, _) in &places {
        debug_assert!(
            template.contains(&format!("{{{name}}}")),
            "the template has no place {{{name}}}: {template}"
        );
    }
    fill_with(template, &|name| {
        let place = places.iter().find(|(place, _)| *place == name);
        place.map(|(_, value)| value.clone())
    })
}

/// The same with a function that knows the value of each place. What a value holds is left alone, even where it looks like
/// another `{name}`.
pub fn fill_with(template: &str, value: &dyn Fn(&str) -> Option<String>) -> String {
    let mut filled = String::with_capacity(template.len() * 2);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let place = after.split_once('}').filter(|(name, _)| is_name(name));
        let found = place.and_then(|(name, after)| Some((value(name)?, after)));
        debug_assert!(
            place.is_none() || found.is_some(),
            "there is no value for {{{}}}",
            place.map(|(name, _)| name).unwrap_or_default()
        );
        match found {
            Some((value, after)) => {
                filled.push_str(&value);
                rest = after;
            }
            None => {
                filled.push('{');
                rest = after;
            }
        }
    }
    filled + rest
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte == b'_' || byte.is_ascii_lowercase())
}

/// The text of a function, whose `{body}` become quotes that nothing in it ends: a table may be called anything.
pub fn function_body(template: &str, value: &dyn Fn(&str) -> Option<String>) -> String {
    let mut quotes = "$archive$".to_owned();
    loop {
        let body = fill_with(template, &|name| match name {
            "body" => Some(quotes.clone()),
            name => value(name),
        });
        if body.matches(&quotes).count() == 2 {
            return body;
        }
        quotes.insert(1, '_');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_filled_in_is_not_filled_again() {
        let filled = fill(
            "{a} '{}' {b}",
            [("a", "{b}".to_owned()), ("b", "B".to_owned())],
        );
        assert_eq!(filled, "{b} '{}' B");
    }

    #[test]
    #[should_panic(expected = "no value for {b}")]
    fn a_place_without_a_value_fails() {
        fill("{a} {b}", [("a", "1".to_owned())]);
    }

    #[test]
    #[should_panic(expected = "no place {b}")]
    fn a_value_without_a_place_fails() {
        fill("{a}", [("a", "1".to_owned()), ("b", "2".to_owned())]);
    }

    #[test]
    fn nothing_ends_the_body_of_a_function() {
        let body = function_body("{body} {table} {body}", &|_| Some("$archive$".to_owned()));
        assert_eq!(body, "$_archive$ $archive$ $_archive$");
    }
}
