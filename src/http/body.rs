//! A request's body as a handler reads it.

use super::budget::{Account, Budget};
use super::input::Input;
use super::payload::Response;
use super::refusal::Refusal;
use ::http::StatusCode;
use std::io::{self, ErrorKind, Read};
use std::{error, fmt};

/// Bytes that a buffer grows by at first; it doubles with what really came.
const FIRST_BYTES: usize = 8 * 1024;

/// The body of one request, decoded. Dropping it unread is fine: what is small is skipped, else the
/// connection is closed after the answer.
#[derive(Debug)]
pub struct Body<'c> {
    input: &'c mut Input,
    /// What was read counts for as long as this stands: whoever read it may wait for somebody else with it.
    account: Account<'c>,
}

impl<'c> Body<'c> {
    pub(crate) fn new(input: &'c mut Input, budget: &'c Budget) -> Body<'c> {
        Body { input, account: budget.account() }
    }

    /// Bytes of the whole body, as announced; `None` if it is chunked. Never allocate by it.
    pub fn length(&self) -> Option<u64> {
        self.input.length()
    }

    /// Whether the request has no body, or one of length 0.
    pub fn is_empty(&self) -> bool {
        self.input.length() == Some(0)
    }

    /// Whether all of it has been read (for a chunked body only known once the last chunk was read).
    pub fn is_at_end(&self) -> bool {
        self.input.is_at_end()
    }

    /// Reads the rest of the body, at most `limit` bytes. Memory grows with the bytes that came.
    ///
    /// # Errors
    /// See [`BodyError`]; the connection is closed after the answer.
    pub fn read_all(&mut self, limit: usize) -> Result<Vec<u8>, BodyError> {
        if self.length().is_some_and(|length| length > limit as u64) {
            return Err(self.input.give_up(BodyError::TooLarge));
        }
        let mut bytes = Vec::new();
        let mut filled = 0;
        while !self.is_at_end() {
            // Every byte of room is prepared once, in however many pieces the body comes.
            if filled == bytes.len() {
                let step = filled.max(self.input.at_hand()).max(FIRST_BYTES);
                let room = filled + step.min(limit - filled + 1).min(self.expected());
                if !self.account.grow_to(room) {
                    return Err(self.input.give_up(BodyError::NoRoom));
                }
                bytes.resize(room, 0);
            }
            filled += self.input.read(&mut bytes[filled..])?;
            if filled > limit {
                return Err(self.input.give_up(BodyError::TooLarge));
            }
        }
        bytes.truncate(filled);
        bytes.shrink_to(bytes.len() + FIRST_BYTES);
        Ok(bytes)
    }

    /// What is still to come, if known; it bounds a step, it never asks for memory.
    fn expected(&self) -> usize {
        self.input.remaining().and_then(|left| usize::try_from(left).ok()).unwrap_or(usize::MAX)
    }
}

impl Read for Body<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.input.read(into).map_err(io::Error::from)
    }
}

/// Why a body could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// More bytes than the caller allowed.
    TooLarge,
    /// Too many large bodies are held at this moment (`max_buffered_bytes`).
    NoRoom,
    /// The body was not complete at its deadline (`body_timeout_seconds`).
    TimedOut,
    /// The chunked coding is broken, in these words.
    Malformed(&'static str),
    /// The socket failed; `UnexpectedEof` if the client left in the middle.
    Io(ErrorKind),
}

impl BodyError {
    /// The answer that fits: 413, 503, 408 or 400.
    pub fn into_response(self) -> Response {
        let refusal = match self {
            BodyError::TooLarge => Refusal::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "the request's body is larger than this proxy accepts; raise max_message_bytes in [limits]",
            ),
            BodyError::NoRoom => Refusal::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "too many large requests at once; try again in a few seconds, or raise max_buffered_bytes in [limits]",
            ),
            BodyError::TimedOut => Refusal::new(
                StatusCode::REQUEST_TIMEOUT,
                "the request's body did not arrive in time; send it faster or raise body_timeout_seconds in [limits]",
            ),
            BodyError::Malformed(what) => Refusal::malformed(what),
            BodyError::Io(_) => {
                Refusal::malformed("the connection broke before the request's body was complete")
            }
        };
        refusal.into_response()
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BodyError::TooLarge => f.write_str("the request's body is too large"),
            BodyError::NoRoom => f.write_str("too many large requests at once; try again in a few seconds"),
            BodyError::TimedOut => f.write_str("the request's body did not arrive in time"),
            BodyError::Malformed(what) => f.write_str(what),
            BodyError::Io(kind) => write!(f, "the request's body could not be read: {kind}"),
        }
    }
}

impl error::Error for BodyError {}

impl From<io::Error> for BodyError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::TimedOut => BodyError::TimedOut,
            kind => BodyError::Io(kind),
        }
    }
}

impl From<BodyError> for io::Error {
    fn from(error: BodyError) -> Self {
        let kind = match &error {
            BodyError::TooLarge => ErrorKind::FileTooLarge,
            BodyError::NoRoom => ErrorKind::OutOfMemory,
            BodyError::TimedOut => ErrorKind::TimedOut,
            BodyError::Malformed(_) => ErrorKind::InvalidData,
            BodyError::Io(kind) => *kind,
        };
        io::Error::new(kind, error)
    }
}
