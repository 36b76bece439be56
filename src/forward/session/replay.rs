//! A session said again to a server that does not know it: the handshake, the log level, the subscriptions.

use crate::forward::courier::Wait;
use crate::forward::link::nature::question;
use crate::forward::link::peer::Peer;
use crate::forward::link::refusal::Trouble;
use crate::forward::{LAST_EVENT_ID, PROTOCOL_VERSION, SESSION_ID, fields};
use crate::ledger::Record;
use crate::protocol::json;
use ::http::{HeaderMap, HeaderName, HeaderValue, header};
use std::time::{Duration, Instant};

/// Everything that is said again may take so long.
const PATIENCE: Duration = Duration::from_secs(30);
/// Fields that are about the one request that has them.
const OF_ONE_REQUEST: [HeaderName; 8] = [
    SESSION_ID,
    PROTOCOL_VERSION,
    LAST_EVENT_ID,
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
];
const INITIALIZED: &[u8] = br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

/// How a server took a session that was new to it.
pub(in crate::forward) struct Greeted {
    /// What it calls it, if it keeps sessions.
    pub(in crate::forward) id: Option<HeaderValue>,
    pub(in crate::forward) revision: Option<HeaderValue>,
}

/// Begins the session anew. `headers` go with each message. What the server refuses after the handshake is its affair:
/// it may have changed.
///
/// # Errors
/// There is no answer to the handshake, or the connection breaks off.
pub(in crate::forward) fn replay(
    peer: &Peer,
    headers: HeaderMap,
    record: &Record,
    params: &str,
) -> Result<Greeted, Trouble> {
    let deadline = Instant::now() + PATIENCE;
    let left = || deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    let (answer, result) = peer.ask(&question("initialize", params), headers.clone(), left())?;
    let revision = json::member(&result, "protocolVersion").and_then(json::string);
    let revision = revision.and_then(|revision| HeaderValue::from_str(&revision).ok());
    let greeted = Greeted { id: answer.get(SESSION_ID).cloned(), revision };
    let headers = greeted.headers(headers);
    unless_refused(peer.post(None, INITIALIZED, headers.clone(), Wait::Whole(left())))?;
    for request in said(record) {
        unless_refused(peer.say(&request, headers.clone(), left()))?;
    }
    Ok(greeted)
}

fn unless_refused<T>(sent: Result<T, Trouble>) -> Result<(), Trouble> {
    match sent {
        Err(trouble) if trouble.is_broken() => Err(trouble),
        _ => Ok(()),
    }
}

/// Of a client's fields those that go with whatever is said in its name: a server may want a key of its own.
pub(in crate::forward) fn companions(from: &HeaderMap) -> HeaderMap {
    let mut headers = fields::request(from);
    for name in OF_ONE_REQUEST {
        headers.remove(name);
    }
    headers
}

impl Greeted {
    fn headers(&self, mut headers: HeaderMap) -> HeaderMap {
        headers.extend(self.id.clone().map(|id| (SESSION_ID, id)));
        headers.extend(self.revision.clone().map(|revision| (PROTOCOL_VERSION, revision)));
        headers
    }
}

/// What the client has set since its handshake.
fn said(record: &Record) -> Vec<String> {
    let request =
        |method, name, text: &String| question(method, &format!("{{\"{name}\":{}}}", json::quoted(text)));
    let level = record.level.iter().map(|level| request("logging/setLevel", "level", level));
    let uris = record.subscriptions.iter().map(|uri| request("resources/subscribe", "uri", uri));
    level.chain(uris).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_set_is_said_again() {
        let record =
            Record { level: Some("info".into()), subscriptions: vec!["a:\"".into()], ..Record::default() };
        let said = said(&record);
        assert!(said[0].ends_with(r#""method":"logging/setLevel","params":{"level":"info"}}"#), "{said:?}");
        assert!(said[1].ends_with(r#""method":"resources/subscribe","params":{"uri":"a:\""}}"#), "{said:?}");
    }
}
