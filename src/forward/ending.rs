//! DELETE: a client ends its session (2025-11-25, basic, transports, Session Management).

use super::Ticket;
use super::courier::ServerAnswer;
use super::errand::Errand;
use super::passage::Passage;
use super::relay::{Relay, Waiting};
use super::session::Session;
use super::session::forgotten::{Verdict, judge};
use super::session::matter::About;
use crate::http::{Payload, Response};
use std::sync::Arc;

impl Relay<'_, '_> {
    /// The server may refuse it, and the session goes on then. One that does not know it need not be asked, nor woken.
    pub(super) fn end_session(mut self, session: &Arc<Session>, ticket: Ticket) -> Response {
        if let Some(refused) = self.refusal(session) {
            let errand = Errand::of_client(self.exchange.client.clone(), None);
            let waiting = Waiting { id: None, generation: 0, errand };
            return self.answered(refused, waiting, About::Other, ticket, Passage::default());
        }
        if let Err(error) = self.forward.sessions.end(session) {
            log::warn!(server = self.forward.server.name(), event = "not-kept"; "that a session was ended cannot be written to the state folder, so a restart of the proxy would bring it back: {error}");
        }
        Response::new(Payload::Empty)
    }

    /// What the server has against it.
    fn refusal(&mut self, session: &Session) -> Option<ServerAnswer> {
        let running = self.forward.server.running()?;
        let at_server = session.known(self.forward.life(running.generation))?;
        let target = self.forward.target(&running).ok()?;
        let errand = Errand::of_client(self.exchange.client.clone(), None);
        let answer = errand.run(|| judge(self.send(&target, Some(&at_server), None).ok()?).ok())?;
        match answer {
            Verdict::Answer(answer) if !answer.status().is_success() => Some(answer),
            Verdict::Answer(_) | Verdict::Forgotten(_) => None,
        }
    }
}
