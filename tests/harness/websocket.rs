//! A client of `/health/ws`: the handshake by hand, so that it can be wrong, frames by tungstenite.

use super::{Connection, DEADLINE, Response};
use serde_json::Value;
use std::net::TcpStream;
use tungstenite::protocol::{CloseFrame, Role};
use tungstenite::{Error, Message, WebSocket};

/// The header fields of a handshake (RFC 6455, section 1.3).
pub const HANDSHAKE: [(&str, &str); 4] = [
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

/// An open WebSocket.
pub struct Watch {
    pub head: Response,
    pub socket: WebSocket<TcpStream>,
}

impl Watch {
    #[track_caller]
    pub fn open(url: &str, headers: &[(&str, &str)]) -> Watch {
        Watch::try_open(url, headers).unwrap_or_else(|response| panic!("refused: {response:?}"))
    }

    /// The answer, if it is not 101.
    #[track_caller]
    pub fn try_open(url: &str, headers: &[(&str, &str)]) -> Result<Watch, Response> {
        let mut connection = Connection::open(url);
        connection.send("GET", url, &[&HANDSHAKE, headers].concat(), b"");
        let mut head = connection.head();
        if head.status != 101 {
            head.body = connection.body(&head);
            return Err(head);
        }
        assert_eq!(head.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        let ahead = connection.reader.buffer().to_vec();
        let stream = connection.reader.into_inner();
        let socket = WebSocket::from_partially_read(stream, ahead, Role::Client, None);
        Ok(Watch { head, socket })
    }

    /// The next message; pings are answered.
    #[track_caller]
    pub fn next(&mut self) -> Value {
        loop {
            match self.socket.read().expect("a message in time") {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("not a message: {other:?}"),
            }
        }
    }

    /// The next message that is as it should be.
    #[track_caller]
    pub fn wait(&mut self, matches: impl Fn(&Value) -> bool) -> Value {
        let end = std::time::Instant::now() + DEADLINE;
        loop {
            let message = self.next();
            if matches(&message) {
                return message;
            }
            assert!(std::time::Instant::now() < end, "others only, the last was {message}");
        }
    }

    /// The next message about a server that is as it should be: its entry.
    #[track_caller]
    pub fn wait_server(&mut self, name: &str, matches: impl Fn(&Value) -> bool) -> Value {
        let mut message = self.wait(|message| {
            message["type"] == "server" && message["server"]["name"] == name && matches(&message["server"])
        });
        message["server"].take()
    }

    /// Whatever still comes until the other side closes; with which code and reason.
    #[track_caller]
    pub fn wait_close(&mut self) -> (u16, String) {
        let end = std::time::Instant::now() + DEADLINE;
        loop {
            match self.socket.read() {
                Ok(Message::Close(Some(CloseFrame { code, reason }))) => {
                    // Our own, and then the end of the connection.
                    while !matches!(self.socket.read(), Err(Error::ConnectionClosed | Error::Io(_))) {}
                    return (code.into(), reason.to_string());
                }
                Ok(Message::Close(None)) => panic!("closed without a reason"),
                Ok(_) => assert!(std::time::Instant::now() < end, "it goes on"),
                Err(error) => panic!("cut: {error}"),
            }
        }
    }
}
