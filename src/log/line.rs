//! One log line: what is in it, and the forms it is written in.

use super::request;
use crate::secrets;
use log::kv::{Error, Key, Value, VisitSource, VisitValue};
use log::{Level, Record};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::time::SystemTime;

/// Bytes of most lines.
const USUAL_BYTES: usize = 256;

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// For people: time, level, server, message, and further fields in parentheses.
    Text,
    /// One object a line.
    Json,
    /// For journald and `logger --prio-prefix`: as text, with the priority of syslog in front instead of the time.
    Journal,
}

/// A line, without secrets.
pub(super) struct Line {
    time: String,
    level: Level,
    target: String,
    message: String,
    fields: BTreeMap<String, Json>,
}

impl Line {
    pub(super) fn of(record: &Record<'_>) -> Line {
        let mut fields = Fields(BTreeMap::new());
        let _ = record.key_values().visit(&mut fields); // our visitor never fails
        if let Some(request) = request::current() {
            fields.0.insert("request_id".into(), request.to_string().into());
        }
        Line {
            time: humantime::format_rfc3339_millis(SystemTime::now()).to_string(),
            level: record.level(),
            target: record.target().to_string(),
            // What a child prints, and what libraries make of it, may hold its secrets.
            message: secrets::mask(&record.args().to_string()).into_owned(),
            fields: fields.0,
        }
    }

    /// The server it is about.
    pub(super) fn server(&self) -> Option<&str> {
        self.fields.get("server").and_then(Json::as_str)
    }

    /// With its end. Only text is ever coloured.
    pub(super) fn render(&self, form: Form, colour: bool) -> String {
        let mut line = String::with_capacity(USUAL_BYTES);
        // A string takes all that is written to it.
        let _ = match form {
            Form::Json => write!(line, "{}", self.json()),
            Form::Text => {
                let (start, end) = self.colours(colour);
                write!(line, "{} {start}{:5}{end} ", self.time, self.level)
                    .and_then(|()| self.words(&mut line))
            }
            Form::Journal => write!(line, "<{}>", self.priority()).and_then(|()| self.words(&mut line)),
        };
        line.push('\n');
        line
    }

    /// The keys that every line has come last: no field of an event can take their place.
    fn json(&self) -> Json {
        let mut line = Map::new();
        // `collect` would sort what is sorted already, with four kB of stack.
        line.extend(self.fields.clone());
        line.insert("ts".into(), self.time.as_str().into());
        line.insert("level".into(), self.level.as_str().to_ascii_lowercase().into());
        line.insert("target".into(), self.target.as_str().into());
        line.insert("message".into(), self.message.as_str().into());
        line.into()
    }

    fn words(&self, line: &mut String) -> fmt::Result {
        write!(line, "{}: {}", self.server().unwrap_or("proxy"), Printable(&self.message))?;
        let rest = self.fields.iter().filter(|(key, _)| !matches!(key.as_str(), "server" | "event"));
        let mut before = " (";
        for (key, value) in rest {
            write!(line, "{before}{key}={value}")?;
            before = " ";
        }
        if before == " " { line.write_char(')') } else { Ok(()) }
    }

    fn colours(&self, colour: bool) -> (&'static str, &'static str) {
        match self.level {
            Level::Error if colour => ("\x1b[31m", "\x1b[0m"),
            Level::Warn if colour => ("\x1b[33m", "\x1b[0m"),
            _ => ("", ""),
        }
    }

    /// That of syslog (RFC 5424, section 6.2.1), as sd-daemon(3) has it.
    fn priority(&self) -> u8 {
        match self.level {
            Level::Error => 3,
            Level::Warn => 4,
            Level::Info => 6,
            Level::Debug | Level::Trace => 7,
        }
    }
}

/// What a child prints, and how its files are called, may hold terminal controls, or marks that turn the direction of
/// writing; they are shown, not obeyed.
pub struct Printable<'t>(pub &'t str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steers =
            |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        let mut rest = self.0;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| steers(*c)) {
            f.write_str(&rest[..at])?;
            c.escape_default().fmt(f)?;
            rest = &rest[at + c.len_utf8()..];
        }
        f.write_str(rest)
    }
}

/// The same as text.
pub fn printable(text: &str) -> String {
    Printable(text).to_string()
}

/// The key-value pairs of a record; those without a value are left out.
struct Fields(BTreeMap<String, Json>);

impl<'kvs> VisitSource<'kvs> for Fields {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        let mut field = Field { is_name: key.as_str() == "server", value: None };
        value.visit(&mut field)?;
        self.0.extend(field.value.map(|value| (key.to_string(), value)));
        Ok(())
    }
}

/// One value as JSON.
struct Field {
    /// A name is no secret, even if somebody chose it for one.
    is_name: bool,
    value: Option<Json>,
}

impl Field {
    fn text(&mut self, text: &str) -> Result<(), Error> {
        self.put(if self.is_name { text.into() } else { secrets::mask(text).into() })
    }

    fn put(&mut self, value: Json) -> Result<(), Error> {
        self.value = Some(value);
        Ok(())
    }
}

impl<'v> VisitValue<'v> for Field {
    fn visit_any(&mut self, value: Value<'_>) -> Result<(), Error> {
        self.text(&value.to_string())
    }

    fn visit_null(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn visit_u64(&mut self, value: u64) -> Result<(), Error> {
        self.put(value.into())
    }

    fn visit_i64(&mut self, value: i64) -> Result<(), Error> {
        self.put(value.into())
    }

    fn visit_bool(&mut self, value: bool) -> Result<(), Error> {
        self.put(value.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::request::{RequestId, within};

    fn json(record: &Record<'_>) -> Json {
        serde_json::from_str(&Line::of(record).render(Form::Json, false)).unwrap()
    }

    #[test]
    fn controls_are_shown_not_obeyed() {
        assert_eq!(printable("a\x1b[2Jä\n"), "a\\u{1b}[2Jä\\n");
        assert_eq!(printable("a\u{202e}gnp"), "a\\u{202e}gnp");
    }

    #[test]
    fn no_field_takes_the_place_of_what_every_line_has() {
        let pairs = ["ts", "level", "target", "message", "event", "request_id"]
            .map(|key| (key, Value::from("theirs")));
        let mut record = Record::builder();
        record.level(Level::Warn).target("ours").key_values(&pairs);
        let _scope = within(Some(RequestId::of(Some(b"mine"))));
        let line = json(&record.args(format_args!("said")).build());
        assert_eq!((&line["level"], &line["target"]), (&"warn".into(), &"ours".into()), "{line}");
        assert_eq!((&line["message"], &line["event"]), (&"said".into(), &"theirs".into()), "{line}");
        assert_eq!(line["request_id"], "mine", "{line}");
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
    fn fields_keep_their_types_and_those_without_a_value_are_left_out() {
        let pairs = [
            ("pid", Value::from(7u64)),
            ("server", Value::from("x")),
            ("code", Value::from(-1)),
            ("flag", Value::from(true)),
            ("call", Value::null()),
        ];
        let line = json(&Record::builder().key_values(&pairs).build());
        assert_eq!((&line["pid"], &line["server"], &line["code"]), (&7.into(), &"x".into(), &(-1).into()));
        assert_eq!((&line["flag"], line.get("call")), (&true.into(), None));
    }

    #[test]
    fn the_journal_gets_a_priority_and_no_time() {
        for (level, priority) in [(Level::Error, 3), (Level::Warn, 4), (Level::Info, 6), (Level::Debug, 7)] {
            let pairs = [("server", Value::from("notes")), ("event", Value::from("down")), ("pid", 7.into())];
            let mut record = Record::builder();
            record.level(level).key_values(&pairs);
            let line = Line::of(&record.args(format_args!("two\nlines")).build());
            assert_eq!(line.render(Form::Journal, true), format!("<{priority}>notes: two\\nlines (pid=7)\n"));
        }
    }
}
