//! What integration tests stand on: the built proxy in a folder of its own, clients that see bytes and moments,
//! and one way to wait.
//!
//!     let proxy = Site::new().fake("a", Fake::stdio()).start();
//!     assert_eq!(proxy.client("a").text("echo", json!({"text": "hi"})), "hi");
//!
//! Nothing here sleeps but [`wait`]; a test waits for what it wants to see, and for nothing else.

// Each test file is a crate of its own and uses what it needs of this; a harness may panic, that is how tests fail.
#![allow(dead_code, unused_imports, unreachable_pub, missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod client;
mod fake_http;
mod fake_stdio;
mod http;
mod log;
mod modern;
mod odd;
pub mod processes;
mod proxy;
mod reports;
mod site;
mod sse_client;
mod stream;
mod wait;
mod websocket;

pub use client::{Client, Options, modern, modern_headers};
pub use fake_http::FakeHttp;
pub use fake_stdio::FakeStdio;
pub use http::{Connection, Response, raw, request};
pub use modern::Modern;
pub use odd::{ODD, any_json};
pub use proxy::Proxy;
pub use site::{Fake, Site, example};
pub use sse_client::SseClient;
pub use stream::{Event, Stream};
pub use wait::{eventually, wait_for, within};
pub use websocket::{HANDSHAKE, Watch};

/// Far beyond what anything takes on a busy machine, yet short enough to see which test hangs.
pub const DEADLINE: std::time::Duration = std::time::Duration::from_secs(20);
