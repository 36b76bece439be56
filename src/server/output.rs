//! A stdio child's stdout: the answer to our `initialize` for the supervisor, everything after it for the bridge.

use super::Face;
use super::lines::{Line, Lines, Noise};
use super::status::Running;
use super::supervisor::Event;
use crate::protocol::message::{Kind, Message};
use crossbeam_channel::Sender;
use std::collections::HashMap;
use std::io::Read;
use std::sync::Arc;

/// The id of our `initialize`. The bridge counts from 1, so nobody else has it.
pub(super) const INITIALIZE_ID: &str = "0";

/// Reads one child's stdout, in the thread `out:NAME`.
pub(super) struct Output {
    pub(super) server: String,
    /// The child, as the face may answer it.
    pub(super) child: Running,
    pub(super) max_line: usize,
    pub(super) face: Arc<dyn Face>,
    pub(super) inbox: Sender<Event>,
}

impl Output {
    pub(super) fn run(self, stdout: impl Read) {
        let mut lines = Lines::new(stdout, self.max_line);
        let mut noise = NoiseLog::default();
        let mut initialized = false;
        while let Ok(Some(line)) = lines.next() {
            match line {
                Line::Text(text) if initialized => self.pass_on(text, &mut noise),
                Line::Text(text) => initialized = self.greet(text, &mut noise),
                Line::Oversize(line) => self.face.oversize(&self.child, &line),
            }
        }
        noise.summarize(&self.server);
        let _ = self.inbox.send(Event::Quiet { generation: self.child.generation });
    }

    fn pass_on(&self, line: Vec<u8>, noise: &mut NoiseLog) {
        let sample = sample(&line);
        if let Err(kind) = self.face.line(&self.child, line) {
            noise.note(&self.server, kind, sample);
        }
    }

    /// Waits for the answer to `initialize`; a child may ping or log before it. True once the answer has come.
    fn greet(&self, line: Vec<u8>, noise: &mut NoiseLog) -> bool {
        let text = String::from_utf8_lossy(&line);
        let answer = match Noise::sort(&text) {
            Ok(Message { kind: Kind::Response { id: INITIALIZE_ID, result, error }, .. }) => match result {
                Some(result) => Ok(Arc::from(result)),
                None => Err(error.unwrap_or_default().to_string()),
            },
            _ => {
                self.pass_on(line, noise);
                return false;
            }
        };
        let _ = self.inbox.send(Event::Answered { generation: self.child.generation, answer });
        true
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

/// The start of a line that is safe to log: a banner, never what could be a piece of a message.
fn sample(line: &[u8]) -> Option<String> {
    let first = line.iter().find(|byte| !byte.is_ascii_whitespace())?;
    let plain = first.is_ascii_alphanumeric() || matches!(first, b'>' | b'#' | b'*' | b'=' | b'-');
    plain.then(|| String::from_utf8_lossy(&line[..line.len().min(120)]).into_owned())
}

/// Logs the first line of each kind and counts the rest.
#[derive(Default)]
struct NoiseLog {
    counts: HashMap<Noise, u64>,
}

impl NoiseLog {
    fn note(&mut self, server: &str, kind: Noise, sample: Option<String>) {
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        if *count == 1 && kind != Noise::Blank {
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
