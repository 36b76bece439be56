//! `/health` as an event stream: a few words with pauses, for `mcp-proxy doctor` to see whether something between it
//! and us holds streams back.

use super::answer;
use crate::http::{self, Client, Response};
use ::http::{HeaderMap, StatusCode, header};
use std::thread;
use std::time::Duration;

const WORDS: usize = 3;
const PAUSE: Duration = Duration::from_millis(300);

/// Whether that is what is asked for.
pub(super) fn is_wanted(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).is_some_and(|accept| accept == "text/event-stream")
}

/// Says `status` three times within a second, and no more than that.
pub(super) fn answer(client: &Client, status: &'static str) -> Response {
    let Some(permit) = client.try_stream() else {
        return answer::error(StatusCode::SERVICE_UNAVAILABLE, "all streams are taken; try again later");
    };
    http::event_stream(move |writer| {
        let _permit = permit;
        for word in 0..WORDS {
            if word > 0 {
                thread::sleep(PAUSE); // it is the pause that is to be seen
            }
            writer.write_chunk(&[b"data: ", status.as_bytes(), b"\n\n"])?;
        }
        Ok(())
    })
}
