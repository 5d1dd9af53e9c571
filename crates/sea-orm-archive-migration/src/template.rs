//! SQL with places in it that are filled: `{name}`.

pub(crate) use sea_orm_archive_postgres::template::fill;

/// The text of a function, whose `{body}` become quotes that nothing in it ends: a table may be called
/// anything.
pub(crate) fn function_body(template: &str, value: &dyn Fn(&str) -> String) -> String {
    let mut quotes = "$archive$".to_owned();
    loop {
        let body = fill(template, &|name| match name {
            "body" => quotes.clone(),
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
    fn nothing_ends_the_body_of_a_function() {
        let body = function_body("{body} {table} {body}", &|_| "$archive$".to_owned());
        assert_eq!(body, "$_archive$ $archive$ $_archive$");
    }
}
