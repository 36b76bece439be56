//! The end of calls that nobody wants any more.

use super::super::session::Session;
use super::Peer;
use super::asks::Ask;
use super::calls::Call;
use crate::protocol::error::{INTERNAL_ERROR, RpcError};
use crate::protocol::json;
use crate::server::Running;
use std::time::Instant;

impl Peer {
    /// A client takes a request back: its POST ends at once, and the child's late answer will find nobody.
    /// (With a result-less end a client of 2025-11-25 would come back to wait; so it is an error.)
    pub(crate) fn client_cancelled(&self, params: Option<&str>, session: &Session) {
        let Some(params) = params else { return };
        let Some(call) = json::member(params, "requestId").and_then(|id| self.calls.find(session, id)) else {
            return;
        };
        self.give_up(&call, json::member(params, "reason"), "cancelled");
    }

    /// Ends a call for a reason of ours and tells the child. False if it was over already.
    pub(crate) fn abandon(&self, call: &Call, reason: &str) -> bool {
        self.give_up(call, Some(&serde_json::Value::from(reason).to_string()), reason)
    }

    fn give_up(&self, call: &Call, reason: Option<&str>, told: &str) -> bool {
        if self.calls.give_up(call.number, Instant::now()).is_none() {
            return false;
        }
        if let Some(running) = self.server.running().filter(|running| running.generation == call.generation) {
            self.tell_child_cancelled(&running, call, reason);
            self.refuse_asks(&running, call);
        }
        call.fail(self.server.given_up("cancelled", told));
        true
    }

    fn tell_child_cancelled(&self, running: &Running, call: &Call, reason: Option<&str>) {
        let reason = reason.map(|reason| format!(",\"reason\":{reason}")).unwrap_or_default();
        let params = format!("{{\"requestId\":{}{reason}}}", call.number);
        let line =
            format!("{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{params}}}");
        let _ = self.send(running, json::splice_line(&line, &mut [], ""));
    }

    /// A call is over. What the child asked meanwhile can be meant for another call of the same client's; without
    /// one, nobody will answer it any more.
    pub(crate) fn refuse_asks(&self, running: &Running, call: &Call) {
        let Some(heir) = self.calls.heir(call) else {
            let asks = self.asks.close_call(call.number);
            return self.refuse(running, &asks, "the call during which this was asked is over");
        };
        self.asks.pass_on(call.number, heir.number);
        // It may have ended before it could inherit.
        if self.calls.get(heir.number).is_none() {
            self.refuse_asks(running, &heir);
        }
    }

    /// What the child asked a session that is over will not be answered any more.
    pub(crate) fn refuse_asks_of(&self, session: &Session) {
        let asks = self.asks.close_session(session);
        if let Some(running) = self.server.running() {
            self.refuse(&running, &asks, "the session that was asked is over");
        }
    }

    fn refuse(&self, running: &Running, asks: &[Ask], why: &str) {
        for child_id in asks.iter().filter_map(|ask| ask.child_id(running.generation)) {
            self.refuse_child(running, child_id, INTERNAL_ERROR, why);
        }
    }

    /// Tells the child that its request will not be answered by a client.
    pub(crate) fn refuse_child(&self, child: &Running, child_id: &str, code: i64, message: &str) {
        let line = RpcError::new(code, message).response(child_id) + "\n";
        let _ = self.send(child, line.into_bytes());
    }
}
