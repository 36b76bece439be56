//! `subscriptions/listen`: one long request instead of a GET stream (2026-07-28, basic, Subscriptions).

use super::super::Bridge;
use super::super::peer::send::Sent;
use super::super::refusal::Refusal;
use super::super::session::Session;
use super::super::session::listen::plain;
use super::super::stream::events::{Events, Sink, event_stream};
use super::super::stream::mailbox::Next;
use super::super::stream::waiter::Waiter;
use super::Ask;
use crate::http::{Response, StreamPermit, json_response};
use crate::meter::{Open, StreamKind};
use crate::protocol::error::{RpcError, success};
use crate::protocol::json;
use crate::protocol::modernize;
use crate::server::Running;
use ::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// What a client wants to hear of. What it names beside this is not granted.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
struct Wanted {
    #[serde(skip_serializing_if = "is_not")]
    tools_list_changed: bool,
    #[serde(skip_serializing_if = "is_not")]
    prompts_list_changed: bool,
    #[serde(skip_serializing_if = "is_not")]
    resources_list_changed: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    resource_subscriptions: Vec<String>,
}

fn is_not(wanted: &bool) -> bool {
    !wanted
}

impl Wanted {
    /// What of it a server with these capabilities (raw) tells at all.
    fn granted(self, capabilities: &str) -> Wanted {
        let has = |kind, what| {
            let kind = json::member(capabilities, kind);
            kind.and_then(|kind| json::member(kind, what)).is_some_and(|value| value == "true")
        };
        Wanted {
            tools_list_changed: self.tools_list_changed && has("tools", "listChanged"),
            prompts_list_changed: self.prompts_list_changed && has("prompts", "listChanged"),
            resources_list_changed: self.resources_list_changed && has("resources", "listChanged"),
            resource_subscriptions: match has("resources", "subscribe") {
                true => self.resource_subscriptions,
                false => Vec::new(),
            },
        }
    }

    /// Whether it covers this message. Updates come only to who subscribed.
    fn covers(&self, text: &str) -> bool {
        match json::member(text, "method").and_then(json::string).as_deref() {
            Some("notifications/tools/list_changed") => self.tools_list_changed,
            Some("notifications/prompts/list_changed") => self.prompts_list_changed,
            Some("notifications/resources/list_changed") => self.resources_list_changed,
            Some("notifications/resources/updated") => true,
            _ => false,
        }
    }
}

impl Bridge {
    /// The child has subscriptions of its own: the request is one like any other that lasts.
    pub(super) fn listen_native(
        self: &Arc<Self>,
        ask: &Ask<'_>,
        session: &Arc<Session>,
    ) -> Result<Response, RpcError> {
        let Some(permit) = self.listener(ask) else { return Ok(too_many(ask)) };
        let peer = &session.peer;
        match peer.send_call(&ask.request(session))? {
            Sent::Call(call) => Ok(Waiter::new(self, peer, call).with_permit(permit).answer(ask.client)),
            Sent::Answered => Ok(json_response(StatusCode::OK, success(ask.id, "{}").into_bytes())),
        }
    }

    fn listener(&self, ask: &Ask<'_>) -> Option<Open<StreamPermit>> {
        Open::at(ask.client.try_stream(), self.meter(), StreamKind::Listen)
    }

    /// The child tells everybody, as a legacy server does; the client hears what it asked for.
    pub(super) fn listen_translated(
        self: &Arc<Self>,
        ask: &Ask<'_>,
        session: Arc<Session>,
        running: &Running,
    ) -> Response {
        let Some(permit) = self.listener(ask) else { return too_many(ask) };
        let wanted = ask.params.and_then(|params| json::member(params, "notifications"));
        let wanted: Wanted = wanted.and_then(|wanted| serde_json::from_str(wanted).ok()).unwrap_or_default();
        let greeting = running.greeting.as_ref().map_or("{}", |greeting| &greeting.result);
        let wanted = wanted.granted(json::member(greeting, "capabilities").unwrap_or("{}"));
        let listener = Listener::enter(session);
        let session = &listener.session;
        if let Err(error) = session.peer.subscribe_for(session, &wanted.resource_subscriptions) {
            return json_response(StatusCode::OK, error.response(ask.id).into_bytes());
        }
        let (bridge, id) = (Arc::clone(self), ask.id.to_string());
        event_stream(move |writer| {
            let _permit = permit;
            let mut events = Events::new(writer, None, &bridge);
            let granted = serde_json::to_string(&wanted).unwrap_or_default();
            events.send(modernize::acknowledged(&granted, &id))?;
            listener.follow(&wanted, &id, &mut events)
        })
    }
}

/// A modern client among those a legacy child tells everything, for as long as it listens.
struct Listener {
    session: Arc<Session>,
    reader: u64,
}

impl Listener {
    fn enter(session: Arc<Session>) -> Listener {
        session.peer.audience.enter(Arc::clone(&session));
        let reader = session.outbox.attach();
        Listener { session, reader }
    }

    fn follow(&self, wanted: &Wanted, id: &str, events: &mut Events<'_, '_>) -> io::Result<()> {
        loop {
            match self.session.outbox.read(self.reader, Duration::from_secs(1)) {
                Next::Delivery(delivery) => {
                    if let Some(text) = plain(delivery).filter(|text| wanted.covers(text)) {
                        events.send(modernize::subscribed(&text, id))?;
                    }
                }
                Next::Ended => return events.send(success(id, &modernize::end_of_subscription(id))),
                Next::Nothing if events.is_gone() => return Ok(()),
                Next::Nothing => events.idle()?,
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.session.peer.audience.leave(&self.session);
        self.session.peer.give_up_wishes(&self.session);
    }
}

fn too_many(ask: &Ask<'_>) -> Response {
    Refusal::too_many_streams().of(ask.id).response()
}
