//! An answer that is sent on as it comes. The stream of a session's client outlives the server's: it goes on with the
//! next life of the server.

use super::courier::{AnswerBody, Wait};
use super::errand::{self, Errand};
use super::link::peer::{Content, Peer};
use super::link::refusal::Trouble;
use super::passage::Passage;
use super::relay::Waiting;
use super::session::Session;
use super::session::replay::companions;
use super::{Forward, PROTOCOL_VERSION, SESSION_ID, Ticket, fields};
use crate::http::{Client, StreamWriter};
use crate::protocol::sse;
use crate::server::Target as Wanted;
use ::http::{HeaderValue, Request};
use std::io::{self, ErrorKind, Read};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What is read from a server at once; each read is sent on at once.
const CHUNK_BYTES: usize = 16 * 1024;
/// How often a client whose server is away is shown that its stream is open.
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(5);
/// How often a server elsewhere is asked whether it is back.
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// An answer under way.
pub(super) struct Stream {
    pub(super) forward: Arc<Forward>,
    pub(super) waiting: Waiting,
    pub(super) is_events: bool,
    /// How long it may be silent before a comment shows that it is open; none where a comment cannot be.
    pub(super) comment_every: Option<Duration>,
    /// The GET stream of a session.
    pub(super) listening: Option<Listening>,
    pub(super) passage: Passage,
    pub(super) _ticket: Ticket,
}

/// What it takes to open the stream of a session again.
pub(super) struct Listening {
    pub(super) forward: Arc<Forward>,
    pub(super) session: Arc<Session>,
    pub(super) request: Request<()>,
    pub(super) client: Client,
}

/// How the server's stream came to its end.
enum End {
    /// As it should.
    Closed,
    Broken(io::Error),
    /// The server is not served any more, or another child by now.
    Over,
}

/// What came of an attempt to open a stream again.
enum Reopened {
    Open(AnswerBody, Waiting),
    Forgotten(HeaderValue),
    /// Not now; pause so long.
    Later(Duration),
    Never,
}

impl Stream {
    pub(super) fn write(mut self, reader: AnswerBody, writer: &mut StreamWriter<'_>) -> io::Result<()> {
        let mut reader = reader;
        let (mut tail, mut passage) = (Tail::default(), std::mem::take(&mut self.passage));
        loop {
            let errand = self.comment_every.map(|time| self.waiting.errand.breaking(time));
            let errand = errand.as_ref().unwrap_or(&self.waiting.errand);
            let end = errand.run(|| self.pump(&mut reader, writer, &mut tail, &mut passage))?;
            match self.next(&end, &tail, writer)? {
                Some((next, waiting)) => (reader, self.waiting) = (next, waiting),
                None => return self.finish(end, writer, &mut passage),
            }
            passage.reconnected();
        }
    }

    /// Sends on whatever comes, as it comes, and shows in silence that the stream is open: nothing on the way shall
    /// close it.
    fn pump(
        &self,
        reader: &mut impl Read,
        writer: &mut StreamWriter<'_>,
        tail: &mut Tail,
        passage: &mut Passage,
    ) -> io::Result<End> {
        let mut chunk = vec![0; CHUNK_BYTES];
        while !self.waiting.errand.is_over() {
            match reader.read(&mut chunk) {
                Ok(0) => return Ok(End::Closed),
                Ok(count) => {
                    self.forward.count_received(count);
                    let passed = match passage.take(&chunk[..count]) {
                        Ok(passed) => passed,
                        Err(error) => return Ok(End::Broken(error)),
                    };
                    writer.write_chunk(&[&passed])?;
                    tail.take(&passed);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock && tail.is_between_events() => {
                    writer.write_chunk(&[sse::KEEP_ALIVE])?;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) if self.waiting.errand.is_over() => {}
                Err(error) => return Ok(End::Broken(error)),
            }
        }
        Ok(End::Over)
    }

    /// Where the stream goes on, if it does. An event that was cut off would swallow what follows it.
    fn next(
        &self,
        end: &End,
        tail: &Tail,
        writer: &mut StreamWriter<'_>,
    ) -> io::Result<Option<(AnswerBody, Waiting)>> {
        let Some(listening) = self.listening.as_ref().filter(|_| tail.is_between_events()) else {
            return Ok(None);
        };
        match end {
            _ if writer.client().is_gone() => Ok(None),
            End::Closed if !self.forward.has_ended(self.waiting.generation) => Ok(None),
            _ => listening.reopen(writer),
        }
    }

    /// An event stream that broke off tells the call why.
    fn finish(&self, end: End, writer: &mut StreamWriter<'_>, passage: &mut Passage) -> io::Result<()> {
        let End::Broken(error) = end else {
            passage.end();
            return Ok(());
        };
        match &self.waiting.id {
            Some(id) if self.is_events && !writer.client().is_gone() => {
                let error = self.forward.broken(self.waiting.generation, &error.to_string());
                passage.calls.fail(&error);
                let mut text = error.response(id).into_bytes();
                writer.write_chunk(&sse::event(&mut text))
            }
            _ => Err(error),
        }
    }
}

impl Listening {
    /// Waits until the server is back, as long as calls do; meanwhile the client sees that its stream is open.
    fn reopen(&self, writer: &mut StreamWriter<'_>) -> io::Result<Option<(AnswerBody, Waiting)>> {
        let deadline = Instant::now() + self.forward.restart_wait;
        let mut stale = None;
        while Instant::now() < deadline && self.forward.sessions.is_open(&self.session) {
            match self.open(stale.as_ref()) {
                Reopened::Open(stream, waiting) => return Ok(Some((stream, waiting))),
                Reopened::Forgotten(id) if stale.is_none() => stale = Some(id),
                Reopened::Forgotten(_) | Reopened::Never => break,
                Reopened::Later(pause) => {
                    errand::pause(&self.client, pause);
                    writer.write_chunk(&[sse::KEEP_ALIVE])?;
                }
            }
        }
        Ok(None)
    }

    fn open(&self, stale: Option<&HeaderValue>) -> Reopened {
        let forward = &self.forward;
        let running = match forward.server.wait_running(KEEP_ALIVE_EVERY) {
            Ok(running) => running,
            Err(why) if why.0.target == Wanted::Down => return Reopened::Never,
            Err(_) => return Reopened::Later(Duration::ZERO),
        };
        let Ok(target) = forward.target(&running) else { return Reopened::Never };
        let (life, headers) = (forward.life(running.generation), self.request.headers());
        let at_server = match self.session.at_server(forward, &target, life, stale, headers) {
            Ok(at_server) => at_server,
            Err(trouble) if trouble.is_broken() => return Reopened::Later(RETRY_EVERY),
            Err(_) => return Reopened::Never,
        };
        let serving = Some((Arc::clone(&forward.server), running.generation));
        let errand = Errand::of_client(self.client.clone(), serving);
        let mut own = companions(headers);
        fields::put(&mut own, PROTOCOL_VERSION, headers.get(PROTOCOL_VERSION));
        fields::put(&mut own, SESSION_ID, at_server.as_ref());
        let url = target.url(None, self.request.uri().query());
        let peer = Peer { courier: forward.courier.clone(), target: target.as_ref().clone() };
        let answer = errand.run(|| peer.get(Some(&url), own, Wait::Stream));
        match (answer.map(|answer| answer.content), at_server) {
            (Ok(Content::Events(stream)), _) => {
                Reopened::Open(stream, Waiting { id: None, generation: running.generation, errand })
            }
            (Err(Trouble::Refused(refusal)), Some(id)) if refusal.forgets_session() => {
                Reopened::Forgotten(id)
            }
            (Err(trouble), _) if trouble.is_broken() => Reopened::Later(RETRY_EVERY),
            _ => Reopened::Never,
        }
    }
}

/// The last bytes of what was sent on.
#[derive(Default)]
struct Tail(Vec<u8>);

impl Tail {
    fn take(&mut self, chunk: &[u8]) {
        let kept = chunk.len().min(4);
        self.0.extend_from_slice(&chunk[chunk.len() - kept..]);
        self.0.drain(..self.0.len().saturating_sub(4));
    }

    /// Whether nothing was sent, or a whole event last (WHATWG HTML, 9.2.5).
    fn is_between_events(&self) -> bool {
        let ends = [&b"\n\n"[..], b"\r\r", b"\r\n\r\n", b"\n\r\n"];
        self.0.is_empty() || ends.iter().any(|end| self.0.ends_with(end))
    }
}

#[cfg(test)]
mod tests {
    use super::Tail;

    #[test]
    fn a_stream_can_go_on_behind_a_whole_event_only() {
        let after = |chunks: &[&str]| {
            let mut tail = Tail::default();
            chunks.iter().for_each(|chunk| tail.take(chunk.as_bytes()));
            tail.is_between_events()
        };
        assert!(
            after(&[])
                && after(&["data: x\n\n"])
                && after(&["data: x\n", "\n"])
                && after(&["x\r", "\n\r", "\n"])
        );
        assert!(!after(&["data: x"]) && !after(&["data: x\n"]) && !after(&["data: x\n\n", "d"]));
        assert!(!after(&["data: x\r\n"]));
    }
}
