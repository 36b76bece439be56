//! Plain HTTP for scripts: tools, resources and prompts of a server without a word of MCP. One request to the server
//! for each of ours, as a client of the proxy's own would make it; what it answers passes as it is.

mod failure;
mod openapi;
mod result;
mod schema;

use super::answer;
use super::route::Thing;
use super::router::{Front, get_only, not_allowed};
use crate::auth::Caller;
use crate::bridge::{Asker, Failure};
use crate::fleet::Served;
use crate::http::{Exchange, Response};
use crate::protocol::error::INVALID_PARAMS;
use crate::protocol::json;
use crate::protocol::lists::List;
use ::http::{HeaderMap, Method, StatusCode, header};
use percent_encoding::percent_decode_str;
use serde_json::value::RawValue;

/// An answer, or the one that says why there is none.
type Answered = Result<Response, Box<Response>>;

impl Front {
    /// Answers `/api/NAME/…`.
    #[inline(never)] // see crate::thread::STACK_BYTES
    pub(super) fn plain(
        &self,
        exchange: Exchange<'_>,
        caller: &Caller,
        name: &str,
        thing: &Thing,
    ) -> Response {
        let method = exchange.request.method();
        let is_read = matches!(*method, Method::GET | Method::HEAD);
        match thing {
            Thing::Tools | Thing::Resources | Thing::Prompts if !is_read => get_only(),
            Thing::Tool(_) | Thing::Prompt(_) if *method != Method::POST => {
                not_allowed("POST, OPTIONS", "it is used by POST, with its arguments as JSON")
            }
            _ => self.with(caller, name, |served| {
                answer_of(served, exchange, caller, thing).unwrap_or_else(|refusal| *refusal)
            }),
        }
    }
}

fn answer_of(served: &Served, exchange: Exchange<'_>, caller: &Caller, thing: &Thing) -> Answered {
    match thing {
        Thing::Tools => list(served, &exchange, caller, List::Tools),
        Thing::Prompts => list(served, &exchange, caller, List::Prompts),
        Thing::Resources => match uri(exchange.request.uri().query())? {
            Some(uri) => read(served, &exchange, caller, &uri),
            None => list(served, &exchange, caller, List::Resources),
        },
        Thing::Tool(name) => call(served, exchange, caller, &TOOL, name),
        Thing::Prompt(name) => call(served, exchange, caller, &PROMPT, name),
    }
}

fn asker<'a>(exchange: &'a Exchange<'_>, caller: &'a Caller) -> Asker<'a> {
    Asker { caller, client: &exchange.client, until: None }
}

fn list(served: &Served, exchange: &Exchange<'_>, caller: &Caller, list: List) -> Answered {
    let items =
        served.bridge.items(asker(exchange, caller), list).map_err(|failure| failed(served, &failure))?;
    let body = format!("{{{}:[{}]}}\n", json::quoted(list.field()), items.join(","));
    Ok(answer::with(StatusCode::OK, "application/json", body.into_bytes()))
}

fn failed(served: &Served, failure: &Failure) -> Box<Response> {
    Box::new(failure::response(failure, &served.spec.name, StatusCode::BAD_REQUEST))
}

// ---- resources

fn read(served: &Served, exchange: &Exchange<'_>, caller: &Caller, uri: &str) -> Answered {
    let params = [("uri", &*json::quoted(uri))];
    let read = served.bridge.ask(asker(exchange, caller), "resources/read", &params);
    match read {
        Ok(result) => Ok(result::response(exchange.request.headers(), &result, "contents")),
        // There is nothing else that could be wrong with it: the error of the modern era for what is not there.
        Err(failure) => Ok(failure::response(&failure, &served.spec.name, StatusCode::NOT_FOUND)),
    }
}

/// What the query names, decoded once.
fn uri(query: Option<&str>) -> Result<Option<String>, Box<Response>> {
    let parameters = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let mut uris = parameters.filter(|(name, _)| name == "uri").map(|(_, uri)| uri.into_owned());
    match (uris.next(), uris.next()) {
        (uri, None) => Ok(uri.filter(|uri| !uri.is_empty())),
        _ => Err(bad("one uri at a time, please")),
    }
}

// ---- tools and prompts

/// What is used by its name.
struct Kind {
    word: &'static str,
    method: &'static str,
    list: List,
    /// Where the parts of a result stand.
    parts: &'static str,
}

const TOOL: Kind = Kind { word: "tool", method: "tools/call", list: List::Tools, parts: "content" };
const PROMPT: Kind = Kind { word: "prompt", method: "prompts/get", list: List::Prompts, parts: "messages" };

fn call(
    served: &Served,
    mut exchange: Exchange<'_>,
    caller: &Caller,
    kind: &Kind,
    raw_name: &str,
) -> Answered {
    let name =
        percent_decode_str(raw_name).decode_utf8().map_err(|_| bad("the name in the path is not UTF-8"))?;
    let arguments = arguments(&mut exchange, served.bridge.max_message_bytes())?;
    let asker = asker(&exchange, caller);
    let params = [("name", &*json::quoted(&name)), ("arguments", &*arguments)];
    let outcome = served.bridge.ask(asker, kind.method, &params);
    let may_be_unknown = match &outcome {
        Ok(result) => result::is_error(result),
        Err(Failure::Failed(fault)) => fault.code == INVALID_PARAMS,
        Err(failure) => matches!(failure, Failure::Hidden),
    };
    if may_be_unknown && (matches!(outcome, Err(Failure::Hidden)) || is_missing(served, asker, kind, &name)) {
        return Err(unknown(served, kind, &name));
    }
    Ok(match outcome {
        Ok(result) => result::response(exchange.request.headers(), &result, kind.parts),
        Err(failure) => return Err(failed(served, &failure)),
    })
}

/// Whether the list of them has none of that name. Servers differ in what they say to such a call.
fn is_missing(served: &Served, asker: Asker<'_>, kind: &Kind, name: &str) -> bool {
    let is_it =
        |item: &String| json::member(item, "name").and_then(json::string).is_some_and(|own| own == name);
    served.bridge.items(asker, kind.list).is_ok_and(|items| !items.iter().any(is_it))
}

fn unknown(served: &Served, kind: &Kind, name: &str) -> Box<Response> {
    let (server, word) = (&served.spec.name, kind.word);
    let name: String = name.chars().take(128).collect();
    let text =
        format!("server {server} has no {word} {name:?}; GET /api/{server}/{word}s lists those there are");
    Box::new(answer::error(StatusCode::NOT_FOUND, text))
}

/// The body, which is an object in JSON (raw). Without a body there are no arguments. A page of another site could send
/// a form, but no JSON, without asking first; so nothing else is taken.
fn arguments(exchange: &mut Exchange<'_>, most: usize) -> Result<String, Box<Response>> {
    let headers = exchange.request.headers();
    if headers.contains_key(header::CONTENT_TYPE) && !is_json(headers) {
        return Err(no_json());
    }
    let is_said = headers.contains_key(header::CONTENT_TYPE);
    let body = exchange.body.read_all(most).map_err(|error| Box::new(error.into_response()))?;
    match (body.is_empty(), is_said) {
        (true, _) => Ok("{}".into()),
        (false, false) => Err(no_json()),
        (false, true) => {
            object(body).ok_or_else(|| bad("the body is to be one JSON object: the arguments by their names"))
        }
    }
}

fn object(body: Vec<u8>) -> Option<String> {
    let text = String::from_utf8(body).ok()?;
    let is_object = serde_json::from_str::<&RawValue>(&text).ok()?.get().starts_with('{');
    is_object.then_some(text)
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|media| media.trim().eq_ignore_ascii_case("application/json"))
}

fn no_json() -> Box<Response> {
    let text =
        "arguments are sent as JSON: Content-Type: application/json (curl --json '{…}'), or no body at all";
    Box::new(answer::error(StatusCode::UNSUPPORTED_MEDIA_TYPE, text))
}

fn bad(text: &str) -> Box<Response> {
    Box::new(answer::error(StatusCode::BAD_REQUEST, text))
}
