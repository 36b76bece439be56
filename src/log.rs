//! Log lines on stderr, and in files if asked: text for people, or one JSON object a line. Never a message body, never a
//! secret.
//!
//! JSON keys: `ts` (RFC 3339, UTC), `level`, `target`, `event`, `server` where one is meant, `request_id` during a
//! request, further fields of the event, and `message`. docs/logs.md has them all.

mod files;
mod flow;
mod folder;
mod line;
pub mod request;

use env_logger::fmt::Formatter;
use files::Files;
use flow::{Flow, MOST_LINES};
pub use folder::Folder;
use line::Line;
pub use line::{Form, Printable, printable};
use log::kv::Value;
use log::{LevelFilter, Record};
use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The target of lines about access: who called what, and who was refused.
pub const AUDIT: &str = "audit";
/// The target of lines about requests: one for each, once it is answered.
pub const ACCESS: &str = "access";
/// What the last lines get to reach their files.
const LAST_LINES: Duration = Duration::from_millis(500);

static FILES: OnceLock<Files> = OnceLock::new();

/// What is logged, and how.
pub struct Setup {
    /// The form on stderr. Files have text where that is for the journal.
    pub form: Form,
    /// What is shown unless `RUST_LOG` says otherwise.
    pub level: LevelFilter,
    /// Whether each call of a tool is.
    pub audit: bool,
    /// Where it is written, too.
    pub folder: Option<Folder>,
}

/// Starts logging.
pub fn init(setup: Setup) {
    let mut builder = env_logger::Builder::new();
    builder.filter_level(setup.level);
    if !setup.audit {
        builder.filter_module(AUDIT, setup.level.min(LevelFilter::Warn));
    }
    builder.parse_default_env();
    let started = setup.folder.map(Files::start).transpose();
    let (form, colour) = (setup.form, io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none());
    builder.format(unless_private(move |out, record| write(out, record, form, colour)));
    // A second call (tests) keeps the first logger.
    let _ = builder.try_init();
    match started {
        Ok(files) => drop(files.map(|files| FILES.set(files))),
        Err(error) => log::warn!(event = "no-thread"; "no log files: no thread ({error})"),
    }
}

/// Waits a moment until what was logged is in its files: the process is about to end.
pub fn flush() {
    if let Some(files) = FILES.get() {
        files.flush(LAST_LINES);
    }
}

/// Whether stderr is a stream of journald's (systemd.exec(5), `JOURNAL_STREAM`).
pub fn is_journal() -> bool {
    let said = std::env::var("JOURNAL_STREAM").ok();
    let Some((device, inode)) = said.as_deref().and_then(|said| said.split_once(':')) else { return false };
    rustix::fs::fstat(io::stderr())
        .is_ok_and(|stderr| stderr.st_dev.to_string() == device && stderr.st_ino.to_string() == inode)
}

fn write(out: &mut Formatter, record: &Record<'_>, form: Form, colour: bool) -> io::Result<()> {
    let line = Line::of(record);
    if let Some(files) = FILES.get() {
        let form = if form == Form::Journal { Form::Text } else { form };
        files.put(line.server(), line.render(form, false));
    }
    out.write_all(line.render(form, colour).as_bytes())
}

/// Leaves out what libraries tell of the messages and secrets that pass through them, whatever `RUST_LOG` asks for, and
/// what is too much.
fn unless_private<F>(write: F) -> impl Fn(&mut Formatter, &Record<'_>) -> io::Result<()>
where
    F: Fn(&mut Formatter, &Record<'_>) -> io::Result<()>,
{
    let (ours, theirs, calls, requests) =
        (Flow::default(), Flow::default(), Flow::default(), Flow::default());
    move |out, record| {
        if is_private(record) {
            return Ok(());
        }
        let flow = match record.target() {
            "stderr" => &theirs,
            AUDIT if record.level() > log::Level::Warn => &calls,
            ACCESS => &requests,
            _ => &ours,
        };
        match flow.admit(Instant::now()) {
            None => Ok(()),
            Some(0) => write(out, record),
            Some(left_out) => {
                tell_left_out(&write, out, left_out)?;
                write(out, record)
            }
        }
    }
}

fn tell_left_out<F>(write: &F, out: &mut Formatter, count: u64) -> io::Result<()>
where
    F: Fn(&mut Formatter, &Record<'_>) -> io::Result<()>,
{
    let pairs = [("event", Value::from("flood")), ("count", Value::from(count))];
    let mut note = Record::builder();
    note.level(log::Level::Warn).target(module_path!()).key_values(&pairs);
    write(out, &note.args(format_args!("{count} lines left out: more than {MOST_LINES} in a second")).build())
}

fn is_private(record: &Record<'_>) -> bool {
    let library = record.target().split(':').next().unwrap_or_default();
    record.level() > log::Level::Warn && matches!(library, "ureq" | "ureq_proto" | "rustls")
}
