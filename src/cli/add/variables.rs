//! The `.env` of a new server.

use std::fmt::Write;

/// What its `.env` says, and which variables are still to be filled in. `said` is `KEY=VALUE` or `KEY`.
///
/// # Errors
/// A key is none.
pub(super) fn dotenv(said: &[String]) -> Result<(String, Vec<String>), String> {
    let (mut text, mut empty) = (String::new(), Vec::new());
    for pair in said {
        let (key, value) = pair.split_once('=').map_or((pair.as_str(), None), |(key, it)| (key, Some(it)));
        if !is_key(key) {
            return Err(format!("--env {key}: the name of a variable has letters, digits and _ only"));
        }
        let _ = match value {
            Some(value) => writeln!(text, "{key}={}", quoted(value)), // a String takes whatever is written
            None => writeln!(text, "# to be filled in\n{key}="),
        };
        empty.extend(value.is_none().then(|| key.to_string()));
    }
    Ok((text, empty))
}

fn is_key(key: &str) -> bool {
    let letter = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    key.chars().all(letter) && key.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
}

/// As the reader of `.env` files takes it: plain, in quotes that mean nothing, or in those with escapes.
fn quoted(value: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "_-./:@,+%".contains(letter);
    match value {
        _ if value.chars().all(plain) => value.to_string(),
        _ if !value.contains(['\'', '\\', '\n', '\r']) => format!("'{value}'"),
        _ => {
            let mut text = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            text = text.replace("${", "\\${");
            format!("\"{text}\"")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::dotenv::parse;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn read(value: &str) -> String {
        let (text, _) = dotenv(&[format!("A={value}")]).unwrap();
        parse(&text, &BTreeMap::new()).unwrap_or_else(|fault| panic!("{fault}: {text:?}"))[0].1.clone()
    }

    #[test]
    fn a_variable_without_a_value_is_to_be_filled_in() {
        let (text, empty) =
            dotenv(&["TOKEN".into(), "URL=http://h/?a=b c#d".into(), "EMPTY=".into()]).unwrap();
        assert_eq!(text, "# to be filled in\nTOKEN=\nURL='http://h/?a=b c#d'\nEMPTY=\n");
        assert_eq!(empty, ["TOKEN"]);
        assert!(dotenv(&["2X=1".into()]).is_err() && dotenv(&["=1".into()]).is_err());
        assert!(dotenv(&["A B=1".into()]).unwrap_err().starts_with("--env A B:"));
    }

    #[test]
    fn odd_values_are_read_as_they_were_said() {
        for value in ["it's", "a \"b\" 'c'", "two\nlines", "$A ${A} \\", "it's ${A} \\n \n", " # ", "a\\'b"] {
            assert_eq!(read(value), value);
        }
    }

    proptest! {
        #[test]
        fn whatever_is_said_is_read(value in "[ -~\näß€'\"$\\\\{}#]{0,40}") {
            prop_assert_eq!(read(&value), value);
        }
    }
}
