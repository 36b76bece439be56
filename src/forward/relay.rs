//! One request there and its answer back.

use super::connector::Errand;
use super::{Forward, Target, Ticket, failure, fields};
use crate::http::{Body, BodyError, Exchange, Payload, Response, StreamWriter};
use crate::protocol::sse;
use ::http::uri::PathAndQuery;
use ::http::{Method, Request, header};
use std::io::{self, Read};
use std::sync::Arc;
use ureq::SendBody;

/// An answer of up to this size is sent in one piece.
const MAX_WHOLE_BYTES: u64 = 64 * 1024;
/// What is read from a server at once; each read is sent on at once.
const CHUNK_BYTES: usize = 16 * 1024;

/// A client that waits, and what it must hear if the server fails.
struct Waiting {
    /// Raw id of its call.
    id: Option<String>,
    generation: u64,
    errand: Errand,
}

pub(super) fn relay(
    forward: &Arc<Forward>,
    mut exchange: Exchange<'_>,
    path: Option<&PathAndQuery>,
    body: Option<Vec<u8>>,
    ticket: Ticket,
) -> Response {
    let message = match body.map_or_else(|| read_message(forward, &mut exchange, path), |body| Ok(Some(body)))
    {
        Ok(message) => message,
        Err(error) => return error.into_response(),
    };
    let id = message.as_deref().and_then(|body| failure::request_id(body, forward.limits.max_json_depth));
    let running = match forward.running() {
        Ok(running) => running,
        Err(error) => return failure::response(&error, id.as_deref()),
    };
    let generation = running.generation;
    let target = match forward.target(&running) {
        Ok(target) => target,
        Err(why) => {
            let error = forward
                .server
                .given_up("no-http", format!("server {} cannot be asked: {why}", forward.server.name()));
            return failure::response(&error, id.as_deref());
        }
    };
    let serving = ticket.is_stream().then(|| (Arc::clone(&forward.server), generation));
    let errand = Errand::of_client(exchange.client.clone(), serving);
    let waiting = Waiting { id, generation, errand };
    let sent = waiting.errand.run(|| send(forward, &target, &mut exchange, path, message));
    match sent {
        Ok(answer) if exchange.request.method() == Method::HEAD => without_body(answer),
        Ok(answer) => answered(forward, answer, waiting, ticket),
        Err(error) => match body_error(&error) {
            Some(error) => error.into_response(),
            None => {
                let error = forward.broken(waiting.generation, &error.to_string());
                failure::response(&error, waiting.id.as_deref())
            }
        },
    }
}

/// What was wrong with the client's own body, if that is why a request could not be sent.
fn body_error(error: &ureq::Error) -> Option<BodyError> {
    match error {
        ureq::Error::Io(error) => error.get_ref()?.downcast_ref::<BodyError>().cloned(),
        _ => None,
    }
}

/// A message to the endpoint is read whole before it is sent on, so that the id of a call is known if the server
/// fails. Other bodies are not held.
fn read_message(
    forward: &Forward,
    exchange: &mut Exchange<'_>,
    path: Option<&PathAndQuery>,
) -> Result<Option<Vec<u8>>, BodyError> {
    let is_json = fields::is_media(exchange.request.headers(), &header::CONTENT_TYPE, "application/json");
    if path.is_some() || exchange.request.method() != Method::POST || !is_json {
        return Ok(None);
    }
    exchange.body.read_all(forward.limits.max_message_bytes).map(Some)
}

fn send(
    forward: &Forward,
    target: &Target,
    exchange: &mut Exchange<'_>,
    path: Option<&PathAndQuery>,
    message: Option<Vec<u8>>,
) -> Result<ServerAnswer, ureq::Error> {
    let url = target.url(path, exchange.request.uri().query());
    let mut request = Request::builder().method(exchange.request.method()).uri(url);
    if let Some(headers) = request.headers_mut() {
        *headers = fields::request(exchange.request.headers());
        headers.extend(target.headers.clone());
    }
    match message {
        Some(body) => forward.agent.run(request.body(body)?),
        None if has_body(&exchange.body) => {
            let body = SendBody::from_reader(&mut exchange.body);
            forward.agent.run(request.body(body)?)
        }
        None => {
            if let Some(headers) = request.headers_mut() {
                headers.remove(header::CONTENT_LENGTH);
            }
            forward.agent.run(request.body(())?)
        }
    }
}

type ServerAnswer = ::http::Response<ureq::Body>;

fn has_body(body: &Body<'_>) -> bool {
    body.length() != Some(0)
}

fn answered(forward: &Arc<Forward>, answer: ServerAnswer, waiting: Waiting, ticket: Ticket) -> Response {
    let (head, body) = answer.into_parts();
    let length =
        head.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let is_stream = fields::is_media(&head.headers, &header::CONTENT_TYPE, "text/event-stream");
    let mut reader = body.into_reader();
    let payload = match length {
        Some(length) if length <= MAX_WHOLE_BYTES => {
            let mut whole = Vec::with_capacity(length as usize);
            match waiting.errand.run(|| reader.read_to_end(&mut whole)) {
                Ok(_) => Payload::Bytes(whole),
                Err(error) => {
                    let error = forward.broken(waiting.generation, &error.to_string());
                    return failure::response(&error, waiting.id.as_deref());
                }
            }
        }
        _ => {
            let forward = Arc::clone(forward);
            Payload::stream(move |writer| {
                let _ticket = ticket;
                waiting.errand.run(|| stream(&forward, reader, writer, is_stream, &waiting))
            })
        }
    };
    with_head(&head, payload)
}

/// The answer to HEAD: what it says of the body that GET would have, a length or none.
fn without_body(answer: ServerAnswer) -> Response {
    let (head, _) = answer.into_parts();
    // A stream that is not sent takes the framing its head declares; an empty body would have the length 0.
    with_head(&head, Payload::stream(|_| Ok(())))
}

fn with_head(head: &::http::response::Parts, payload: Payload) -> Response {
    let mut response = Response::new(payload);
    *response.status_mut() = head.status;
    *response.headers_mut() = fields::response(&head.headers);
    response
}

/// Sends on whatever comes, as it comes. An event stream that breaks off tells the call why.
fn stream(
    forward: &Forward,
    mut reader: impl Read,
    writer: &mut StreamWriter<'_>,
    is_stream: bool,
    waiting: &Waiting,
) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK_BYTES];
    while !waiting.errand.is_over() {
        match reader.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(count) => writer.write_chunk(&[&chunk[..count]])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) if waiting.errand.is_over() => {}
            Err(error) => {
                if let (true, Some(id)) = (is_stream && !writer.client().is_gone(), &waiting.id) {
                    let error = forward.broken(waiting.generation, &error.to_string());
                    let mut text = error.response(id).into_bytes();
                    return writer.write_chunk(&sse::event(&mut text));
                }
                return Err(error);
            }
        }
    }
    Ok(())
}
