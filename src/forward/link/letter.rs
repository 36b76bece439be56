//! What a message is to a link.

use super::flights::{Flight, Flights};
use crate::protocol::json;
use crate::protocol::message::{Kind, Message};
use crate::server::InputError;
use std::sync::Arc;

/// A message on its way to the server.
pub(super) struct Letter {
    /// Without a line end.
    pub(super) body: Arc<Vec<u8>>,
    pub(super) matter: Matter,
}

/// What it is about.
pub(super) enum Matter {
    /// Its answer is waited for.
    Request { method: String, flight: Flight },
    /// `notifications/cancelled` for the request with this raw id.
    Cancel { id: String },
    /// Another notification.
    Notice { method: String },
    /// The answer to a request of the server's.
    Response,
}

impl Letter {
    /// Sorts a message and takes a place for a request.
    ///
    /// # Errors
    /// There is no place.
    pub(super) fn new(mut body: Vec<u8>, flights: &Arc<Flights>) -> Result<Letter, InputError> {
        body.pop_if(|byte| *byte == b'\n');
        let body = Arc::new(body);
        let text = str::from_utf8(&body).unwrap_or_default();
        let matter = match Message::parse(text, usize::MAX).map(|message| message.kind) {
            Ok(Kind::Request { id, method, .. }) => {
                Matter::Request { method: method.into_owned(), flight: flights.enter(id, &body)? }
            }
            Ok(Kind::Notification { method, params }) => match cancelled(&method, params) {
                Some(id) => Matter::Cancel { id },
                None => Matter::Notice { method: method.into_owned() },
            },
            // What is no message was not made by us; the server says what is wrong with it.
            Ok(Kind::Response { .. }) | Err(_) => Matter::Response,
        };
        Ok(Letter { body, matter })
    }
}

fn cancelled(method: &str, params: Option<&str>) -> Option<String> {
    let params = params.filter(|_| method == "notifications/cancelled")?;
    json::member(params, "requestId").map(str::to_string)
}
