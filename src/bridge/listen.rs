//! The GET stream of a session: what the child says that belongs to no call.

use super::Bridge;
use super::mailbox::{Delivery, Next};
use super::refusal::Refusal;
use super::session::Session;
use super::wait::{KEEP_ALIVE, event_stream};
use crate::http::{Client, Response, StreamWriter};
use crate::protocol::error::INTERNAL_ERROR;
use crate::protocol::sse;
use ::http::{HeaderValue, StatusCode, header};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

impl Bridge {
    /// Opens the session's stream. An older one ends: a client that comes back from a lost network must not wait
    /// until its dead connection is noticed.
    pub(super) fn listen(&self, session: Arc<Session>, client: &Client) -> Response {
        let Some(permit) = client.try_stream() else {
            let message = "too many streams are open here; try again later";
            let mut response =
                Refusal::new(StatusCode::SERVICE_UNAVAILABLE, INTERNAL_ERROR, message).response();
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("10"));
            return response;
        };
        let reader = session.outbox.attach();
        event_stream(move |writer| {
            let _permit = permit;
            follow(&session, reader, writer)
        })
    }
}

fn follow(session: &Session, reader: u64, writer: &mut StreamWriter<'_>) -> io::Result<()> {
    // The head alone may wait in a middleman; the first bytes of the body show the client that it is connected.
    writer.write_chunk(&[sse::KEEP_ALIVE])?;
    let mut written = Instant::now();
    loop {
        session.touch();
        match session.outbox.read(reader, Duration::from_secs(1)) {
            Next::Delivery(Delivery::Message(mut text)) => {
                writer.write_chunk(&sse::event(&mut text))?;
                written = Instant::now();
            }
            Next::Delivery(_) => {}
            Next::Ended => return Ok(()),
            Next::Nothing if writer.client().is_gone() => return Ok(()),
            Next::Nothing if written.elapsed() >= KEEP_ALIVE => {
                writer.write_chunk(&[sse::KEEP_ALIVE])?;
                written = Instant::now();
            }
            Next::Nothing => {}
        }
    }
}
