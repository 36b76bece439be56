//! The transport of 2024-11-05: one event stream carries everything to the client, POSTs carry everything to us
//! (2024-11-05, transports, HTTP with SSE).

use super::super::Bridge;
use super::super::endpoint::accepted;
use super::super::refusal::Refusal;
use super::super::stream::events::{Events, Outbox, Sink, event_stream};
use super::super::stream::mailbox::{Delivery, Letter, Mailbox, Next};
use super::super::stream::waiter::Outcome;
use super::Session;
use super::listen::plain;
use super::requests::Begun;
use crate::auth::Caller;
use crate::http::{Exchange, Response, StreamWriter};
use crate::log::request;
use crate::meter::{Open, StreamKind};
use crate::protocol::error::{BAD_REQUEST, INVALID_REQUEST, SESSION_NOT_FOUND, success};
use crate::protocol::message::{Kind, Message};
use crate::thread;
use ::http::StatusCode;
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// The open streams of one server, by the id that their clients POST with.
#[derive(Default)]
pub(crate) struct Lines(Mutex<HashMap<String, Arc<Line>>>);

/// One client of this transport, from the opening of its stream to its end.
struct Line {
    outbox: Arc<Mailbox>,
    /// Who opened it; nobody else may send to it.
    principal: Arc<str>,
    /// Begun by `initialize`.
    session: OnceLock<Arc<Session>>,
}

impl Lines {
    fn find(&self, id: &str) -> Option<Arc<Line>> {
        self.list().get(id).map(Arc::clone)
    }

    fn list(&self) -> MutexGuard<'_, HashMap<String, Arc<Line>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream, whether its head can be sent or not.
struct OpenLine {
    bridge: Arc<Bridge>,
    id: String,
    line: Arc<Line>,
}

impl Drop for OpenLine {
    fn drop(&mut self) {
        self.bridge.close_line(&self.id, &self.line);
    }
}

impl Line {
    fn say(&self, text: String) {
        self.outbox.put(Delivery::Message(Letter::plain(text)));
    }
}

impl Bridge {
    /// GET: opens the stream. Its first event says where to POST: `messages`, relative to what was asked for, so that
    /// it is right behind any prefix that something in front of us adds.
    pub(crate) fn open_line(
        self: &Arc<Self>,
        exchange: &Exchange<'_>,
        caller: &Caller,
    ) -> Result<Response, Refusal> {
        let permit = Open::at(exchange.client.try_stream(), self.meter(), StreamKind::Line);
        let permit = permit.ok_or_else(Refusal::too_many_streams)?;
        let id = format!("{:032x}", rand::random::<u128>());
        let outbox = Arc::new(self.terms.mailbox());
        let line =
            Arc::new(Line { outbox, principal: Arc::clone(caller.principal()), session: OnceLock::new() });
        self.lines.list().insert(id.clone(), Arc::clone(&line));
        let open = OpenLine { bridge: Arc::clone(self), id, line };
        let place = place_of_messages(exchange.request.uri().path());
        Ok(event_stream(move |writer| {
            let _permit = permit;
            let endpoint = format!("event: endpoint\ndata: {place}?sessionId={}\n\n", open.id);
            writer.write_chunk(&[endpoint.as_bytes()])?;
            follow(&open, writer)
        }))
    }

    fn close_line(&self, id: &str, line: &Line) {
        self.lines.list().remove(id);
        line.outbox.close();
        if let Some(session) = line.session.get() {
            self.sessions.remove(&session.id);
            self.forget(session);
        }
    }

    /// POST: 202, and whatever there is to say comes on the stream.
    pub(crate) fn post_line(
        self: &Arc<Self>,
        exchange: &mut Exchange<'_>,
        caller: &Caller,
    ) -> Result<Response, Refusal> {
        let id = exchange.request.uri().query().and_then(session_id);
        let line = id.and_then(|id| self.lines.find(id)).filter(|line| line.principal == *caller.principal());
        let line = line.ok_or_else(|| {
            let text =
                "sessionId names no open stream: open one by GET, and POST to where its first event says";
            Refusal::new(StatusCode::NOT_FOUND, SESSION_NOT_FOUND, text)
        })?;
        let most = match line.session.get() {
            Some(_) => self.terms.limits.max_message_bytes,
            None => self.most_hello_bytes(),
        };
        let text = self.read(exchange, most)?;
        let message = self.parse(&text)?;
        match (&message.kind, line.session.get()) {
            (Kind::Request { id, method, params }, None) if method == "initialize" => {
                self.say_hello(&line, id, *params, caller);
            }
            (_, None) => return Err(Refusal::bad("send initialize first")),
            (Kind::Request { method, .. }, Some(_)) if method == "initialize" => {
                let text = "this stream has its session already; open another one";
                return Err(Refusal::new(StatusCode::BAD_REQUEST, INVALID_REQUEST, text));
            }
            (Kind::Request { id, method, .. }, Some(session)) => {
                self.call_on_line(&message, id, method, session, caller)?;
            }
            (_, Some(session)) => self.tell(&message, session, caller)?,
        }
        Ok(accepted())
    }

    fn say_hello(self: &Arc<Self>, line: &Line, id: &str, params: Option<&str>, caller: &Caller) {
        match self.begin(params, Some(Arc::clone(&line.outbox)), caller) {
            Ok((session, result)) => {
                // In this order: a stream that ends meanwhile looks for its session once it is closed.
                if line.session.set(Arc::clone(&session)).is_err() || line.outbox.is_closed() {
                    self.sessions.remove(&session.id);
                    return self.forget(&session);
                }
                line.say(success(id, &result));
            }
            Err(error) => line.say(error.response(id)),
        }
    }

    /// The POST is over at once; a thread of its own waits for the answer.
    fn call_on_line(
        self: &Arc<Self>,
        message: &Message<'_>,
        id: &str,
        method: &str,
        session: &Arc<Session>,
        caller: &Caller,
    ) -> Result<(), Refusal> {
        let waiter = match self.begin_request(message, id, method, session, caller) {
            Begun::Answered(text) => {
                session.outbox.put(Delivery::Message(Letter::plain(text)));
                return Ok(());
            }
            Begun::Waiting(waiter) => waiter,
        };
        let session = Arc::clone(session);
        let id = request::current();
        let wait = move || {
            let _scope = request::within(id);
            if let Outcome::Left(waiter) = waiter.follow(None, &mut Outbox(&session), None) {
                waiter.give_up();
            }
        };
        let spawned = thread::spawn(&format!("sse:{}", self.name()), wait);
        spawned.map(drop).map_err(|error| {
            Refusal::new(
                StatusCode::SERVICE_UNAVAILABLE,
                BAD_REQUEST,
                format!("no thread for the call: {error}"),
            )
        })
    }
}

fn follow(open: &OpenLine, writer: &mut StreamWriter<'_>) -> io::Result<()> {
    let line = &open.line;
    let reader = line.outbox.attach();
    let mut events = Events::new(writer, None, &open.bridge);
    loop {
        if let Some(session) = line.session.get() {
            session.touch();
        }
        match line.outbox.read(reader, Duration::from_secs(1)) {
            Next::Delivery(delivery) => plain(delivery).map_or(Ok(()), |text| events.send(text))?,
            Next::Ended => return Ok(()),
            Next::Nothing if events.is_gone() => return Ok(()),
            Next::Nothing => events.idle()?,
        }
    }
}

/// `messages` beside what was asked for; below it where the server's own name is the last part of the path.
fn place_of_messages(path: &str) -> String {
    let last = path.rsplit('/').next().unwrap_or_default();
    match last {
        "" | "sse" | "mcp" => "messages".into(),
        name => format!("{name}/messages"),
    }
}

fn session_id(query: &str) -> Option<&str> {
    query.split('&').find_map(|pair| pair.strip_prefix("sessionId="))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_lie_under_the_name_of_the_server() {
        let place = |path: &str| {
            let base: http::Uri = format!("http://h{path}").parse().unwrap();
            let folder = base.path().rsplit_once('/').map(|(folder, _)| folder.to_string()).unwrap();
            format!("{folder}/{}", place_of_messages(path))
        };
        for path in ["/a", "/a/", "/a/sse", "/a/mcp"] {
            assert_eq!(place(path), "/a/messages");
        }
        assert_eq!(place("/front/a/sse"), "/front/a/messages");
        for own_port in ["/", "/sse", "/mcp"] {
            assert_eq!(place(own_port), "/messages");
        }
    }

    #[test]
    fn the_session_is_one_of_the_querys_parts() {
        assert_eq!(session_id("x=1&sessionId=abc"), Some("abc"));
        assert_eq!(session_id("session=abc"), None);
    }
}
