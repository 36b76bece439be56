//! JSON as people write it: comments and trailing commas, which most editors' own files have.

use serde::de::DeserializeOwned;

/// Reads it; lines and columns in the error are those of `text`.
pub(super) fn read<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let mut json = text.to_string();
    json_strip_comments::strip(&mut json).map_err(|error| error.to_string())?;
    serde_json::from_str(&json).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::read;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    #[test]
    fn comments_and_trailing_commas_go() {
        let text = "// one\n{\"a\": [1, 2, /* x, */ ], \"u\": \"http://x,}\\\"//\", }\n";
        assert_eq!(read(text), Ok(json!({"a": [1, 2], "u": "http://x,}\"//"})));
        assert!(read::<Value>("{\n// x\n]").unwrap_err().contains("line 3"));
    }

    proptest! {
        #[test]
        fn json_stays_as_it_is(text in "\\PC{0,40}", list in proptest::collection::vec("\\PC{0,9}", 0..4)) {
            let json = json!({text.as_str(): list});
            prop_assert_eq!(read::<Value>(&json.to_string()), Ok(json));
        }

        #[test]
        fn nothing_panics(text in "[/*#\",}\\]a\n\\\\ü]{0,40}") {
            let _ = read::<Value>(&text);
        }
    }
}
