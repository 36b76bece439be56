//! An event stream as its client reads it: messages with ids where they may be asked for again, comments in silence.

use super::super::Bridge;
use super::super::session::Session;
use super::mailbox::{Delivery, Letter};
use super::replay::{EventId, names_call};
use crate::http::StreamWriter;
pub(crate) use crate::http::event_stream;
use crate::protocol::revision::{self, Era};
use crate::protocol::sse;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Where the messages of a call go.
pub(crate) trait Sink {
    /// # Errors
    /// The client is gone.
    fn send(&mut self, message: String) -> io::Result<()>;

    /// The last message of a call.
    ///
    /// # Errors
    /// The client is gone.
    fn end(&mut self, message: String) -> io::Result<()> {
        self.send(message)
    }

    /// Nothing was to be said: keeps the stream open.
    ///
    /// # Errors
    /// The client is gone.
    fn idle(&mut self) -> io::Result<()>;

    /// Whether the client is gone.
    fn is_gone(&self) -> bool;
}

/// An event stream of HTTP.
pub(crate) struct Events<'w, 'c> {
    writer: &'w mut StreamWriter<'c>,
    track: Option<Track>,
    written: Instant,
    /// A silent stream carries a comment this often, so that nothing on the way closes it.
    comment_every: Duration,
}

/// A stream whose events have ids and are kept.
#[derive(Clone)]
pub(crate) struct Track {
    bridge: Arc<Bridge>,
    session: Arc<Session>,
    pub(crate) stream: u64,
    /// Raw id of the call it answers, if that is short: another process could do nothing but say that it is lost.
    call: Option<Arc<str>>,
}

impl Track {
    /// The ids of a new stream of this session, if its clients know what to do with them: 2025-03-26 and later.
    pub(crate) fn new(bridge: &Arc<Bridge>, session: &Arc<Session>, stream: u64) -> Option<Track> {
        let resumable = session.era == Era::Legacy && session.revision >= revision::ASSUMED;
        resumable.then(|| Track {
            bridge: Arc::clone(bridge),
            session: Arc::clone(session),
            stream,
            call: None,
        })
    }

    /// The stream answers this call (raw id).
    pub(crate) fn of_call(mut self, id: Option<&str>) -> Track {
        self.call = id.filter(|id| names_call(id)).map(Arc::from);
        self
    }

    /// The id of an event as its client reads it.
    fn name(&self, id: EventId) -> String {
        match &self.call {
            Some(call) => format!("{id}-{call}"),
            None => id.to_string(),
        }
    }

    /// Whether the stream begins with an id and no data, so that it can be taken up from its beginning. Clients of
    /// older revisions take the empty data for a message.
    pub(crate) fn is_primed(&self) -> bool {
        self.session.revision >= revision::NEWEST_LEGACY
    }

    fn next(&self) -> EventId {
        EventId { stream: self.stream, event: self.session.events.fetch_add(1, Ordering::Relaxed) + 1 }
    }

    fn present(&self) -> EventId {
        EventId { stream: self.stream, event: self.session.events.load(Ordering::Relaxed) }
    }
}

impl<'w, 'c> Events<'w, 'c> {
    pub(crate) fn new(
        writer: &'w mut StreamWriter<'c>,
        track: Option<Track>,
        bridge: &Bridge,
    ) -> Events<'w, 'c> {
        let comment_every = bridge.terms.options.stream_comment;
        Events { writer, track, written: Instant::now(), comment_every }
    }

    /// The first event of a stream: its id, and how long to wait before coming back to it (2025-11-25, transports,
    /// Sending Messages to the Server).
    pub(crate) fn prime(&mut self, retry: Duration) -> io::Result<()> {
        match self.track.as_ref().filter(|track| track.is_primed()) {
            Some(track) => {
                let (id, retry) = (track.name(track.present()), retry.as_millis());
                self.writer.write_chunk(&[format!("id: {id}\nretry: {retry}\ndata: \n\n").as_bytes()])
            }
            None => Ok(()),
        }
    }

    /// The head alone may wait in a middleman; the first bytes of the body show the client that it is connected.
    pub(crate) fn open(&mut self) -> io::Result<()> {
        self.writer.write_chunk(&[sse::KEEP_ALIVE])
    }

    /// An event that was written before, once more.
    pub(crate) fn repeat(&mut self, id: EventId, message: &[u8]) -> io::Result<()> {
        self.write(Some(id), message)
    }

    fn write(&mut self, id: Option<EventId>, message: &[u8]) -> io::Result<()> {
        self.written = Instant::now();
        let name = |id: EventId| self.track.as_ref().map_or_else(|| id.to_string(), |track| track.name(id));
        let id = id.map(|id| format!("id: {}\n", name(id))).unwrap_or_default();
        let [start, message, end] = sse::frame(message);
        self.writer.write_chunk(&[id.as_bytes(), start, message, end])
    }
}

impl Sink for Events<'_, '_> {
    fn send(&mut self, message: String) -> io::Result<()> {
        let mut message = message.into_bytes();
        sse::one_line(&mut message);
        let id = self.track.as_ref().map(Track::next);
        if let (Some(track), Some(id)) = (&self.track, id) {
            track.bridge.replay.keep(&track.session.id, id, &message);
        }
        self.write(id, &message)
    }

    fn idle(&mut self) -> io::Result<()> {
        if self.written.elapsed() < self.comment_every {
            return Ok(());
        }
        self.written = Instant::now();
        self.writer.write_chunk(&[sse::KEEP_ALIVE])
    }

    fn is_gone(&self) -> bool {
        self.writer.client().is_gone()
    }
}

/// The one stream of a client of 2024-11-05, which carries everything.
pub(crate) struct Outbox<'s>(pub(crate) &'s Session);

impl Sink for Outbox<'_> {
    fn send(&mut self, message: String) -> io::Result<()> {
        self.0.outbox.put(Delivery::Message(Letter::plain(message)));
        Ok(())
    }

    fn end(&mut self, message: String) -> io::Result<()> {
        self.0.outbox.put(Delivery::Answer { text: message, id: 0..0, result: None });
        Ok(())
    }

    fn idle(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn is_gone(&self) -> bool {
        self.0.outbox.is_closed()
    }
}
