//! GET: the session's own stream, which carries what belongs to no call, and streams that are taken up again.

use super::super::Bridge;
use super::super::names;
use super::super::refusal::Refusal;
use super::super::stream::events::{Events, Sink, Track, event_stream};
use super::super::stream::mailbox::{Delivery, Next};
use super::super::stream::replay::{EventId, LastEvent};
use super::Session;
use crate::http::{Client, Response, StreamPermit};
use crate::meter::{Open, StreamKind};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// The GET stream among a session's streams.
const OWN_STREAM: u64 = 0;

impl Bridge {
    /// Opens the session's stream. An older one ends: a client that comes back from a lost network must not wait
    /// until its dead connection is noticed.
    pub(crate) fn listen(
        self: &Arc<Self>,
        session: Arc<Session>,
        last: Option<LastEvent>,
        client: &Client,
    ) -> Response {
        let Some(permit) = Open::at(client.try_stream(), self.meter(), StreamKind::Session) else {
            return Refusal::too_many_streams().response();
        };
        match last {
            Some(last) if last.at.stream == OWN_STREAM => self.own_stream(session, Some(last.at), permit),
            Some(last) if session.has_opened(last.at.stream) => self.take_up(session, last, permit),
            Some(last) => self.lost(&session, last, permit),
            None => self.own_stream(session, None, permit),
        }
    }

    fn own_stream(
        self: &Arc<Self>,
        session: Arc<Session>,
        last: Option<EventId>,
        permit: Open<StreamPermit>,
    ) -> Response {
        let reader = session.outbox.attach();
        if session.awaits_updates() {
            self.children.rouse(&session.peer);
        }
        session.outbox.come_back();
        let bridge = Arc::clone(self);
        event_stream(move |writer| {
            let _permit = permit;
            let mut events = Events::new(writer, Track::new(&bridge, &session, OWN_STREAM), &bridge);
            let outcome = bridge.carry(&session, reader, last, &mut events);
            if session.outbox.let_go(reader) {
                session.outbox.leave(&bridge.kept);
            }
            outcome
        })
    }

    fn carry(
        &self,
        session: &Session,
        reader: u64,
        last: Option<EventId>,
        events: &mut Events<'_, '_>,
    ) -> io::Result<()> {
        events.open()?;
        match last {
            Some(last) => self.repeat(session, last, events)?,
            None => events.prime(self.terms.options.retry)?,
        }
        follow(session, reader, events)
    }

    /// A stream that answers a POST and was interrupted goes on where it was.
    fn take_up(
        self: &Arc<Self>,
        session: Arc<Session>,
        last: LastEvent,
        permit: Open<StreamPermit>,
    ) -> Response {
        let bridge = Arc::clone(self);
        event_stream(move |writer| {
            let _permit = permit;
            let LastEvent { at: last, call } = last;
            let track = Track::new(&bridge, &session, last.stream);
            let track = track.map(|track| track.of_call(call.as_deref()));
            let mut events = Events::new(writer, track, &bridge);
            events.open()?;
            let waiter = session.desk.take(last.stream);
            if let Err(error) = bridge.repeat(&session, last, &mut events) {
                waiter.into_iter().for_each(|waiter| session.desk.leave(last.stream, waiter));
                return Err(error);
            }
            waiter.into_iter().for_each(|waiter| waiter.take_up(&mut events));
            Ok(())
        })
    }

    /// A stream of another process of the proxy: what it was to carry is gone with that, or there. Its client is told,
    /// for it would come back until its own patience ends.
    fn lost(self: &Arc<Self>, session: &Session, last: LastEvent, permit: Open<StreamPermit>) -> Response {
        let text = "the stream of this call was opened by another process of the proxy, or by this one before it was restarted; \
                    what has become of the call is not known here: call again if doing it twice does no harm";
        let error = session.peer.server.given_up("lost", text);
        let message = last.call.map(|call| error.response(&call).into_bytes());
        let bridge = Arc::clone(self);
        event_stream(move |writer| {
            let _permit = permit;
            let mut events = Events::new(writer, None, &bridge);
            events.open()?;
            message.iter().try_for_each(|message| events.repeat(last.at, message))
        })
    }

    fn repeat(&self, session: &Session, last: EventId, events: &mut Events<'_, '_>) -> io::Result<()> {
        let sent = self.replay.after(&session.id, last);
        sent.into_iter().try_for_each(|(id, text)| events.repeat(id, &text))
    }
}

fn follow(session: &Session, reader: u64, events: &mut Events<'_, '_>) -> io::Result<()> {
    loop {
        session.touch();
        match session.outbox.read(reader, Duration::from_secs(1)) {
            Next::Delivery(delivery) => {
                if let Some(text) = plain(delivery) {
                    events.send(text)?;
                }
            }
            Next::Ended => return Ok(()),
            Next::Nothing if events.is_gone() => return Ok(()),
            Next::Nothing => events.idle()?,
        }
    }
}

/// What belongs to no call as its client sees it.
pub(crate) fn plain(delivery: Delivery) -> Option<String> {
    match delivery {
        Delivery::Message(letter) => Some(letter.numbered()),
        Delivery::Question { number, mut text, id } => {
            text.replace_range(id, &names::question_id(number));
            Some(text)
        }
        Delivery::Answer { text, .. } => Some(text),
        Delivery::Reply { .. } | Delivery::Returned { .. } | Delivery::Failed(_) => None,
    }
}
