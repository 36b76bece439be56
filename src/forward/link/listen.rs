//! The GET stream of a session: what a server says unasked.

use super::delivery::Delivery;
use super::pauses::{LONGEST, Pauses};
use super::refusal::{Refusal, Trouble};
use super::streamable::Streamable;
use crate::forward::errand::Errand;
use crate::protocol::sse;
use ::http::StatusCode;
use std::time::Instant;

/// How a stream came to its end.
enum End {
    /// It broke off; one that had brought something, or had held for long, may have done so for a reason of the
    /// network's.
    Broken { was_good: bool },
    /// There is none.
    Never,
}

impl Streamable {
    /// The thread `get:NAME`: opens the stream again whenever it ends, until the link is closed. That a server has
    /// none is usual, and that one ends after a while, too: nothing is logged.
    pub(super) fn keep_listening(&self) {
        let mut reader = sse::Reader::new(self.wire.max_message_bytes);
        let mut pauses = Pauses::default();
        loop {
            match self.listen_once(&mut reader) {
                End::Never => return,
                End::Broken { was_good: true } => pauses.reset(),
                End::Broken { was_good: false } => {}
            }
            if self.wire.leash.pause(pauses.next(reader.retry())) {
                return;
            }
            reader.reconnected();
        }
    }

    fn listen_once(&self, reader: &mut sse::Reader) -> End {
        let errand = Errand::on(&self.wire.leash);
        let last_id = reader.last_id().map(str::to_string);
        let asked = self.with_session(|headers| errand.run(|| self.get_with(headers, last_id.as_deref())));
        let stream = match asked {
            Ok(Some(stream)) => stream,
            Ok(None) => return End::Never,
            Err(Trouble::Refused(refusal)) => return refused(&refusal),
            Err(_) => return End::Broken { was_good: false },
        };
        let opened = Instant::now();
        let mut delivery = Delivery::of_stream(&self.wire);
        // Whether it ended or broke makes no difference.
        let _ = errand.run(|| delivery.events(stream, reader));
        End::Broken { was_good: delivery.any || opened.elapsed() > LONGEST }
    }
}

/// 405 says that there is no such stream, 409 that the server still holds the one before, 429 and 5xx that there may
/// be one later.
fn refused(refusal: &Refusal) -> End {
    match refusal.status {
        StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS => End::Broken { was_good: false },
        StatusCode::NOT_IMPLEMENTED => End::Never,
        status if status.is_server_error() => End::Broken { was_good: false },
        _ => End::Never,
    }
}
