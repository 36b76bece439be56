//! Whether a server answers at all.

use super::Forward;
use std::time::Duration;

/// More of an answer is not read.
const MAX_ANSWER_BYTES: u64 = 64 * 1024;

impl Forward {
    /// Sends a `ping` without a session. Any HTTP answer is a sign of life: most servers refuse it, which makes no
    /// session and costs them nothing.
    ///
    /// # Errors
    /// No answer within `patience`, in words.
    pub fn probe(&self, patience: Duration) -> Result<(), String> {
        let target = self.present_target()?;
        let mut request = self
            .agent
            .post(target.endpoint.clone())
            .config()
            .timeout_global(Some(patience))
            .build()
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream");
        for (name, value) in &target.headers {
            request = request.header(name, value);
        }
        match request.send(r#"{"jsonrpc":"2.0","id":"mcp-proxy-health","method":"ping"}"#) {
            Ok(mut answer) => {
                // Read, so that the connection is not reset under a server that is still writing.
                let _ = answer.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_vec();
                Ok(())
            }
            // Our own shortage says nothing of the server.
            Err(ureq::Error::Io(error)) if is_ours(&error) => Ok(()),
            Err(error) => Err(format!("no answer on {}: {error}", target.shown)),
        }
    }
}

/// Out of descriptors, in this process or on this machine.
fn is_ours(error: &std::io::Error) -> bool {
    use rustix::io::Errno;
    let code = error.raw_os_error();
    code == Some(Errno::MFILE.raw_os_error()) || code == Some(Errno::NFILE.raw_os_error())
}
