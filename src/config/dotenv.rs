//! A `.env` file: the library's syntax, without its look into the environment of the process.
//!
//! `dotenvy` puts the *proxy's* variables in place of `$NAME`, before those of the file: `X=${GITHUB_TOKEN}` in one
//! server's folder would fetch it the proxy's token, and a password with a `$` in it would be spoilt. So it gets to see
//! no `$` at all. `${NAME}` and `${NAME:-default}` are replaced afterwards, from the file's own earlier lines and from
//! what the child is given anyway; any other `$` is one.

use super::read_small;
use std::collections::BTreeMap;
use std::path::Path;

/// Stands for a `$` that is only that. (Both are of the block for private use: no text has them.)
const DOLLAR: char = '\u{f8f0}';
/// Stands for the `$` of `${NAME}`.
const REFERENCE: char = '\u{f8f1}';

/// The variables of a file, in its order. `known` holds what its references may name beside them.
///
/// # Errors
/// It cannot be read or has a line that is not NAME=value; the text does not repeat the line, which may hold a secret.
pub fn read(file: &Path, known: &BTreeMap<String, String>) -> Result<Vec<(String, String)>, String> {
    let fault = |fault: String| format!("{}: {fault}", file.display());
    let text = read_small(file).map_err(|error| fault(format!("cannot be read: {error}")))?;
    parse(&text, known).map_err(fault)
}

/// The same of its text.
///
/// # Errors
/// As [`read`]'s.
pub fn parse(text: &str, known: &BTreeMap<String, String>) -> Result<Vec<(String, String)>, String> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for pair in dotenvy::from_read_iter(without_dollars(text).as_bytes()) {
        let Ok((name, value)) = pair else {
            let after = pairs.last().map(|(name, _)| format!(" (after {name})")).unwrap_or_default();
            return Err(format!("a line is not NAME=value{after}; put values with spaces or # into quotes"));
        };
        let lookup = |name: &str| {
            let own = pairs.iter().rev().find(|(own, _)| own == name).map(|(_, value)| value);
            own.or_else(|| known.get(name)).cloned()
        };
        let value = expanded(&value, lookup);
        pairs.push((name, value));
    }
    Ok(pairs)
}

/// Where the reading of a file stands.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Bare,
    /// After white space outside of quotes, or at the beginning of a line: `#` begins a comment there.
    Gap,
    Comment,
    Single,
    Double,
}

fn without_dollars(text: &str) -> String {
    let (mut out, mut place, mut escaped) = (String::new(), Place::Gap, false);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '$' if escaped => {
                out.pop();
                out.push(DOLLAR);
            }
            '$' if place != Place::Single && letters.peek() == Some(&'{') => out.push(REFERENCE),
            '$' => out.push(DOLLAR),
            other => out.push(other),
        }
        let escapes = matches!(place, Place::Bare | Place::Gap | Place::Double);
        place = if escaped { place } else { next(place, letter) };
        escaped = letter == '\\' && !escaped && escapes;
    }
    out
}

fn next(place: Place, letter: char) -> Place {
    match (place, letter) {
        (Place::Comment, '\n') => Place::Gap,
        (Place::Comment, _) | (Place::Gap, '#') => Place::Comment,
        (Place::Single, '\'') | (Place::Double, '"') => Place::Bare,
        (Place::Single | Place::Double, _) => place,
        (_, '\'') => Place::Single,
        (_, '"') => Place::Double,
        (_, letter) if letter.is_whitespace() => Place::Gap,
        _ => Place::Bare,
    }
}

/// Puts values in place of references; a name that is not known stands for nothing.
fn expanded(value: &str, lookup: impl Fn(&str) -> Option<String>) -> String {
    let (mut out, mut rest) = (String::new(), value);
    while let Some((before, after)) = rest.split_once(REFERENCE) {
        out += before;
        let Some((reference, tail)) = after.strip_prefix('{').and_then(|after| after.split_once('}')) else {
            out.push('$');
            rest = after;
            continue;
        };
        let (name, default) = reference.split_once(":-").unwrap_or((reference, ""));
        out += &lookup(name).filter(|value| !value.is_empty()).unwrap_or_else(|| default.to_string());
        rest = tail;
    }
    (out + rest).replace(DOLLAR, "$")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value(line: &str) -> String {
        let known = BTreeMap::from([("HOME".to_string(), "/home/a".to_string())]);
        let pairs = parse(&format!("A=one\n# don't ${{A}}\n{line}\n"), &known).unwrap();
        pairs.last().unwrap().1.clone()
    }

    #[test]
    fn the_usual_forms_are_read() {
        for (line, expected) in [
            ("B=1", "1"),
            ("export B='a b' # comment", "a b"),
            ("B=\"two\\nlines\"", "two\nlines"),
            ("B=\"two\nlines\"", "two\nlines"),
            ("B=a#b", "a#b"),
            ("B=", ""),
        ] {
            assert_eq!(value(line), expected, "{line}");
        }
    }

    #[test]
    fn a_dollar_is_one_and_a_reference_means_what_the_child_has() {
        for (line, expected) in [
            ("B=pa$word$", "pa$word$"),
            ("B=\"pa$word\"", "pa$word"),
            ("B='${A}'", "${A}"),
            ("B=${A}/x", "one/x"),
            ("B=\"${HOME}/x ${NO}${NO:-d}\"", "/home/a/x d"),
            ("B=\\${A}", "${A}"),
            ("B=\"\\${A}\\\\${A}\"", "${A}\\one"),
            ("B=x${A", "x${A"),
            ("B=$A", "$A"),
        ] {
            assert_eq!(value(line), expected, "{line}");
        }
    }

    #[test]
    fn the_environment_of_the_proxy_is_not_looked_at() {
        assert!(std::env::var("CARGO_MANIFEST_DIR").is_ok(), "cargo sets this");
        let wanted = "B=${CARGO_MANIFEST_DIR}\nC=$CARGO_MANIFEST_DIR\nD=\"${CARGO_MANIFEST_DIR}\"\n";
        let pairs = parse(wanted, &BTreeMap::new()).unwrap();
        let values: Vec<&str> = pairs.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(values, ["", "$CARGO_MANIFEST_DIR", ""]);
    }

    #[test]
    fn a_mistake_is_told_without_the_line() {
        let fault = parse("A=1\nB=s3 cret\n", &BTreeMap::new()).unwrap_err();
        assert!(
            fault.starts_with("a line is not NAME=value (after A);") && !fault.contains("cret"),
            "{fault}"
        );
    }

    proptest! {
        /// However it is quoted, escaped or commented: nothing of the process's environment comes out of it.
        #[test]
        fn nothing_of_the_proxy_comes_out(pieces in proptest::collection::vec(0usize..9, 0..12)) {
            let path = std::env::var("CARGO_MANIFEST_DIR").unwrap();
            let all = ["\"", "'", "\\", "#", " ", "\n", "B=", "${CARGO_MANIFEST_DIR}", "$CARGO_MANIFEST_DIR"];
            let text: String = pieces.into_iter().map(|piece| all[piece]).collect();
            for (_, value) in parse(&format!("A={text}"), &BTreeMap::new()).unwrap_or_default() {
                prop_assert!(!value.contains(&path), "{value:?}");
            }
        }
    }
}
