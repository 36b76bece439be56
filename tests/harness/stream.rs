//! Event streams, with the moment at which each event came.

use super::{Connection, DEADLINE, Response};
use serde_json::Value;
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    pub event: Option<String>,
    pub id: Option<String>,
    pub retry: Option<String>,
    /// `None` in an event without data, such as a comment alone.
    pub data: Option<String>,
    pub comment: Option<String>,
}

/// An open stream. Dropping it closes the connection.
pub struct Stream {
    pub head: Response,
    socket: TcpStream,
    events: Receiver<(Instant, Event)>,
}

impl Stream {
    /// Sends a request whose answer has to be a stream.
    #[track_caller]
    pub fn open(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Stream {
        Stream::try_open(method, url, headers, body)
            .unwrap_or_else(|response| panic!("not a stream: {response:?}"))
    }

    /// Sends a request that may be answered by a stream; any other answer is read to its end.
    #[track_caller]
    pub fn try_open(
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Stream, Response> {
        let mut connection = Connection::open(url);
        connection.send(method, url, headers, body);
        let mut head = connection.head();
        if head.status != 200 || !head.is_stream() {
            head.body = connection.body(&head);
            return Err(head);
        }
        Ok(Stream::of(connection, head))
    }

    fn of(mut connection: Connection, head: Response) -> Stream {
        let socket = connection.reader.get_ref().try_clone().unwrap();
        // A stream may be silent for as long as it likes; it is the test that has a deadline.
        socket.set_read_timeout(None).unwrap();
        let (sender, events) = channel();
        std::thread::spawn(move || {
            let mut pending = String::new();
            while let Some(chunk) = connection.chunk() {
                pending += &String::from_utf8(chunk).expect("UTF-8 in whole chunks").replace("\r\n", "\n");
                while let Some(end) = pending.find("\n\n") {
                    let rest = pending.split_off(end + 2);
                    let block = std::mem::replace(&mut pending, rest);
                    if sender.send((Instant::now(), Event::parse(&block))).is_err() {
                        return;
                    }
                }
            }
        });
        Stream { head, socket, events }
    }

    /// The next event of any kind.
    #[track_caller]
    pub fn next_event(&self) -> (Instant, Event) {
        self.event_until(Instant::now() + DEADLINE)
    }

    #[track_caller]
    fn event_until(&self, deadline: Instant) -> (Instant, Event) {
        let left = deadline.saturating_duration_since(Instant::now());
        self.events.recv_timeout(left).unwrap_or_else(|error| panic!("no event: {error}"))
    }

    /// The bytes of the next message.
    #[track_caller]
    pub fn next_data(&self) -> String {
        let data = std::iter::from_fn(|| Some(self.next_event().1))
            .find_map(|event| event.data.filter(|data| !data.is_empty()));
        data.unwrap_or_default()
    }

    /// The next event of any kind; none if the other side ends the stream instead.
    #[track_caller]
    pub fn event_or_end(&self) -> Option<Event> {
        match self.events.recv_timeout(DEADLINE) {
            Ok((_, event)) => Some(event),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("no event, and no end"),
        }
    }

    /// The next event that carries a JSON-RPC message: comments and the priming event are passed over.
    #[track_caller]
    pub fn next_message(&self) -> (Instant, Value) {
        // Comments keep coming on a stream on which nothing is said.
        let deadline = Instant::now() + DEADLINE;
        loop {
            let (at, event) = self.event_until(deadline);
            if let Some(data) = event.data.filter(|data| !data.is_empty()) {
                return (at, serde_json::from_str(&data).unwrap());
            }
        }
    }

    /// The next message of this method, or the next result with this as its id.
    #[track_caller]
    pub fn wait_message(&self, matches: impl Fn(&Value) -> bool) -> (Instant, Value) {
        loop {
            let (at, message) = self.next_message();
            if matches(&message) {
                return (at, message);
            }
        }
    }

    /// What came within this time and no more; comments and the priming event left out.
    pub fn messages_within(&self, time: Duration) -> Vec<Value> {
        let end = Instant::now() + time;
        let left = || end.saturating_duration_since(Instant::now());
        let events = std::iter::from_fn(|| self.events.recv_timeout(left()).ok());
        let data = events.filter_map(|(_, event)| event.data.filter(|data| !data.is_empty()));
        data.map(|data| serde_json::from_str(&data).unwrap()).collect()
    }

    /// Waits for the other side to end the stream; whatever it still sends is dropped.
    #[track_caller]
    pub fn wait_end(&self) {
        let end = Instant::now() + DEADLINE;
        loop {
            match self.events.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => panic!("the stream goes on"),
            }
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

impl Event {
    fn parse(block: &str) -> Event {
        let mut event = Event::default();
        for line in block.lines().filter(|line| !line.is_empty()) {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            let slot = match field {
                "event" => &mut event.event,
                "id" => &mut event.id,
                "retry" => &mut event.retry,
                "data" => &mut event.data,
                "" => &mut event.comment,
                other => panic!("unknown field {other} in {block:?}"),
            };
            // Several lines of data are one text.
            *slot = Some(slot.take().map_or(value.to_string(), |before| format!("{before}\n{value}")));
        }
        event
    }
}
