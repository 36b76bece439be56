//! Whether a server answers at all.

use super::Forward;
use super::courier::{Cargo, Wait};
use ::http::{HeaderValue, Method, Request, header};
use std::io::{self, Read};
use std::time::Duration;

/// More of an answer is not read.
const MAX_ANSWER_BYTES: u64 = 64 * 1024;
const PING: &[u8] = br#"{"jsonrpc":"2.0","id":"mcp-proxy-health","method":"ping"}"#;

impl Forward {
    /// Sends a `ping` without a session. Any HTTP answer is a sign of life: most servers refuse it, which makes no
    /// session and costs them nothing. It goes the way of the calls: a server that serves one connection at a time
    /// would not see another one beside an idle one of theirs.
    ///
    /// # Errors
    /// No answer within `patience`, in words.
    pub fn probe(&self, patience: Duration) -> Result<(), String> {
        let target = self.present_target()?;
        let mut request = Request::new(());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = target.endpoint.clone();
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        target.put_headers(headers);
        match self.courier.run(request, Cargo::Whole(PING), Wait::Whole(patience)) {
            Ok(answer) => {
                // Read, so that the connection is not reset under a server that is still writing.
                let _ = io::copy(&mut answer.into_body().take(MAX_ANSWER_BYTES), &mut io::sink());
                Ok(())
            }
            // Our own shortage says nothing of the server.
            Err(ureq::Error::Io(error)) if is_ours(&error) => Ok(()),
            Err(error) => Err(format!("no answer on {}: {error}", target.shown)),
        }
    }
}

/// Out of descriptors, in this process or on this machine.
fn is_ours(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let code = error.raw_os_error();
    code == Some(Errno::MFILE.raw_os_error()) || code == Some(Errno::NFILE.raw_os_error())
}
