//! WebSockets (RFC 6455) on which only we have something to say. Frames are tungstenite's.

mod handshake;
#[cfg(test)]
mod tests;

pub use handshake::{Accepted, accept};
pub use tungstenite::protocol::frame::coding::CloseCode;

use super::Upgraded;
use std::io::{self, ErrorKind};
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};
use tungstenite::error::ProtocolError;
use tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tungstenite::{Bytes, Error, Message, WebSocket};

/// Largest message, and frame, that is read of a client, which is to send nothing but control frames.
const MAX_HEARD_BYTES: usize = 1024;
/// Frames that are read in a row; then it is our turn.
const MOST_FRAMES: usize = 64;

/// Our side of a WebSocket.
#[derive(Debug)]
pub struct Speaker<'c> {
    socket: WebSocket<Upgraded<'c>>,
    every: Duration,
    next_ping: Instant,
    /// Nothing came from the client since it was pinged.
    is_awaited: bool,
    /// Nothing is there to be read.
    is_caught_up: bool,
}

impl<'c> Speaker<'c> {
    /// On a connection for which 101 was sent. The client is pinged that often, and given up if nothing came from it
    /// when the next ping is due.
    pub fn new(connection: Upgraded<'c>, every: Duration) -> Speaker<'c> {
        let config = WebSocketConfig::default()
            .read_buffer_size(MAX_HEARD_BYTES)
            .write_buffer_size(0)
            .max_message_size(Some(MAX_HEARD_BYTES))
            .max_frame_size(Some(MAX_HEARD_BYTES));
        let socket = WebSocket::from_raw_socket(connection, Role::Server, Some(config));
        let next_ping = Instant::now() + every;
        Speaker { socket, every, next_ping, is_awaited: false, is_caught_up: false }
    }

    /// Sends a text message.
    ///
    /// # Errors
    /// The client does not read in time, or has left.
    pub fn say(&mut self, text: String) -> io::Result<()> {
        self.send(Message::text(text))
    }

    /// Listens to the client until there is something to read from `bell` or `until` is over, but possibly not so
    /// long; pings it and answers its pings. False: it is over, and nothing can be said any more.
    ///
    /// # Errors
    /// The client does not answer, or has left without a word.
    pub fn listen(&mut self, bell: Option<BorrowedFd<'_>>, until: Instant) -> io::Result<bool> {
        if Instant::now() >= self.next_ping {
            self.ping()?;
        }
        if self.is_caught_up {
            self.socket.get_ref().wait(bell, until.min(self.next_ping))?;
        }
        self.is_caught_up = false;
        for _ in 0..MOST_FRAMES {
            match self.socket.read() {
                Ok(Message::Ping(_) | Message::Pong(_)) => self.is_awaited = false,
                Ok(Message::Close(_)) => return self.farewell(),
                Ok(_) => return self.refuse(CloseCode::Policy, "nothing is read here: only listen"),
                Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {
                    self.is_caught_up = true;
                    return Ok(true);
                }
                Err(error) => return self.failed(error),
            }
        }
        Ok(true)
    }

    /// Ends it for a reason (at most 123 bytes).
    ///
    /// # Errors
    /// The client does not read in time, or has left.
    pub fn end(mut self, code: CloseCode, reason: &'static str) -> io::Result<()> {
        self.refuse(code, reason).map(drop)
    }

    fn ping(&mut self) -> io::Result<()> {
        if self.is_awaited {
            return Err(ErrorKind::TimedOut.into());
        }
        (self.is_awaited, self.next_ping) = (true, Instant::now() + self.every);
        self.send(Message::Ping(Bytes::new()))
    }

    fn send(&mut self, message: Message) -> io::Result<()> {
        self.socket.send(message).map_err(broken)
    }

    /// The client has closed it; it is told that we know.
    fn farewell(&mut self) -> io::Result<bool> {
        match self.socket.flush() {
            Ok(()) | Err(Error::ConnectionClosed) => Ok(false),
            Err(error) => Err(broken(error)),
        }
    }

    fn refuse(&mut self, code: CloseCode, reason: &'static str) -> io::Result<bool> {
        let frame = CloseFrame { code, reason: reason.into() };
        self.socket.close(Some(frame)).map_err(broken)?;
        Ok(false)
    }

    /// What came was no proper frame (RFC 6455, section 7.4.1), or nothing will.
    fn failed(&mut self, error: Error) -> io::Result<bool> {
        match error {
            Error::ConnectionClosed | Error::AlreadyClosed => Ok(false),
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) | Error::Io(_) => Err(broken(error)),
            Error::Capacity(_) => self.refuse(CloseCode::Size, "nothing is read here: only listen"),
            Error::Utf8(_) => self.refuse(CloseCode::Invalid, "a text that is no UTF-8"),
            _ => self.refuse(CloseCode::Protocol, "no frame of a client (RFC 6455, section 5)"),
        }
    }
}

fn broken(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        error => io::Error::new(ErrorKind::ConnectionAborted, error),
    }
}
