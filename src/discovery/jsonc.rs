//! JSON as people write it: comments and trailing commas, which most editors' own files have.

/// The same text with comments and trailing commas blanked, so that lines and columns stay.
pub(super) fn to_json(text: &str) -> String {
    let mut out: Vec<char> = Vec::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    let mut comma: Option<usize> = None;
    while let Some(letter) = letters.next() {
        match (letter, letters.peek()) {
            ('"', _) => {
                out.push('"');
                copy_string(&mut letters, &mut out);
                comma = None;
            }
            ('/', Some('/')) => blank_line(&mut letters, &mut out),
            ('/', Some('*')) => blank_block(&mut letters, &mut out),
            (letter, _) => {
                match (letter, comma) {
                    ('}' | ']', Some(at)) => out[at] = ' ',
                    (',', _) => comma = Some(out.len()),
                    _ => {}
                }
                if !letter.is_whitespace() && letter != ',' {
                    comma = None;
                }
                out.push(letter);
            }
        }
    }
    out.into_iter().collect()
}

type Letters<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn copy_string(letters: &mut Letters<'_>, out: &mut Vec<char>) {
    while let Some(letter) = letters.next() {
        out.push(letter);
        match letter {
            '"' => return,
            '\\' => out.extend(letters.next()),
            _ => {}
        }
    }
}

fn blank_line(letters: &mut Letters<'_>, out: &mut Vec<char>) {
    out.push(' ');
    while letters.next_if(|letter| *letter != '\n').is_some() {
        out.push(' ');
    }
}

fn blank_block(letters: &mut Letters<'_>, out: &mut Vec<char>) {
    letters.next();
    out.extend([' ', ' ']);
    let mut last = ' ';
    for letter in letters.by_ref() {
        out.push(if letter == '\n' { '\n' } else { ' ' });
        if last == '*' && letter == '/' {
            return;
        }
        last = letter;
    }
}

#[cfg(test)]
mod tests {
    use super::to_json;
    use proptest::prelude::*;

    #[test]
    fn comments_and_trailing_commas_go() {
        let text = "// one\n{\"a\": [1, 2, /* x, */ ], \"u\": \"http://x,}\\\"//\", }\n";
        let json = to_json(text);
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value, serde_json::json!({"a": [1, 2], "u": "http://x,}\"//"}));
        assert_eq!(json.chars().count(), text.chars().count());
    }

    proptest! {
        #[test]
        fn json_stays_as_it_is(text in "\\PC{0,40}", list in proptest::collection::vec("\\PC{0,9}", 0..4)) {
            let json = serde_json::json!({text.as_str(): list}).to_string();
            prop_assert_eq!(to_json(&json), json);
        }

        #[test]
        fn nothing_panics(text in "[/*\",}\\]a\n\\\\]{0,40}") {
            to_json(&text);
        }
    }
}
