//! Sends an answer: head and body in one write, or the head and then a stream.

use super::date::Date;
use super::encode::{self, Asked, Plan};
use super::link::Client;
use super::payload::{Payload, Response, StreamBody, Talk};
use super::stream::StreamWriter;
use crate::log::request::{self, RequestId};
use std::io::{self, IoSlice};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Bytes of head that an idle connection keeps memory for.
const USUAL_BYTES: usize = 2 * 1024;

/// What a connection is good for after an answer.
pub(crate) enum Then {
    /// Another request.
    Request,
    /// Nothing.
    Close,
    /// Another protocol.
    Talk(Talk),
}

/// The outgoing side of a connection; keeps the memory of the last head.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    head: Vec<u8>,
}

impl Reply {
    /// Sends an answer.
    ///
    /// # Errors
    /// The client got less than the whole answer; the connection must be closed.
    pub(crate) fn send(
        &mut self,
        response: Response,
        asked: Asked,
        client: &Client,
        date: &Date,
    ) -> io::Result<Then> {
        let (parts, payload) = response.into_parts();
        let plan = encode::plan(&parts, &payload, asked);
        self.head.clear();
        let id = request::current().unwrap_or_else(RequestId::new);
        encode::write_head(&mut self.head, parts.status, &parts.headers, plan, asked, &date.now(), &id);
        let body = match &payload {
            Payload::Bytes(bytes) if plan.send_body => bytes.as_slice(),
            _ => &[],
        };
        client.link().send(&mut [IoSlice::new(&self.head), IoSlice::new(body)])?;
        match payload {
            Payload::Upgrade(talk) if plan.send_body => return Ok(Then::Talk(talk)),
            Payload::Stream(write) if plan.send_body => {
                // A stream may last for days: nothing but what it writes is kept for it.
                self.head = Vec::new();
                drop(parts);
                stream(write, plan, client)?;
            }
            _ => self.head.shrink_to(USUAL_BYTES),
        }
        Ok(if plan.keep_alive { Then::Request } else { Then::Close })
    }
}

fn stream(write: StreamBody, plan: Plan, client: &Client) -> io::Result<()> {
    let mut writer = StreamWriter::new(client, plan.delimiter);
    match catch_unwind(AssertUnwindSafe(|| write(&mut writer))) {
        Ok(result) => result.and_then(|()| writer.finish()),
        Err(_) => {
            log::error!(event = "stream-panic"; "the writer of a stream panicked; its connection was closed");
            Err(io::Error::other("the writer of the stream panicked"))
        }
    }
}
