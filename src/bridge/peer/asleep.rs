//! A child that sleeps need not be woken for what it has said before: its greeting and its lists.

use super::super::stream::mailbox::{Delivery, Mailbox};
use super::Peer;
use super::calls::Call;
use super::send::{Request, Sent};
use super::wishes::Wish;
use crate::protocol::json;
use crate::protocol::lists::{self, List};
use crate::protocol::revision::Era;
use crate::server::{Known, Said};
use std::sync::Arc;

impl Peer {
    /// What a child has said before it fell asleep; none if it does not sleep, or if that is not known.
    pub(crate) fn asleep(&self) -> Option<Known> {
        if self.server.rests() { self.lists.recall() } else { None }
    }

    /// Answers a request for a child that sleeps; none if that has to be woken for it.
    pub(crate) fn answer_asleep(&self, request: &Request<'_>) -> Option<Sent> {
        if !may_be_known(request) {
            return None;
        }
        let known = self.asleep()?;
        if let Wish::Level(level) = request.wish {
            let capabilities = json::member(&known.greeting.result, "capabilities")?;
            json::member(capabilities, "logging")?;
            // It is told when it wakes.
            request.session.state().level = Some(level);
            return Some(Sent::Answered);
        }
        Some(Sent::Call(self.answered(request, &known)?))
    }

    /// A call that is answered already, in the child's own era: all else is up to who waits for it.
    fn answered(&self, request: &Request<'_>, known: &Known) -> Option<Arc<Call>> {
        let era = known.greeting.era;
        let delivery = match recalled(request, known)? {
            Ok(result) => answer("result", result, true),
            Err(error) => answer("error", error, false),
        };
        let mailbox = Arc::new(Mailbox::new(0));
        mailbox.put(delivery);
        let origin = Some(Arc::new(self.origin(request, None, era)));
        Some(Arc::new(Call { number: self.calls.number(), generation: 0, era, origin, mailbox }))
    }
}

/// As if the child had just said it, to the request 0.
fn answer(member: &str, raw: &str, is_result: bool) -> Delivery {
    const BEGIN: &str = r#"{"jsonrpc":"2.0","id":"#;
    let text = format!(r#"{BEGIN}0,"{member}":{raw}}}"#);
    let end = text.len() - 1;
    let result = is_result.then_some(end - raw.len()..end);
    Delivery::Answer { text, id: BEGIN.len()..BEGIN.len() + 1, result }
}

/// Whether a child's earlier words may answer this: nothing is read for anything else.
fn may_be_known(request: &Request<'_>) -> bool {
    let method = request.method;
    List::of(method).is_some() || method == "server/discover" || matches!(request.wish, Wish::Level(_))
}

/// The result (raw), or the error (raw), that the child gave before.
fn recalled<'k>(request: &Request<'_>, known: &'k Known) -> Option<Result<&'k str, &'k str>> {
    if request.method == "server/discover" {
        return (known.greeting.era == Era::Modern).then_some(Ok(&known.greeting.result));
    }
    match known.lists.get(request.method)? {
        Said::Error(error) => Some(Err(error.get())),
        Said::Pages(pages) => {
            let mut pages = pages.iter().map(|page| page.get());
            let Some(cursor) = lists::cursor(request.message.params()) else { return pages.next().map(Ok) };
            let wanted = json::string(cursor)?;
            pages.find(|page| lists::next_cursor(page).and_then(json::string).as_ref() == Some(&wanted))?;
            pages.next().map(Ok)
        }
    }
}
