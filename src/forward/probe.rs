//! Whether a server answers at all.

use super::Forward;
use std::time::Duration;

/// How long a child that is starting may take for one answer.
pub(super) const STARTING: Duration = Duration::from_millis(500);

impl Forward {
    /// Sends a `ping` without a session. Any HTTP answer is a sign of life: most servers refuse it, which makes no
    /// session and costs them nothing.
    ///
    /// # Errors
    /// No answer within `patience`, in words.
    pub fn probe(&self, patience: Duration) -> Result<(), String> {
        let mut request = self
            .agent
            .post(self.target.endpoint.clone())
            .config()
            .timeout_global(Some(patience))
            .build()
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream");
        for (name, value) in &self.target.headers {
            request = request.header(name, value);
        }
        match request.send(r#"{"jsonrpc":"2.0","id":"mcp-proxy-health","method":"ping"}"#) {
            Ok(_) => Ok(()),
            Err(error) => Err(format!("no answer on {}: {error}", self.target.shown)),
        }
    }
}
