//! Values that are never shown. Whoever reads a server's secrets tells them here; every log line, every line of stderr
//! and every report passes through [`mask`], which recognises them wherever they turn up.
//!
//! One set for the whole process: a value that is one server's secret is masked in what another prints as well.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};

/// What stands in a secret's place.
pub const MASK: &str = "***";
/// A shorter value would be found by chance, and be guessed as easily.
const LEAST_CHARS: usize = 8;
/// Values that are known at once; beyond, the oldest are forgotten.
const MOST: usize = 10_000;
/// So many are learnt at once: one file shall not make those of all others forgotten.
const MOST_AT_ONCE: usize = 4_000;

static KNOWN: RwLock<Option<Arc<Vec<String>>>> = RwLock::new(None);

/// From now on these values are masked, their single lines too, and so is the form they have inside a JSON string.
/// Values of less than 8 characters are not.
pub fn keep(values: impl IntoIterator<Item = String>) {
    let values: Vec<String> = values.into_iter().collect();
    let forms =
        values.iter().flat_map(|value| whole(value)).chain(values.iter().flat_map(|value| lines(value)));
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    let mut all = known.as_deref().cloned().unwrap_or_default();
    let mut seen: HashSet<String> = all.iter().cloned().collect();
    all.extend(forms.filter(|form| seen.insert(form.clone())).take(MOST_AT_ONCE));
    all.drain(..all.len().saturating_sub(MOST));
    *known = Some(Arc::new(all));
}

/// The ways a value may show as a whole: plain and escaped.
fn whole(value: &str) -> impl Iterator<Item = String> {
    let json = escaped(value.trim());
    [value.trim().to_string(), in_ascii(&json), json].into_iter().filter(|form| is_long_enough(form))
}

fn lines(value: &str) -> impl Iterator<Item = String> {
    value.lines().map(|line| line.trim().to_string()).filter(|line| is_long_enough(line))
}

fn is_long_enough(form: &str) -> bool {
    form.chars().count() >= LEAST_CHARS
}

fn escaped(value: &str) -> String {
    serde_json::to_string(value).map(|json| json[1..json.len() - 1].to_string()).unwrap_or_default()
}

/// The same as Python writes it: letters beyond ASCII as `\uXXXX`.
fn in_ascii(json: &str) -> String {
    let letter = |letter: char| match letter.is_ascii() {
        true => letter.to_string(),
        false => letter.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect(),
    };
    json.chars().map(letter).collect()
}

/// The text without secrets.
pub fn mask(text: &str) -> Cow<'_, str> {
    match spans(text, &known()) {
        spans if spans.is_empty() => Cow::Borrowed(text),
        spans => Cow::Owned(without(text, &spans, text.len())),
    }
}

/// Of a text, the first `bytes` without secrets: one that lies across the cut is masked as a whole. To be sure of that,
/// there must be [`longest`] more bytes of the text, if it has them.
pub fn mask_start(text: &str, bytes: usize) -> String {
    without(text, &spans(text, &known()), bytes)
}

/// The same of a text as it came, of which no more than needed is looked at.
pub fn start_of(text: &[u8], bytes: usize) -> String {
    let enough = text.len().min(bytes + longest());
    mask_start(&String::from_utf8_lossy(&text[..enough]), bytes)
}

/// Length in bytes of the longest value that is known.
pub fn longest() -> usize {
    known().iter().map(String::len).max().unwrap_or(0)
}

fn known() -> Arc<Vec<String>> {
    KNOWN.read().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or_default()
}

/// Where there are secrets, in order; those that overlap or touch are one.
fn spans(text: &str, known: &[String]) -> Vec<Range<usize>> {
    let fitting = known.iter().filter(|secret| secret.len() <= text.len());
    let found = fitting.flat_map(|secret| text.match_indices(secret.as_str()));
    let mut found: Vec<Range<usize>> = found.map(|(at, secret)| at..at + secret.len()).collect();
    found.sort_by_key(|span| span.start);
    let mut merged: Vec<Range<usize>> = Vec::new();
    for span in found {
        match merged.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => merged.push(span),
        }
    }
    merged
}

fn without(text: &str, spans: &[Range<usize>], bytes: usize) -> String {
    let cut = text.floor_char_boundary(bytes);
    let (mut out, mut at) = (String::new(), 0);
    for span in spans.iter().take_while(|span| span.start < cut) {
        out += &text[at..span.start];
        out += MASK;
        at = span.end;
    }
    out + text.get(at..cut).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn forms(value: &str) -> Vec<String> {
        whole(value).chain(lines(value)).collect()
    }

    fn masked(text: &str, secrets: &[&str]) -> String {
        let known: Vec<String> = secrets.iter().flat_map(|secret| forms(secret)).collect();
        without(text, &spans(text, &known), text.len())
    }

    #[test]
    fn a_secret_is_masked_wherever_it_stands() {
        assert_eq!(masked("key=hunter22hunter22!", &["hunter22"]), "key=***!");
        assert_eq!(masked("key=hunter22-b", &["hunter22-b", "hunter22"]), "key=***");
        assert_eq!(masked("abcdefghijklmnop", &["abcdefghij", "ghijklmnop"]), "***");
        assert_eq!(masked("short1 passwörd", &["short1", " passwörd\n"]), "short1 ***");
    }

    #[test]
    fn a_secret_of_several_lines_is_known_by_each_of_them() {
        let key = "-----BEGIN KEY-----\nMIIabcdef\n-----END KEY-----";
        assert_eq!(masked("MIIabcdef and more", &[key]), "*** and more");
        assert_eq!(masked(&format!("{key:?}"), &[key]), "\"***\"");
    }

    #[test]
    fn a_secret_is_known_in_json() {
        assert_eq!(masked(r#"{"A": "say \"pass\" twice"}"#, &["say \"pass\" twice"]), r#"{"A": "***"}"#);
        let in_python = r#"{"A": "p\u00e4ssw\u00f6rd \ud83d\udd11"}"#;
        assert_eq!(masked(in_python, &["pässwörd 🔑"]), r#"{"A": "***"}"#);
    }

    #[test]
    fn a_secret_across_the_cut_leaves_no_half() {
        let text = "0123456789 hunter22hunter22 and more";
        let spans = spans(text, &["hunter22hunter22".to_string()]);
        assert_eq!(without(text, &spans, 15), "0123456789 ***");
        assert_eq!(without(text, &spans, 11), "0123456789 ");
        assert_eq!(without(text, &spans, 31), "0123456789 *** and");
        assert_eq!(without("ä", &[], 1), "");
    }

    #[test]
    fn one_with_many_lines_does_not_push_out_the_others() {
        keep(["the-secret-before-the-flood".to_string()]);
        keep([(0..3 * MOST).map(|line| format!("flood-{line:08}\n")).collect::<String>()]);
        assert_eq!(mask("the-secret-before-the-flood"), "***");
    }

    #[test]
    fn what_is_kept_is_masked() {
        assert_eq!(mask("the-secret-of-this-test"), "the-secret-of-this-test");
        keep(["the-secret-of-this-test".to_string()]);
        assert_eq!(mask("so: the-secret-of-this-test"), "so: ***");
        assert_eq!(mask_start("so: the-secret-of-this-test", 9), "so: ***");
        assert_eq!(start_of(b"so: the-secret-of-this-test, you know", 9), "so: ***");
        assert!(longest() >= 23);
    }

    proptest! {
        #[test]
        fn no_secret_is_left(texts in "[ab]{0,40}", secret in "[ab]{8,10}", cut in 0usize..45) {
            let known = forms(&secret);
            let spans = spans(&texts, &known);
            prop_assert!(!without(&texts, &spans, texts.len()).contains(&secret));
            prop_assert!(!without(&texts, &spans, cut).contains(&secret));
        }
    }
}
