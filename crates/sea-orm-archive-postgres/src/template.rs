//! SQL with places in it that are filled: `{name}`.

/// Puts values in the place of `{names}`. What a value holds is left alone, even where it looks like
/// another `{name}`.
pub fn fill(template: &str, value: &dyn Fn(&str) -> String) -> String {
    let mut filled = String::with_capacity(template.len() * 2);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let name = after.split_once('}').filter(|(name, _)| {
            !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte == b'_' || byte.is_ascii_lowercase())
        });
        match name {
            Some((name, after)) => {
                filled.push_str(&value(name));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_filled_in_is_not_filled_again() {
        let filled = fill("{a} '{}' {b}", &|name| match name {
            "a" => "{b}".to_owned(),
            name => name.to_uppercase(),
        });
        assert_eq!(filled, "{b} '{}' B");
    }
}
