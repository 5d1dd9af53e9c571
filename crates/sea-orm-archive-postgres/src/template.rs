//! SQL templates with places: `{name}`.
//!
//! Every place must have a value, and every value must have a place: in debug builds a misspelt name panics. In a release
//! build the place is left unfilled, and PostgreSQL refuses the statement.

/// Replaces each place `{name}` by its value.
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

/// The same with a function that returns the value of each place. A value is inserted unchanged, even where it contains
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

/// The text of a function, with `{body}` replaced by a dollar quote that does not occur in it: a table may have any name.
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
    fn places_in_a_value_are_not_filled() {
        let filled = fill(
            "{a} '{}' {b}",
            [("a", "{b}".to_owned()), ("b", "B".to_owned())],
        );
        assert_eq!(filled, "{b} '{}' B");
    }

    #[test]
    #[should_panic(expected = "no value for {b}")]
    fn place_without_a_value_panics() {
        fill("{a} {b}", [("a", "1".to_owned())]);
    }

    #[test]
    #[should_panic(expected = "no place {b}")]
    fn value_without_a_place_panics() {
        fill("{a}", [("a", "1".to_owned()), ("b", "2".to_owned())]);
    }

    #[test]
    fn dollar_quote_does_not_occur_in_the_body_of_a_function() {
        let body = function_body("{body} {table} {body}", &|_| Some("$archive$".to_owned()));
        assert_eq!(body, "$_archive$ $archive$ $_archive$");
    }
}
