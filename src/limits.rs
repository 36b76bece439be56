//! The bounds of everything that could grow: one value each, all with a default that suits a 512 MB machine.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Section `[limits]` of `proxy.toml`. Sizes in bytes, times in seconds, as the names say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Client connections at once. At the cap the connection longest without a complete request is closed, else 503.
    pub max_connections: usize,
    /// Request line and header fields together; more is answered 431.
    pub max_head_bytes: usize,
    /// Header fields of one request; more is answered 431.
    pub max_headers: usize,
    /// From the first byte of a request to the end of its head; later is answered 408.
    pub head_timeout_seconds: u64,
    /// From the end of the head to the end of the body; later is answered 408.
    pub body_timeout_seconds: u64,
    /// One write to a client that does not read; then its connection is closed.
    pub write_timeout_seconds: u64,
    /// A connection without a request is closed after this time.
    pub keep_alive_seconds: u64,
    /// Bytes of answers that clients do not read, all connections together; more closes the connection that has
    /// not been read longest.
    pub max_unread_bytes: usize,
    /// Bytes of large request bodies held at one moment, until the answer to them begins, all connections together;
    /// more is answered 503.
    pub max_buffered_bytes: usize,
    /// One JSON-RPC message, from a client (413) or from a child (its call fails, the server goes on).
    pub max_message_bytes: usize,
    /// Nested arrays and objects in one message; deeper is answered 400.
    pub max_json_depth: usize,
    /// Sessions of one server in memory; at the cap the one idle longest leaves it until its next request.
    pub max_sessions: usize,
    /// From its `initialize` on a session's id is known for so long, over restarts too; then it is answered 404.
    pub session_max_age_seconds: u64,
    /// Files in the state folder with what does not fit into a session's id; the oldest go first.
    pub max_session_records: usize,
    /// Sessions that clients have ended and whose ids are remembered as such; those that expire first go first.
    pub max_ended_sessions: usize,
    /// Tokens that commands have made; one more is refused.
    pub max_tokens: usize,
    /// Addresses whose failed attempts to enter are counted; the others share what they may try.
    pub max_locked_addresses: usize,
    /// Servers that start at the same time; the others wait for their turn, but not for one that hangs.
    pub max_starting: usize,
    /// Calls in flight at one server; one more gets a JSON-RPC error.
    pub max_calls: usize,
    /// Resources one session may subscribe to; one more gets a JSON-RPC error.
    pub max_subscriptions: usize,
    /// Bytes that may wait for one stream whose client does not read; then the stream is closed.
    pub stream_queue_bytes: usize,
    /// Bytes that may wait for all clients of one server together, beyond 16 KiB for each; then a stream whose client
    /// does not read is closed, and an answer becomes an error.
    pub max_queued_bytes: usize,
    /// Bytes that may wait for a child that does not read its stdin; then the call fails.
    pub stdin_queue_bytes: usize,
    /// Calls of one server that wait for their client's input; one more gets a JSON-RPC error.
    pub max_parked: usize,
    /// How long such a call waits; then it fails.
    pub park_seconds: u64,
    /// Sent events of one server that are kept for clients that come back for them; the oldest go first.
    pub replay_bytes: usize,
    /// Answers of one child that are kept on disk, for when it sleeps: its greeting and its lists. What is larger is
    /// not kept, and asked for again.
    pub max_cached_bytes: usize,
    /// Folders that are watched in development; what lies in more of them is not.
    pub max_watched_folders: usize,
    /// Lines of a child's stderr kept for error reports and `/NAME/logs`.
    pub stderr_lines: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_connections: 512,
            max_head_bytes: 16 * 1024,
            max_headers: 100,
            head_timeout_seconds: 10,
            body_timeout_seconds: 60,
            write_timeout_seconds: 30,
            keep_alive_seconds: 75,
            max_unread_bytes: 16 * 1024 * 1024,
            max_buffered_bytes: 16 * 1024 * 1024,
            max_message_bytes: 16 * 1024 * 1024,
            max_json_depth: 512,
            max_sessions: 1000,
            session_max_age_seconds: 30 * 24 * 3600,
            max_session_records: 5000,
            max_ended_sessions: 20_000,
            max_tokens: 100,
            max_locked_addresses: 1024,
            max_starting: 4,
            max_calls: 256,
            max_subscriptions: 1000,
            stream_queue_bytes: 1024 * 1024,
            max_queued_bytes: 16 * 1024 * 1024,
            stdin_queue_bytes: 16 * 1024 * 1024,
            max_parked: 100,
            park_seconds: 600,
            replay_bytes: 4 * 1024 * 1024,
            max_cached_bytes: 1024 * 1024,
            max_watched_folders: 4096,
            stderr_lines: 100,
        }
    }
}

impl Limits {
    /// [`Limits::head_timeout_seconds`] as a duration.
    pub fn head_timeout(&self) -> Duration {
        Duration::from_secs(self.head_timeout_seconds)
    }

    /// [`Limits::body_timeout_seconds`] as a duration.
    pub fn body_timeout(&self) -> Duration {
        Duration::from_secs(self.body_timeout_seconds)
    }

    /// [`Limits::write_timeout_seconds`] as a duration.
    pub fn write_timeout(&self) -> Duration {
        Duration::from_secs(self.write_timeout_seconds)
    }

    /// [`Limits::park_seconds`] as a duration.
    pub fn park(&self) -> Duration {
        Duration::from_secs(self.park_seconds)
    }

    /// [`Limits::keep_alive_seconds`] as a duration.
    pub fn keep_alive(&self) -> Duration {
        Duration::from_secs(self.keep_alive_seconds)
    }
}
