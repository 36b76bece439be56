//! `/NAME/logs`: what the children of a server have said, as text, as JSON, or line by line as they say it.

use super::answer;
use super::router::Front;
use crate::fleet::Fleet;
use crate::http::{self, Exchange, Response, StreamWriter};
use crate::log::printable;
use crate::protocol::sse;
use crate::server::{Follower, Heard, Line, Server};
use ::http::{Request, StatusCode, header};
use serde_json::{Value, json};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often a silent stream looks whether its client and its server are still there.
const LOOK: Duration = Duration::from_secs(1);
/// A silent stream carries a comment this often, so that nothing on the way closes it.
const COMMENT: Duration = Duration::from_secs(15);

impl Front {
    /// The last lines, or only so many as `?lines=` says; with `Accept: text/event-stream` those that follow, too.
    pub(super) fn logs(&self, exchange: &Exchange<'_>, server: Arc<Server>) -> Response {
        let request = &exchange.request;
        let Some(most) = wanted_lines(request) else {
            return answer::error(StatusCode::BAD_REQUEST, "lines= is to be a number: /NAME/logs?lines=20");
        };
        let accepts = |kind| accept(request).contains(kind);
        if accepts("text/event-stream") {
            let Some(permit) = exchange.client.try_stream() else {
                let text = "all streams are taken; try again later, or raise max_connections";
                return answer::error(StatusCode::SERVICE_UNAVAILABLE, text);
            };
            let reading = Reading::of(Arc::clone(self.fleet()), server, last_event(request), most);
            return http::event_stream(move |writer| {
                let _permit = permit;
                reading.write(writer)
            });
        }
        let mut lines = server.log();
        lines.drain(..lines.len().saturating_sub(most));
        match accepts("application/json") {
            true => {
                let lines: Vec<Value> = lines.iter().map(shown).collect();
                answer::json(StatusCode::OK, &json!({ "server": server.name(), "lines": lines }))
            }
            false => answer::text(lines.iter().map(|line| printable(&line.text) + "\n").collect()),
        }
    }
}

/// All of them unless the query says how many; `None` if what it says is no number.
fn wanted_lines(request: &Request<()>) -> Option<usize> {
    let query = request.uri().query().unwrap_or_default();
    let said = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "lines");
    said.map_or(Some(usize::MAX), |(_, value)| value.parse().ok())
}

fn accept(request: &Request<()>) -> &str {
    request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Where a browser has stopped reading that comes back by itself.
fn last_event(request: &Request<()>) -> Option<u64> {
    request.headers().get("last-event-id")?.to_str().ok()?.parse().ok()
}

fn shown(line: &Line) -> Value {
    json!({
        "number": line.number,
        "time": humantime::format_rfc3339_millis(line.at).to_string(),
        "text": printable(&line.text),
    })
}

/// A client that reads on.
struct Reading {
    fleet: Arc<Fleet>,
    server: Arc<Server>,
    follower: Follower,
}

impl Reading {
    /// Behind line `last`, or with the last `most` that are kept.
    fn of(fleet: Arc<Fleet>, server: Arc<Server>, last: Option<u64>, most: usize) -> Reading {
        let kept = server.log();
        let before = kept.len().checked_sub(most.saturating_add(1)).and_then(|at| kept.get(at));
        let after = last.unwrap_or_else(|| before.map_or(0, |line| line.number));
        let follower = server.follow(after);
        Reading { fleet, server, follower }
    }

    /// Until the client leaves, or the server is removed.
    fn write(mut self, writer: &mut StreamWriter<'_>) -> io::Result<()> {
        // The head alone may wait in a middleman.
        writer.write_chunk(&[sse::KEEP_ALIVE])?;
        let mut written = Instant::now();
        loop {
            let heard = self.follower.next(LOOK);
            if heard != Heard::default() {
                writer.write_chunk(&[events(&heard).as_bytes()])?;
                written = Instant::now();
            } else if writer.client().is_gone() || !self.goes_on() {
                return Ok(());
            } else if written.elapsed() >= COMMENT {
                writer.write_chunk(&[sse::KEEP_ALIVE])?;
                written = Instant::now();
            }
        }
    }

    /// Whether there is a server of that name: a changed one has a successor, which is followed from its first line.
    fn goes_on(&mut self) -> bool {
        let Some(served) = self.fleet.get(self.server.name()) else { return false };
        if !Arc::ptr_eq(&served.server, &self.server) {
            self.server = Arc::clone(&served.server);
            self.follower = self.server.follow(0);
        }
        true
    }
}

fn events(heard: &Heard) -> String {
    let lost = match heard.lost {
        0 => String::new(),
        lost => format!("event: lost\ndata: {}\n\n", json!({ "lines": lost })),
    };
    let line = |line: &Line| format!("id: {}\ndata: {}\n\n", line.number, shown(line));
    lost + &heard.lines.iter().map(line).collect::<String>()
}
