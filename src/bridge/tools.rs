//! Which tools a caller sees: every message to the server passes here, and so does every answer to `tools/list`.

use super::Bridge;
use super::stream::mailbox::Delivery;
use crate::auth::calls::{Outcome, Record};
use crate::auth::{Caller, Filter};
use crate::protocol::error::{Fault, INTERNAL_ERROR, RpcError};
use crate::protocol::json::{self, Change};
use crate::protocol::message::Message;

impl Bridge {
    /// The tools of this server as that caller sees them.
    pub(crate) fn filter<'f>(&'f self, caller: &'f Caller) -> Filter<'f> {
        Filter::new(&self.terms.options.tools, caller)
    }

    /// Lets a message of a client pass, before anything is done for it: no child is started or woken for the call of a
    /// tool that is hidden. The record of a request begins here.
    ///
    /// # Errors
    /// The tool is hidden from this caller.
    pub(crate) fn let_pass(
        &self,
        message: &Message<'_>,
        caller: &Caller,
    ) -> Result<Option<Record>, RpcError> {
        self.refuse_hidden(message, caller)?;
        Ok(Record::of(message, self.meter(), caller))
    }

    /// # Errors
    /// The tool that the message calls is hidden from this caller, which the audit log says.
    pub(crate) fn refuse_hidden(&self, message: &Message<'_>, caller: &Caller) -> Result<(), RpcError> {
        self.filter(caller)
            .check(message)
            .inspect_err(|_| close(Record::of(message, self.meter(), caller), Outcome::Refused))
    }

    /// An answer to `tools/list`, the whole message, as that caller sees it.
    pub(crate) fn list_for(&self, caller: &Caller, text: String, id: &str) -> String {
        let filter = self.filter(caller);
        if filter.hides_nothing() {
            return text;
        }
        match filter.list(&text, Some(id)) {
            Change::Replace(shown) => shown,
            Change::Keep | Change::Drop => text,
        }
    }
}

/// The request of that record is over.
pub(crate) fn close(record: Option<Record>, outcome: Outcome) {
    record.into_iter().for_each(|record| record.end(outcome));
}

/// How a call has ended for which this came last.
pub(crate) fn ended(delivery: &Delivery) -> Outcome {
    match delivery {
        Delivery::Answer { text, result: Some(result), .. } => Outcome::of_result(&text[result.clone()]),
        Delivery::Answer { text, .. } => {
            json::member(text, "error").map_or(Outcome::NoAnswer, Outcome::of_error)
        }
        Delivery::Reply { reply: Err(error), .. } => Outcome::of_error(error),
        Delivery::Failed(error) => Outcome::of_failure(error),
        // It could not be made again.
        Delivery::Returned { .. } => Outcome::Failed(Fault::Lost, INTERNAL_ERROR),
        Delivery::Reply { .. } | Delivery::Message(_) | Delivery::Question { .. } => Outcome::NoAnswer,
    }
}
