//! What the environment says about the start:
//!
//! - `FAKE_START_DELAY_MS` sleep before anything else
//! - `FAKE_EXIT_AT_START=CODE` a word on stderr, then exit
//! - `FAKE_COUNTER_FILE` one byte is added to it at each start; with `FAKE_CRASH_TIMES=N` the first N starts exit with 7
//! - `FAKE_NEVER_ANSWER=1` reads everything, answers nothing
//! - `FAKE_NOISE_AT_START=1` a banner, empty lines and a JSON log line on stdout
//! - `FAKE_FLOOD=BYTES` that many bytes on stdout before the first line end
//! - `FAKE_IGNORE_TERM=1` survives SIGTERM and the end of stdin, `FAKE_IGNORE_EOF=1` only the latter
//! - `FAKE_REVISION` the newest legacy revision it speaks, `FAKE_ERAS=legacy|modern|both`; of both, the first
//!   message decides for good, as in the Python SDK
//! - `FAKE_NAME` in `serverInfo`, `FAKE_EXTRA_TOOL` one more in the list, `FAKE_TOOLS_FILE` a file with more of
//!   them as it is read at the start, `FAKE_PAGES=1` the list in two pages, `FAKE_NO_LOGGING=1` no `logging`
//!   capability, `FAKE_TASKS=1` tasks of 2025-11-25

use std::io::Write;
use std::time::Duration;

pub(crate) struct Settings {
    pub(crate) never_answer: bool,
    pub(crate) revision: String,
    pub(crate) eras: String,
    pub(crate) name: String,
    pub(crate) extra_tools: Vec<String>,
    pub(crate) pages: bool,
    pub(crate) logging: bool,
    pub(crate) tasks: bool,
    /// Tools that the transport has, beside those of every fake.
    pub(crate) more_tools: &'static [&'static str],
    ignore_eof: bool,
}

impl Settings {
    /// Reads the environment and does what it says is to be done at the start. `name` and `newest` (revision) are
    /// for what it does not say.
    pub(crate) fn apply(name: &str, newest: &str, more_tools: &'static [&'static str]) -> Settings {
        std::thread::sleep(Duration::from_millis(number("FAKE_START_DELAY_MS").unwrap_or(0)));
        count_start();
        if let Some(code) = number("FAKE_EXIT_AT_START") {
            exit(code, "told to exit at start");
        }
        noise();
        let ignore_term = flag("FAKE_IGNORE_TERM");
        if ignore_term {
            ignore_sigterm();
        }
        Settings {
            never_answer: flag("FAKE_NEVER_ANSWER"),
            revision: text("FAKE_REVISION").unwrap_or_else(|| newest.to_string()),
            eras: text("FAKE_ERAS").unwrap_or_else(|| "legacy".to_string()),
            name: text("FAKE_NAME").unwrap_or_else(|| name.to_string()),
            extra_tools: extra_tools(),
            pages: flag("FAKE_PAGES"),
            logging: !flag("FAKE_NO_LOGGING"),
            tasks: flag("FAKE_TASKS"),
            more_tools,
            ignore_eof: ignore_term || flag("FAKE_IGNORE_EOF"),
        }
    }

    /// A server ends with its stdin, unless told to be a bad one.
    pub(crate) fn after_eof(&self) {
        if self.ignore_eof {
            loop {
                std::thread::park();
            }
        }
    }
}

/// From now on SIGTERM does nothing.
pub(crate) fn ignore_sigterm() {
    let flag = std::sync::Arc::default();
    if let Err(error) = signal_hook::flag::register(signal_hook::consts::SIGTERM, flag) {
        exit(70, &format!("cannot ignore SIGTERM: {error}"));
    }
}

/// Exits with a last word.
pub(crate) fn exit(code: u64, word: &str) -> ! {
    eprintln!("fake: {word}");
    std::process::exit(i32::try_from(code).unwrap_or(1))
}

fn count_start() {
    let Some(path) = text("FAKE_COUNTER_FILE") else { return };
    let file = std::fs::OpenOptions::new().create(true).append(true).open(&path);
    let written = file.and_then(|mut file| file.write_all(b".").and_then(|()| Ok(file.metadata()?.len())));
    match written {
        Ok(start) if start <= number("FAKE_CRASH_TIMES").unwrap_or(0) => {
            exit(7, &format!("crash at start {start}"))
        }
        Ok(_) => {}
        Err(error) => exit(70, &format!("FAKE_COUNTER_FILE {path}: {error}")),
    }
}

fn extra_tools() -> Vec<String> {
    let from_file = text("FAKE_TOOLS_FILE").and_then(|path| std::fs::read_to_string(path).ok());
    let from_file = from_file.unwrap_or_default();
    from_file.split_whitespace().map(ToString::to_string).chain(text("FAKE_EXTRA_TOOL")).collect()
}

fn noise() {
    let mut out = std::io::stdout().lock();
    let mut all = Vec::new();
    if flag("FAKE_NOISE_AT_START") {
        all.extend_from_slice(
            b"\n> fake@1.0.0 start\n\n* listening to you *\n{\"level\":\"info\",\"msg\":\"up\"}\n42\n",
        );
    }
    if let Some(bytes) = number("FAKE_FLOOD") {
        all.resize(all.len() + usize::try_from(bytes).unwrap_or(0), b'x');
        all.push(b'\n');
    }
    let _ = out.write_all(&all).and_then(|()| out.flush());
}

pub(crate) fn text(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn number(name: &str) -> Option<u64> {
    text(name).and_then(|value| value.parse().ok())
}

fn flag(name: &str) -> bool {
    text(name).is_some_and(|value| value != "0")
}
