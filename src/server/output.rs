//! What a child says: the answer to its greeting for the supervisor, everything after it for the face.

use super::lines::{Line, Lines, Noise};
use super::outlet::Greeting;
use super::status::Running;
use super::stderr::Tail;
use super::supervisor::Event;
use super::{Face, greeting};
use crate::protocol::error::INTERNAL_ERROR;
use crate::protocol::message::{Kind, Message};
use crate::protocol::revision::Era;
use crate::protocol::skim::Oversize;
use crate::secrets;
use crossbeam_channel::Sender;
use std::collections::HashMap;
use std::io::Read;
use std::sync::Arc;

/// Reads a stdio child's stdout, in the thread `out:NAME`.
pub(super) struct Output {
    pub(super) listener: Listener,
    pub(super) max_line: usize,
}

impl Output {
    pub(super) fn run(mut self, stdout: impl Read) {
        let mut lines = Lines::new(stdout, self.max_line);
        while let Ok(Some(line)) = lines.next() {
            match line {
                Line::Text(text) => self.listener.line(text),
                Line::Oversize(line) => self.listener.oversize(&line),
            }
        }
        let Listener { child, inbox, .. } = &self.listener;
        let _ = inbox.send(Event::Quiet { generation: child.generation });
    }
}

/// Hears one child, line by line.
pub(super) struct Listener {
    server: String,
    /// The child, as the face may answer it.
    pub(super) child: Running,
    face: Arc<dyn Face>,
    inbox: Sender<Event>,
    /// The era it is greeted in.
    era: Era,
    /// Whether it has answered its greeting.
    greeted: bool,
    noise: NoiseLog,
    /// Takes what is no message until then: the child may be an HTTP server, which says what it likes.
    tail: Option<Arc<Tail>>,
}

impl Listener {
    pub(super) fn new(
        server: &str,
        child: Running,
        era: Era,
        face: Arc<dyn Face>,
        inbox: Sender<Event>,
    ) -> Listener {
        let noise = NoiseLog::default();
        Listener { server: server.to_string(), child, face, inbox, era, greeted: false, noise, tail: None }
    }

    /// The same, with a place for what a child says before it is known what it is.
    pub(super) fn with_tail(mut self, tail: &Arc<Tail>) -> Listener {
        self.tail = Some(Arc::clone(tail));
        self
    }

    /// A line without its end.
    pub(super) fn line(&mut self, line: Vec<u8>) {
        match self.greeted {
            true => self.pass_on(line),
            false => self.greeted = self.greet(line),
        }
    }

    /// A line that was passed over.
    pub(super) fn oversize(&mut self, line: &Oversize) {
        if !self.greeted && !line.asks && line.id.as_deref() == Some(greeting::ID) {
            self.answered(Err(too_long(line.bytes)));
            self.greeted = true;
        }
        self.face.oversize(&self.child, line);
    }

    /// A request that did not reach the child: our greeting is not made again.
    pub(super) fn undelivered(&mut self, line: &[u8]) -> bool {
        self.greeted && self.face.undelivered(&self.child, line)
    }

    fn pass_on(&mut self, line: Vec<u8>) {
        let sample = sample(&line);
        let early = self.tail.as_ref().map(|tail| (Arc::clone(tail), line.clone()));
        let Err(kind) = self.face.line(&self.child, line) else { return };
        self.noise.note(kind, sample);
        match early {
            Some((tail, line)) if kind != Noise::Blank => tail.take(&self.server, &line),
            Some(_) => {}
            None => self.noise.tell(&self.server),
        }
    }

    /// Waits for the answer to the greeting; a child may ping or log before it. True once the answer has come.
    fn greet(&mut self, line: Vec<u8>) -> bool {
        let text = String::from_utf8_lossy(&line);
        let answer: Result<Arc<str>, String> = match Noise::sort(&text) {
            Ok(Message { kind: Kind::Response { id: greeting::ID, result, error }, .. }) => match result {
                Some(result) if result.len() > MAX_GREETING_BYTES => Err(too_long(result.len() as u64)),
                Some(result) => Ok(Arc::from(result)),
                None => Err(error.unwrap_or_default().to_string()),
            },
            _ => {
                self.pass_on(line);
                return false;
            }
        };
        self.answered(answer);
        true
    }

    fn answered(&mut self, answer: Result<Arc<str>, String>) {
        self.child.greeting = answer.clone().ok().map(|result| Greeting::new(self.era, result));
        let _ = self.inbox.send(Event::Answered { generation: self.child.generation, answer });
        self.tail = None;
        self.noise.tell(&self.server);
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if self.greeted {
            self.noise.summarize(&self.server);
        }
    }
}

impl Noise {
    /// The message in `text`, or what kind of noise it is. However deep its JSON: it is the client who is fragile.
    pub fn sort(text: &str) -> Result<Message<'_>, Noise> {
        use crate::protocol::message::Invalid;
        match Message::parse(text, usize::MAX) {
            Ok(message) => Ok(message),
            Err(_) if text.trim().is_empty() => Err(Noise::Blank),
            Err(Invalid::Envelope(_)) => Err(Noise::NotJsonRpc),
            Err(_) => Err(Noise::NotJson),
        }
    }

    fn words(self) -> &'static str {
        match self {
            Noise::Blank => "a blank line",
            Noise::NotUtf8 => "bytes that are not UTF-8",
            Noise::NotJson => "text that is not JSON",
            Noise::NotJsonRpc => "JSON that is no JSON-RPC message",
        }
    }
}

/// What a child says of itself is kept for as long as it lives.
const MAX_GREETING_BYTES: usize = 1024 * 1024;

/// An answer to the greeting that is not kept, as if the child had refused it.
fn too_long(bytes: u64) -> String {
    let text =
        format!("it says {bytes} bytes of itself in its first answer; {MAX_GREETING_BYTES} are allowed");
    serde_json::json!({ "code": INTERNAL_ERROR, "message": text }).to_string()
}

/// How much of a line that is no message goes into the log.
const SAMPLE_BYTES: usize = 120;

/// The start of a line that is safe to log: a banner, never what could be a piece of a message.
fn sample(line: &[u8]) -> Option<String> {
    let first = line.iter().find(|byte| !byte.is_ascii_whitespace())?;
    let plain = first.is_ascii_alphanumeric() || matches!(first, b'>' | b'#' | b'*' | b'=' | b'-');
    plain.then(|| secrets::start_of(line, SAMPLE_BYTES))
}

/// Logs the first line of each kind and counts the rest.
#[derive(Default)]
struct NoiseLog {
    counts: HashMap<Noise, u64>,
    /// The first of each kind that was not told yet.
    untold: Vec<(Noise, Option<String>)>,
}

impl NoiseLog {
    fn note(&mut self, kind: Noise, sample: Option<String>) {
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        if *count == 1 && kind != Noise::Blank {
            self.untold.push((kind, sample));
        }
    }

    fn tell(&mut self, server: &str) {
        for (kind, sample) in self.untold.drain(..) {
            let sample = sample.map(|text| format!(", for example {text:?}")).unwrap_or_default();
            log::warn!(server, event = "stdout-noise"; "prints {} on stdout, which is for messages{sample}; skipped", kind.words());
        }
    }

    fn summarize(&self, server: &str) {
        for (kind, count) in self.counts.iter().filter(|(_, count)| **count > 1) {
            log::info!(server, event = "stdout-noise", count = *count; "{} times {} on stdout", count, kind.words());
        }
    }
}
