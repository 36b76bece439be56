//! What a client is shown of what its child said: its own ids, and its own era.

use super::super::names;
use super::super::peer::asks::{Ask, Asker};
use super::super::peer::calls::{Call, Origin};
use super::mailbox::{Delivery, Letter, Mark};
use super::waiter::Waiter;
use crate::protocol::error::{INTERNAL_ERROR, INVALID_PARAMS, RpcError, success};
use crate::protocol::handshake::{self, Input, InputRequired};
use crate::protocol::json;
use crate::protocol::message::{Kind, Message};
use crate::protocol::modern::MISSING_CAPABILITY;
use crate::protocol::modernize;
use crate::protocol::revision::Era;
use crate::server::Greeting;
use serde_json::json;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// Questions that a child asks within this time of each other go to a modern client together.
const TOGETHER: Duration = Duration::from_millis(10);

/// What follows from a delivery.
pub(crate) enum Step {
    /// The client sees this.
    Show(String),
    /// The client sees this, and the exchange is over.
    Last(String),
    /// The client sees this, and the exchange is over; the call waits for its client.
    Parked(String),
    /// The client sees nothing.
    Nothing,
}

/// What a modern child asked of a legacy client by way of a result, which the client answers question by question.
pub(crate) struct Inputs {
    /// Number of the question, its key at the child, and the answer (raw JSON).
    questions: Vec<(u64, String, Option<String>)>,
    /// The child's `requestState`, raw JSON.
    state: Option<String>,
}

impl Inputs {
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u64> {
        self.questions.iter().map(|(number, ..)| *number)
    }

    fn take(&mut self, number: u64, answer: String) {
        if let Some(question) = self.questions.iter_mut().find(|question| question.0 == number) {
            question.2 = Some(answer);
        }
    }

    /// Keys and answers, once all are there.
    fn complete(&self) -> Option<Vec<(String, String)>> {
        self.questions.iter().map(|(_, key, answer)| Some((key.clone(), answer.clone()?))).collect()
    }
}

impl Waiter {
    /// Makes of a delivery what its client is to see.
    pub(crate) fn render(&mut self, delivery: Delivery) -> Step {
        match (delivery, self.client_era()) {
            (Delivery::Message(letter), _) => self.address(letter).map_or(Step::Nothing, Step::Show),
            (Delivery::Question { number, text, id }, Era::Legacy) => {
                Step::Show(replace(text, id, &names::question_id(number)))
            }
            (Delivery::Question { number, text, .. }, Era::Modern) => self.ask_by_result(number, &text),
            (Delivery::Reply { number, reply }, _) => self.take_reply(number, reply),
            (Delivery::Answer { text, id, result }, client) => match (client, self.call().era) {
                (Era::Legacy, Era::Modern) => self.as_legacy(text, id, result),
                (Era::Modern, Era::Legacy) => self.as_modern(text, id, result),
                (Era::Modern, Era::Modern) if self.call().listens() => {
                    Step::Last(self.end_of_subscription(text, id, result))
                }
                _ => Step::Last(replace(text, id, self.id())),
            },
            (Delivery::Returned { text }, _) => self.make_again(&text),
            (Delivery::Failed(error), _) => Step::Last(self.failed(&error)),
        }
    }

    /// The answer that carries an error of ours.
    pub(crate) fn failed(&self, error: &RpcError) -> String {
        error.response(self.id())
    }

    /// None: it is progress, which the client did not ask for this time, or a question taken back, for which the
    /// modern era has no word.
    fn address(&self, letter: Letter) -> Option<String> {
        let Some((cut, mark)) = letter.mark else { return Some(letter.text) };
        Some(match mark {
            Mark::Token => replace(letter.text, cut, self.token()?),
            Mark::Id => replace(letter.text, cut, self.id()),
            Mark::Number(_) if self.client_era() == Era::Modern => return None,
            Mark::Number(number) => replace(letter.text, cut, &names::question_id(number)),
        })
    }

    // ---- a legacy client of a modern child

    fn as_legacy(&mut self, text: String, id: Range<usize>, result: Option<Range<usize>>) -> Step {
        let Some(result) = result else { return Step::Last(replace(text, id, self.id())) };
        match handshake::input_required(&text[result.clone()]) {
            Some(required) => self.ask_by_requests(required),
            None => Step::Last(success(self.id(), &handshake::plain_result(&text[result]))),
        }
    }

    /// The child's result asks for input: each part becomes a request at the client. A result without any only wants
    /// to be called again.
    fn ask_by_requests(&mut self, required: InputRequired) -> Step {
        let Some(origin) = self.call().origin.clone() else { return Step::Nothing };
        // Noted before anything is asked, so that it is taken back should the rest of it not be possible.
        self.inputs = Some(Inputs { questions: Vec::new(), state: required.state });
        // The child has answered: from here on the call only waits for its client, and can still be cancelled.
        self.peer.calls.hold(self.shared_call());
        if origin.session.outbox.is_closed() {
            return Step::Last(self.failed(&self.peer.server.given_up("cancelled", "session ended")));
        }
        if required.requests.is_empty() {
            return self.go_on_later();
        }
        match required.requests.into_iter().try_for_each(|input| self.ask_by_request(&origin, input)) {
            Ok(()) => Step::Nothing,
            Err(why) => Step::Last(self.failed(&RpcError::new(INTERNAL_ERROR, why))),
        }
    }

    fn ask_by_request(&mut self, origin: &Origin, input: Input) -> Result<(), String> {
        if !origin.session.about.capabilities.cover(&input.method, input.params.as_deref()) {
            return Err(format!("the server asks for {}, which this client has not declared", input.method));
        }
        let number = names::next_number();
        let name = names::question(number);
        let params = input.params.map(|params| handshake::with_elicitation_id(&params, &name));
        let params = params.map(|params| format!(",\"params\":{params}")).unwrap_or_default();
        let method = serde_json::Value::from(input.method);
        let text = format!("{{\"id\":0,\"jsonrpc\":\"2.0\",\"method\":{method}{params}}}");
        let mailbox = Arc::clone(&self.call().mailbox);
        let ask = Ask { asker: Asker::Call(mailbox), session: Arc::clone(&origin.session), call: None };
        if !self.peer.asks.open(number, ask) {
            return Err("too many requests wait for clients already".into());
        }
        self.inputs.iter_mut().for_each(|inputs| inputs.questions.push((number, input.key.clone(), None)));
        self.call().mailbox.put_own(Delivery::Question { number, text, id: 6..7 });
        Ok(())
    }

    /// Calls the child again, at once the first time, then after pauses that grow: it may never want anything else.
    fn go_on_later(&mut self) -> Step {
        let pause = self.pauses.next();
        match self.call().mailbox.next(pause) {
            Some(over @ Delivery::Failed(_)) => self.render(over),
            _ => self.go_on(),
        }
    }

    fn take_reply(&mut self, number: u64, reply: Result<String, String>) -> Step {
        let Some(inputs) = &mut self.inputs else { return Step::Nothing };
        match reply {
            Ok(answer) => {
                inputs.take(number, answer);
                self.go_on()
            }
            // The child only knows results: what the client could not answer ends the call.
            Err(error) => {
                Step::Last(format!("{{\"jsonrpc\":\"2.0\",\"id\":{},\"error\":{error}}}", self.id()))
            }
        }
    }

    /// Calls the child again once the client has answered everything.
    fn go_on(&mut self) -> Step {
        let Some(answers) = self.inputs.as_ref().and_then(Inputs::complete) else { return Step::Nothing };
        let state = self.inputs.as_ref().and_then(|inputs| inputs.state.clone());
        match self.peer.call_again(self.call(), &answers, state.as_deref()) {
            Ok(call) => {
                self.inputs = None;
                self.follow_call(call);
                Step::Nothing
            }
            Err(error) => Step::Last(self.failed(&error)),
        }
    }

    // ---- a modern client of a legacy child

    fn as_modern(&mut self, text: String, id: Range<usize>, result: Option<Range<usize>>) -> Step {
        match result {
            Some(result) => {
                let greeting = self.peer.greeting();
                let info = greeting.as_ref().and_then(Greeting::server_info);
                let result = modernize::result(&text[result], self.method(), info);
                Step::Last(success(self.id(), &result))
            }
            None => self.error_as_modern(text, id),
        }
    }

    /// An error that sends the client to a URL becomes a question; codes of the old era become those of the new.
    fn error_as_modern(&mut self, text: String, id: Range<usize>) -> Step {
        let error = error_of(&text).unwrap_or("{}");
        if let Some(urls) = modernize::url_elicitations(error) {
            let able = |origin: &Origin| origin.session.about.capabilities.elicitation_url;
            if !self.call().origin().is_some_and(able) {
                return Step::Last(self.failed(&needs_urls()));
            }
            let method = || "elicitation/create".to_string();
            let requests = urls.into_iter().enumerate();
            let requests: Vec<_> =
                requests.map(|(at, url)| (format!("url-{at}"), method(), Some(url))).collect();
            return match self.park(Vec::new()) {
                Ok(state) => Step::Last(success(self.id(), &modernize::input_required(&requests, &state))),
                Err(error) => Step::Last(self.failed(&error)),
            };
        }
        let Some(code) = json::member(error, "code") else { return Step::Last(replace(text, id, self.id())) };
        let mapped =
            code.parse().map_or_else(|_| code.to_string(), |code| modernize::error(code).to_string());
        let text_id = self.id();
        let (code, mut text) = (json::span(&text, code), text.clone());
        // From the back, so that the first cut stays where it was found.
        let mut cuts = [(code, mapped.as_str()), (id, text_id)];
        cuts.sort_by_key(|(cut, _)| std::cmp::Reverse(cut.start));
        for (cut, by) in cuts {
            text.replace_range(cut, by);
        }
        Step::Last(text)
    }

    /// The child asks: this exchange ends with the question, and the call waits for the client's next one
    /// (2026-07-28, basic, multi round-trip requests). What else it asks at once goes along.
    fn ask_by_result(&mut self, number: u64, text: &str) -> Step {
        let mut asked = vec![(number, text.to_string())];
        while let Some(Delivery::Question { number, text, .. }) = self.call().mailbox.next_question(TOGETHER)
        {
            asked.push((number, text));
        }
        let requests: Vec<_> = asked.iter().filter_map(|(number, text)| question(*number, text)).collect();
        let numbers = asked.iter().map(|(number, _)| *number).collect();
        match self.park(numbers) {
            Ok(state) => Step::Parked(success(self.id(), &modernize::input_required(&requests, &state))),
            Err(error) => {
                self.peer.abandon(self.call(), "too many calls wait for their clients");
                Step::Last(self.failed(&error))
            }
        }
    }

    // ---- both modern

    /// The end of a subscription names it, by the client's id.
    fn end_of_subscription(&self, text: String, id: Range<usize>, result: Option<Range<usize>>) -> String {
        let tag = result.and_then(|result| {
            let meta = json::member(&text[result], "_meta")?;
            let tag = json::member(meta, "io.modelcontextprotocol/subscriptionId")?;
            Some(json::span(&text, tag))
        });
        let mut cuts: Vec<_> = tag.into_iter().chain([id]).collect();
        cuts.sort_by_key(|cut| std::cmp::Reverse(cut.start));
        cuts.into_iter().fold(text, |text, cut| replace(text, cut, self.id()))
    }
}

impl Call {
    fn method(&self) -> &str {
        self.origin().map_or("", |origin| &origin.method)
    }
}

impl Waiter {
    fn method(&self) -> &str {
        self.call().method()
    }
}

/// A question as an entry of `inputRequests`.
fn question(number: u64, text: &str) -> Option<(String, String, Option<String>)> {
    let message = Message::parse(text, usize::MAX).ok()?;
    let method = message.method()?.to_string();
    Some((key(number), method, message.params().map(str::to_string)))
}

/// The key under which a modern client answers that question.
pub(crate) fn key(number: u64) -> String {
    format!("input-{number}")
}

/// The raw error of an answer.
fn error_of(text: &str) -> Option<&str> {
    match Message::parse(text, usize::MAX).ok()?.kind {
        Kind::Response { error, .. } => error,
        _ => None,
    }
}

/// The JSON-RPC code of an answer that is an error.
pub(crate) fn error_code(text: &str) -> Option<i64> {
    if !json::may_name(text, "error") {
        return None;
    }
    json::member(error_of(text)?, "code")?.parse().ok()
}

/// The client has to visit a URL and has not declared that it can be sent to one.
fn needs_urls() -> RpcError {
    let needed = json!({ "requiredCapabilities": { "elicitation": { "url": {} } } });
    RpcError::new(MISSING_CAPABILITY, "the server wants a URL visited first; declare elicitation.url")
        .with(needed)
}

/// A modern client answers wrongly what it was asked.
pub(crate) fn wrong_input(message: impl Into<String>) -> RpcError {
    RpcError::new(INVALID_PARAMS, message)
}

/// The text with one part replaced, in place: a large answer is not copied.
fn replace(mut text: String, cut: Range<usize>, by: &str) -> String {
    text.replace_range(cut, by);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_replaced_by_a_longer_or_shorter_one() {
        assert_eq!(replace("{\"id\":7}".into(), 6..7, "\"abc\""), "{\"id\":\"abc\"}");
        assert_eq!(replace("{\"id\":777}".into(), 6..9, "1"), "{\"id\":1}");
    }
}
