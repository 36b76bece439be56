//! Whether a server says that it does not know a session.

use crate::forward::courier::{AnswerBody, ServerAnswer};
use crate::protocol::error::METHOD_NOT_FOUND;
use crate::protocol::json;
use crate::protocol::message::{Kind, Message};
use ::http::{StatusCode, header};
use std::io::{self, Cursor, Read};

/// More of a refusal is not read to judge it.
const MAX_REFUSAL_BYTES: u64 = 64 * 1024;

/// What a refusal turned out to be.
pub(in crate::forward) enum Verdict {
    /// The server does not know the session, and has done nothing.
    Forgotten(ServerAnswer),
    /// Something else.
    Answer(ServerAnswer),
}

/// Judges the answer to a request that named a session.
///
/// # Errors
/// It breaks off.
pub(in crate::forward) fn judge(answer: ServerAnswer) -> io::Result<Verdict> {
    if !matches!(answer.status(), StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST) {
        return Ok(Verdict::Answer(answer));
    }
    let (mut head, body) = answer.into_parts();
    let mut start = Vec::new();
    body.take(MAX_REFUSAL_BYTES).read_to_end(&mut start)?;
    let forgets = forgets_session(head.status, &start);
    // What is longer is cut: no server explains itself at such length.
    head.headers.remove(header::TRANSFER_ENCODING);
    head.headers.insert(header::CONTENT_LENGTH, start.len().into());
    let answer = ServerAnswer::from_parts(head, AnswerBody::Known(Cursor::new(start)));
    Ok(if forgets { Verdict::Forgotten(answer) } else { Verdict::Answer(answer) })
}

/// Whether this refusal of a request that named a session says that it is not known: 404 (2025-11-25, basic, transports,
/// Session Management), or 400 with words about the session, as many servers answer.
pub(in crate::forward) fn forgets_session(status: StatusCode, body: &[u8]) -> bool {
    let text = str::from_utf8(body).unwrap_or_default();
    match (status, Message::parse(text, usize::MAX).map(|message| message.kind)) {
        // Some make a status of a method that they do not have.
        (StatusCode::NOT_FOUND, Ok(Kind::Response { error: Some(error), .. })) => {
            let code = json::member(error, "code").and_then(|code| code.parse().ok());
            code != Some(METHOD_NOT_FOUND)
        }
        (StatusCode::NOT_FOUND, _) => true,
        // An answer to the request itself would have its id.
        (StatusCode::BAD_REQUEST, Ok(Kind::Response { id, error: Some(error), .. })) => {
            matches!(id, "null" | "\"server-error\"") && is_about_sessions(error)
        }
        (StatusCode::BAD_REQUEST, Err(_)) => is_about_sessions(text),
        _ => false,
    }
}

/// The words of the SDKs: TypeScript's servers say `No valid session ID provided` or `Server not initialized`, Python's
/// `No valid session ID provided` (as plain text) or `Session not found`.
fn is_about_sessions(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["session id", "session not found", "valid session", "unknown session", "server not initialized"]
        .iter()
        .any(|words| text.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forgets(status: u16, body: &str) -> bool {
        forgets_session(StatusCode::from_u16(status).unwrap(), body.as_bytes())
    }

    fn error(id: &str, code: i64, message: &str) -> String {
        format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{code},"message":"{message}"}}}}"#)
    }

    #[test]
    fn not_found_is_forgotten_but_for_a_method() {
        assert!(forgets(404, "") && forgets(404, &error("null", -32001, "Session not found")));
        assert!(!forgets(404, &error("7", -32601, "Method not found")));
    }

    #[test]
    fn a_bad_request_is_forgotten_if_it_is_about_the_session() {
        for words in ["Bad Request: No valid session ID provided", "Bad Request: Server not initialized"] {
            assert!(forgets(400, &error("null", -32000, words)), "{words}");
            assert!(forgets(400, words), "{words}");
            // That one was read, and perhaps acted on.
            assert!(!forgets(400, &error("7", -32000, words)), "{words}");
            assert!(!forgets(500, words), "{words}");
        }
        assert!(forgets(400, &error("\"server-error\"", -32600, "Bad Request: Missing session ID")));
        assert!(!forgets(400, &error("null", -32000, "Bad Request: Unsupported protocol version")));
        assert!(!forgets(400, "the session of parliament is over") && !forgets(400, ""));
    }
}
