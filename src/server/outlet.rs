//! What carries messages to a server and back: a child's pipes, or a connection that stands in for them.

use super::input::{Input, InputError};
use crate::protocol::json;
use crate::protocol::revision::Era;
use std::ops::Range;
use std::sync::Arc;

/// The way to a server: whole messages in the order they were sent.
pub trait Outlet: Send + Sync {
    /// Sends one message, its `\n` included. Never waits.
    ///
    /// # Errors
    /// The server is gone or takes nothing; it has not got the message then.
    fn send(&self, line: Vec<u8>) -> Result<(), InputError>;
    /// Ends it. What still waits is dropped.
    fn close(&self);
    /// For a connection: the child of its server that is at the other end, by its generation.
    fn leads_to(&self) -> Option<u64> {
        None
    }
}

impl Outlet for Input {
    fn send(&self, line: Vec<u8>) -> Result<(), InputError> {
        Input::send(self, line)
    }

    fn close(&self) {
        Input::close(self);
    }
}

/// How a new child is greeted, which pins its era.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Opening {
    /// `initialize`; one that refuses it and names a modern revision is started again for [`Opening::Modern`].
    #[default]
    Either,
    /// `initialize` with these parameters (raw JSON), which may end like [`Opening::Either`]; without any, with our
    /// own and no other era.
    Legacy(Option<Arc<str>>),
    /// `server/discover`.
    Modern,
    /// `server/discover`, to find out whether the server speaks that era: one that does not is not started again.
    TryModern,
}

/// What a child answered to its greeting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// The era it serves from now on.
    pub era: Era,
    /// Raw JSON: the result of `initialize`, or of `server/discover`.
    pub result: Arc<str>,
    /// Where in it stands what the child calls itself, if it is of an `initialize`.
    server_info: Option<Range<usize>>,
}

impl Greeting {
    /// What was answered in that era.
    pub fn new(era: Era, result: Arc<str>) -> Greeting {
        let server_info = json::member(&result, "serverInfo").map(|info| json::span(&result, info));
        Greeting { era, result, server_info }
    }

    /// Name and version of the child (raw JSON), as an `initialize` says them.
    pub fn server_info(&self) -> Option<&str> {
        self.server_info.clone().map(|place| &self.result[place])
    }
}
