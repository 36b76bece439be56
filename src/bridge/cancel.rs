//! The end of calls that nobody wants any more.

use super::Bridge;
use super::calls::Call;
use super::session::Session;
use crate::protocol::json;
use serde_json::json;

impl Bridge {
    /// A client takes a request back: its POST ends at once, and the child's late answer will find nobody.
    /// (With a result-less end a client of 2025-11-25 would come back to wait; so it is an error.)
    pub(super) fn client_cancelled(&self, params: Option<&str>, session: &Session) {
        let Some(params) = params else { return };
        let Some(call) = json::member(params, "requestId").and_then(|id| self.calls.find(session, id)) else {
            return;
        };
        if self.calls.close(call.number).is_none() {
            return;
        }
        self.asks.close_call(call.number);
        self.tell_child_cancelled(&call, json::member(params, "reason"));
        call.fail(self.given_up("cancelled", "cancelled".into()));
    }

    /// Ends a call for a reason of ours and tells the child. False if it was over already.
    pub(super) fn abandon(&self, call: &Call, reason: &str) -> bool {
        if self.calls.close(call.number).is_none() {
            return false;
        }
        self.asks.close_call(call.number);
        let reason = serde_json::Value::from(reason).to_string();
        self.tell_child_cancelled(call, Some(&reason));
        call.fail(self.given_up("cancelled", "cancelled".into()));
        true
    }

    fn tell_child_cancelled(&self, call: &Call, reason: Option<&str>) {
        let Some(running) = self.server.running().filter(|running| running.generation == call.generation)
        else {
            return;
        };
        let reason = reason.map(|reason| format!(",\"reason\":{reason}")).unwrap_or_default();
        let params = format!("{{\"requestId\":{}{reason}}}", call.number);
        let line =
            format!("{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{params}}}");
        let _ = self.send(&running, json::splice_line(&line, &mut [], ""));
    }

    /// Tells the child that its request will not be answered by a client.
    pub(super) fn refuse_child(&self, generation: u64, child_id: &str, code: i64, message: &str) {
        let Some(running) = self.server.running().filter(|running| running.generation == generation) else {
            return;
        };
        let error = json!({ "code": code, "message": message });
        let line = format!("{{\"jsonrpc\":\"2.0\",\"id\":{child_id},\"error\":{error}}}\n");
        let _ = self.send(&running, line.into_bytes());
    }
}
