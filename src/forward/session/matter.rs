//! What a message is about, as far as a session has to remember it.

use crate::ledger::Record;
use crate::protocol::json;
use crate::protocol::message::{Kind, Message};

/// A message that is sent on: its id, and what of it has to be said again to a server that has forgotten.
#[derive(Default)]
pub(in crate::forward) struct Matter {
    /// Raw id, if it is a request.
    pub(in crate::forward) id: Option<String>,
    pub(in crate::forward) about: About,
    /// Whether it asks for the list of tools, or a part of it does.
    pub(in crate::forward) lists: bool,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::forward) enum About {
    /// `initialize`, with its raw parameters.
    Hello(Option<String>),
    /// `logging/setLevel`
    Level(String),
    /// `resources/subscribe` to this URI
    Subscribe(String),
    /// `resources/unsubscribe`
    Unsubscribe(String),
    #[default]
    Other,
}

impl Matter {
    /// Reads the envelope of a body, or those of a batch; what is no message is about nothing.
    pub(in crate::forward) fn read(body: &[u8], max_depth: usize) -> Matter {
        Matter::noting(body, max_depth, |_, _| {})
    }

    /// The same; `note` gets every request in it, with its raw id.
    pub(in crate::forward) fn noting(
        body: &[u8],
        max_depth: usize,
        mut note: impl FnMut(&Message<'_>, &str),
    ) -> Matter {
        let text = str::from_utf8(body).unwrap_or_default();
        let is_batch = text.trim_start().starts_with('[') && !json::is_deeper_than(text, max_depth);
        let batch = if is_batch { json::items(text) } else { None };
        let mut matter = Matter::default();
        for text in batch.as_deref().unwrap_or(&[text]) {
            let Ok(message) = Message::parse(text, max_depth) else { continue };
            let Kind::Request { id, method, params } = &message.kind else { continue };
            matter.lists |= method == "tools/list";
            note(&message, id);
            if batch.is_none() {
                (matter.id, matter.about) = (Some(id.to_string()), About::read(method, *params));
            }
        }
        matter
    }
}

impl About {
    pub(in crate::forward) fn read(method: &str, params: Option<&str>) -> About {
        let text = |name| json::member(params?, name).and_then(json::string);
        let about = match method {
            "initialize" => Some(About::Hello(params.map(str::to_string))),
            "logging/setLevel" => text("level").map(About::Level),
            "resources/subscribe" => text("uri").map(About::Subscribe),
            "resources/unsubscribe" => text("uri").map(About::Unsubscribe),
            _ => None,
        };
        about.unwrap_or_default()
    }

    /// Takes it into a record of at most so many subscriptions.
    pub(in crate::forward) fn note(self, record: &mut Record, max_subscriptions: usize) {
        let subscribed = &mut record.subscriptions;
        match self {
            About::Level(level) => record.level = Some(level),
            About::Subscribe(uri) if subscribed.len() < max_subscriptions && !subscribed.contains(&uri) => {
                subscribed.push(uri);
            }
            About::Unsubscribe(uri) => subscribed.retain(|other| *other != uri),
            About::Hello(_) | About::Subscribe(_) | About::Other => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_remembered_is_told_from_the_rest() {
        let about = |method: &str, params: &str| {
            let body = format!(r#"{{"jsonrpc":"2.0","id":"a","method":"{method}","params":{params}}}"#);
            let matter = Matter::read(body.as_bytes(), 10);
            assert_eq!(matter.id.as_deref(), Some("\"a\""));
            matter.about
        };
        assert_eq!(about("initialize", "{}"), About::Hello(Some("{}".into())));
        assert_eq!(about("logging/setLevel", r#"{"level":"info"}"#), About::Level("info".into()));
        assert_eq!(about("resources/subscribe", r#"{"uri":"\u0061:"}"#), About::Subscribe("a:".into()));
        assert_eq!(about("resources/unsubscribe", r#"{"uri":"a:"}"#), About::Unsubscribe("a:".into()));
        assert_eq!(about("resources/subscribe", r#"{"uri":7}"#), About::Other);
        assert_eq!(about("tools/call", r#"{"level":"info"}"#), About::Other);
        assert!(Matter::read(b"[]", 10).id.is_none());
    }
}
