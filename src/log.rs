//! Log lines on stderr: text for people, or one JSON object a line. Never a message body, never a secret.
//!
//! JSON keys: `ts` (RFC 3339, UTC), `level`, `target`, `event`, `server` where one is meant, further fields of the
//! event, and `message`.

use crate::secrets;
use env_logger::fmt::Formatter;
use log::kv::{Error, Key, Value, VisitSource};
use log::{LevelFilter, Record};
use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::time::SystemTime;

/// Starts logging. `json` chooses the form; `level` is what is shown unless `RUST_LOG` says otherwise.
pub fn init(json: bool, level: LevelFilter) {
    let mut builder = env_logger::Builder::new();
    builder.filter_level(level).parse_default_env();
    let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    match json {
        true => builder.format(unless_private(write_json)),
        false => builder.format(unless_private(move |out, record| write_text(out, record, colour))),
    };
    // A second call (tests) keeps the first logger.
    let _ = builder.try_init();
}

/// Leaves out what libraries tell of the messages and secrets that pass through them, whatever `RUST_LOG` asks for.
fn unless_private<F>(write: F) -> impl Fn(&mut Formatter, &Record<'_>) -> io::Result<()>
where
    F: Fn(&mut Formatter, &Record<'_>) -> io::Result<()>,
{
    move |out, record| if is_private(record) { Ok(()) } else { write(out, record) }
}

fn is_private(record: &Record<'_>) -> bool {
    let library = record.target().split(':').next().unwrap_or_default();
    record.level() > log::Level::Warn && matches!(library, "ureq" | "ureq_proto" | "rustls")
}

fn write_json(out: &mut Formatter, record: &Record<'_>) -> io::Result<()> {
    writeln!(out, "{}", json(record))
}

/// The keys that every line has come last: no field of an event can take their place.
fn json(record: &Record<'_>) -> serde_json::Value {
    let mut line: serde_json::Map<_, _> = Fields::of(record).0.into_iter().collect();
    line.insert("ts".into(), now().into());
    line.insert("level".into(), record.level().as_str().to_ascii_lowercase().into());
    line.insert("target".into(), record.target().into());
    line.insert("message".into(), message(record).into());
    line.into()
}

fn write_text(out: &mut Formatter, record: &Record<'_>, colour: bool) -> io::Result<()> {
    let fields = Fields::of(record).0;
    let server = fields.get("server").and_then(serde_json::Value::as_str).unwrap_or("proxy");
    let rest: Vec<String> = fields
        .iter()
        .filter(|(key, _)| !matches!(key.as_str(), "server" | "event"))
        .map(|(k, v)| format!("{k}={v}"))
        .collect();
    let detail = if rest.is_empty() { String::new() } else { format!(" ({})", rest.join(" ")) };
    let (start, end) = match (colour, record.level()) {
        (true, log::Level::Error) => ("\x1b[31m", "\x1b[0m"),
        (true, log::Level::Warn) => ("\x1b[33m", "\x1b[0m"),
        _ => ("", ""),
    };
    let text = printable(&message(record));
    writeln!(out, "{} {start}{:5}{end} {server}: {text}{detail}", now(), record.level())
}

/// What a child prints, and what libraries make of it, may hold its secrets.
fn message(record: &Record<'_>) -> String {
    secrets::mask(&record.args().to_string()).into_owned()
}

/// What a child prints, and how its files are called, may hold terminal controls, or marks that turn the direction of
/// writing; they are shown, not obeyed.
pub fn printable(text: &str) -> String {
    let steers = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().flat_map(|c| if steers(c) { c.escape_default().collect() } else { vec![c] }).collect()
}

fn now() -> String {
    humantime::format_rfc3339_millis(SystemTime::now()).to_string()
}

/// The key-value pairs of a record.
struct Fields(BTreeMap<String, serde_json::Value>);

impl Fields {
    fn of(record: &Record<'_>) -> Fields {
        let mut fields = Fields(BTreeMap::new());
        let _ = record.key_values().visit(&mut fields); // our visitor never fails
        fields
    }
}

impl<'kvs> VisitSource<'kvs> for Fields {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        let json = match (value.to_u64(), value.to_i64(), value.to_bool()) {
            (Some(number), _, _) => number.into(),
            (_, Some(number), _) => number.into(),
            (_, _, Some(flag)) => flag.into(),
            // A name is no secret, even if somebody chose it for one.
            _ if key.as_str() == "server" => value.to_string().into(),
            _ => secrets::mask(&value.to_string()).into(),
        };
        self.0.insert(key.to_string(), json);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_are_shown_not_obeyed() {
        assert_eq!(printable("a\x1b[2Jä\n"), "a\\u{1b}[2Jä\\n");
        assert_eq!(printable("a\u{202e}gnp"), "a\\u{202e}gnp");
    }

    #[test]
    fn no_field_takes_the_place_of_what_every_line_has() {
        let pairs = ["ts", "level", "target", "message", "event"].map(|key| (key, Value::from("theirs")));
        let mut record = Record::builder();
        record.level(log::Level::Warn).target("ours").key_values(&pairs);
        let line = json(&record.args(format_args!("said")).build());
        assert_eq!((&line["level"], &line["target"]), (&"warn".into(), &"ours".into()), "{line}");
        assert_eq!((&line["message"], &line["event"]), (&"said".into(), &"theirs".into()), "{line}");
        assert_ne!(line["ts"], "theirs");
    }

    #[test]
    fn secrets_are_not_logged() {
        secrets::keep(["the-secret-in-a-log-line".to_string()]);
        let pairs = [("why", Value::from("the-secret-in-a-log-line"))];
        let mut record = Record::builder();
        record.key_values(&pairs);
        let line = json(&record.args(format_args!("it is the-secret-in-a-log-line")).build());
        assert_eq!((&line["message"], &line["why"]), (&"it is ***".into(), &"***".into()));
    }

    #[test]
    fn fields_keep_their_types() {
        let pairs = [("pid", Value::from(7u64)), ("server", Value::from("x"))];
        let record = Record::builder().key_values(&pairs).build();
        let fields = Fields::of(&record).0;
        assert_eq!((&fields["pid"], &fields["server"]), (&7.into(), &"x".into()));
    }
}
