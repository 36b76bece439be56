//! The envelope of a JSON-RPC 2.0 message: where its parts stand in the text.

use super::json;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

/// One message, borrowed from its text.
#[derive(Debug)]
pub struct Message<'t> {
    /// The whole text.
    pub text: &'t str,
    /// What it is.
    pub kind: Kind<'t>,
}

/// The three kinds of message. An `id` is the raw JSON text: `1`, `1.0` and `"1"` are three ids.
#[derive(Debug)]
pub enum Kind<'t> {
    /// Wants an answer.
    Request {
        /// Raw text of the id.
        id: &'t str,
        /// Method name.
        method: Cow<'t, str>,
        /// Raw text of the parameters.
        params: Option<&'t str>,
    },
    /// Wants none.
    Notification {
        /// Method name.
        method: Cow<'t, str>,
        /// Raw text of the parameters.
        params: Option<&'t str>,
    },
    /// Answers a request.
    Response {
        /// Raw text of the id; `null` where the request could not be read.
        id: &'t str,
        /// Raw text of the result, if it is one.
        result: Option<&'t str>,
        /// Raw text of the error, if it is one.
        error: Option<&'t str>,
    },
}

/// Why a text is no message we take.
#[derive(Debug, PartialEq, Eq)]
pub enum Invalid {
    /// Not JSON (JSON-RPC -32700).
    Syntax(String),
    /// Deeper than the limit (-32700).
    TooDeep(usize),
    /// JSON, but not one JSON-RPC 2.0 message (-32600).
    Envelope(String),
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Invalid::Syntax(what) => write!(f, "the body is not JSON: {what}"),
            Invalid::TooDeep(max) => write!(f, "the JSON nests deeper than {max} levels"),
            Invalid::Envelope(what) => write!(f, "not a JSON-RPC 2.0 message: {what}"),
        }
    }
}

impl Invalid {
    /// The JSON-RPC error code (JSON-RPC 2.0, section 5.1).
    pub fn code(&self) -> i64 {
        match self {
            Invalid::Syntax(_) | Invalid::TooDeep(_) => super::error::PARSE_ERROR,
            Invalid::Envelope(_) => super::error::INVALID_REQUEST,
        }
    }
}

/// The members we look at; any other is passed over. Serde refuses a member that stands twice.
#[derive(Deserialize)]
struct Envelope<'t> {
    #[serde(borrow, default, deserialize_with = "present")]
    jsonrpc: Option<&'t RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'t RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    method: Option<&'t RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    params: Option<&'t RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    result: Option<&'t RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    error: Option<&'t RawValue>,
}

/// Tells `"id": null` from no id, which an `Option` alone would not.
fn present<'t, D: serde::Deserializer<'t>>(from: D) -> Result<Option<&'t RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

impl<'t> Message<'t> {
    /// Reads the envelope of `text`, which may nest `max_depth` levels deep.
    ///
    /// # Errors
    /// The text is not JSON, too deep, or not one JSON-RPC 2.0 message; `id`, `method` and the other members of
    /// the envelope may stand once each.
    pub fn parse(text: &'t str, max_depth: usize) -> Result<Message<'t>, Invalid> {
        if json::is_deeper_than(text, max_depth) {
            return Err(Invalid::TooDeep(max_depth));
        }
        let envelope = Envelope::read(text)?;
        if !envelope.jsonrpc.is_some_and(|version| json::spells(version.get(), "2.0")) {
            return Err(Invalid::Envelope("\"jsonrpc\":\"2.0\" is missing".into()));
        }
        Ok(Message { text, kind: envelope.kind()? })
    }

    /// The method, if it has one.
    pub fn method(&self) -> Option<&str> {
        match &self.kind {
            Kind::Request { method, .. } | Kind::Notification { method, .. } => Some(method),
            Kind::Response { .. } => None,
        }
    }

    /// The raw parameters, if it has any.
    pub fn params(&self) -> Option<&'t str> {
        match self.kind {
            Kind::Request { params, .. } | Kind::Notification { params, .. } => params,
            Kind::Response { .. } => None,
        }
    }

    /// Where each `params._meta.progressToken` stands, with its raw text: usually none or one.
    pub fn progress_tokens(&self) -> Vec<&'t str> {
        let Some(params) = self.params().filter(|params| json::may_name(params, "progressToken")) else {
            return Vec::new();
        };
        let metas = json::members(params, "_meta").into_iter();
        metas.flat_map(|meta| json::members(meta, "progressToken")).collect()
    }

    /// Where a slice of this message stands in its text.
    pub fn span(&self, part: &str) -> Range<usize> {
        json::span(self.text, part)
    }
}

/// A request that is put together of raw parts.
pub struct Composed<'m> {
    text: String,
    id: Range<usize>,
    method: &'m str,
    params: Option<Range<usize>>,
}

impl<'m> Composed<'m> {
    /// One with this raw id and these raw parameters.
    pub fn new(id: &str, method: &'m str, params: Option<&str>) -> Composed<'m> {
        let mut text = String::with_capacity(64 + id.len() + method.len() + params.map_or(0, str::len));
        let mut put = |part: &str| {
            text.push_str(part);
            text.len() - part.len()..text.len()
        };
        put(r#"{"jsonrpc":"2.0","id":"#);
        let id = put(id);
        put(r#","method":"#);
        put(&json::quoted(method));
        let params = params.map(|params| {
            put(r#","params":"#);
            put(params)
        });
        put("}");
        Composed { text, id, method, params }
    }

    /// The message, without being read again.
    pub fn message(&self) -> Message<'_> {
        let (id, params) = (&self.text[self.id.clone()], self.params.clone());
        let params = params.map(|place| &self.text[place]);
        Message { text: &self.text, kind: Kind::Request { id, method: Cow::Borrowed(self.method), params } }
    }
}

impl<'t> Envelope<'t> {
    /// Serde would take an array for the members in their order; only an object is a message.
    fn read(text: &'t str) -> Result<Envelope<'t>, Invalid> {
        use serde_json::error::Category;
        if text.trim_start().starts_with('{') {
            return serde_json::from_str(text).map_err(|error| match error.classify() {
                Category::Data => Invalid::Envelope(error.to_string()),
                _ => Invalid::Syntax(error.to_string()),
            });
        }
        Err(match serde_json::from_str::<IgnoredAny>(text) {
            Err(error) => Invalid::Syntax(error.to_string()),
            Ok(_) if text.trim_start().starts_with('[') => {
                Invalid::Envelope("a batch (array) is not taken; send one message a request".into())
            }
            Ok(_) => Invalid::Envelope("a message is an object".into()),
        })
    }

    fn kind(self) -> Result<Kind<'t>, Invalid> {
        let params = self.params.map(RawValue::get);
        let Some(method) = self.method else { return self.response() };
        if self.result.is_some() || self.error.is_some() {
            return Err(Invalid::Envelope("both a method and a result".into()));
        }
        let method = method_name(method.get())?;
        match self.id.map(RawValue::get) {
            None => Ok(Kind::Notification { method, params }),
            Some(id) if is_id(id) => Ok(Kind::Request { id, method, params }),
            Some(_) => Err(Invalid::Envelope("the id must be a string or a number".into())),
        }
    }

    fn response(self) -> Result<Kind<'t>, Invalid> {
        let id = self.id.map(RawValue::get).filter(|id| is_id(id) || *id == "null");
        let (result, error) = (self.result.map(RawValue::get), self.error.map(RawValue::get));
        // Some servers write the other one too, as null.
        let error = error.filter(|error| result.is_none() || *error != "null");
        let result = result.filter(|result| error.is_none() || *result != "null");
        match id {
            Some(id) if result.is_some() != error.is_some() => Ok(Kind::Response { id, result, error }),
            _ => {
                Err(Invalid::Envelope("neither a method, nor an id with either a result or an error".into()))
            }
        }
    }
}

fn method_name(raw: &str) -> Result<Cow<'_, str>, Invalid> {
    json::text(raw).ok_or_else(|| Invalid::Envelope("the method must be a string".into()))
}

/// JSON-RPC allows strings and numbers; MCP forbids null (2025-11-25, basic, Requests).
fn is_id(raw: &str) -> bool {
    raw.starts_with(|c: char| c == '"' || c == '-' || c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<Message<'_>, Invalid> {
        Message::parse(text, 16)
    }

    #[test]
    fn an_id_keeps_its_text() {
        for id in ["1", "1.0", "\"1\"", "-7e3", "\"\\u0061\"", "123456789012345678901234567890"] {
            let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
            let Ok(Message { kind: Kind::Request { id: read, .. }, .. }) = parse(&text) else {
                panic!("{text}")
            };
            assert_eq!(read, id);
        }
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for (text, code) in [
            ("", -32700),
            ("{", -32700),
            ("nonsense", -32700),
            ("[]", -32600),
            (r#"["2.0",1,"tools/call",{}]"#, -32600),
            (r#"[{"jsonrpc":"2.0","id":1,"method":"a"}]"#, -32600),
            (r#""x""#, -32600),
            ("null", -32600),
            ("1", -32600),
            ("{}", -32600),
            (r#"{"jsonrpc":"2.0"}"#, -32600),
            (r#"{"jsonrpc":"1.0","id":1,"method":"a"}"#, -32600),
            (r#"{"jsonrpc":"2.0","id":null,"method":"a"}"#, -32600),
            (r#"{"jsonrpc":"2.0","id":[],"method":"a"}"#, -32600),
            (r#"{"jsonrpc":"2.0","id":1,"method":7}"#, -32600),
            (r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"a"}"#, -32600),
            (r#"{"jsonrpc":"2.0","id":1,"method":"a","\u006dethod":"b"}"#, -32600),
            (r#"{"jsonrpc":"2.0","id":1,"method":"a","params":{},"params":{}}"#, -32600),
            (r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#, -32600),
            (r#"{"jsonrpc":"2.0","result":{}}"#, -32600),
            (r#"{"jsonrpc":"2.0","id":1}"#, -32600),
            (r#"{"jsonrpc":"2.0","id":1,"method":"a"} x"#, -32700),
        ] {
            assert_eq!(parse(text).map(|_| 0).map_err(|e| e.code()), Err(code), "{text}");
        }
        assert_eq!(parse(&"[".repeat(99)).unwrap_err(), Invalid::TooDeep(16));
    }

    #[test]
    fn every_progress_token_is_found() {
        let text = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":{"progressToken":"a"},
            "arguments":{"_meta":{"progressToken":"not me"}},"_meta":{"progress\u0054oken":5}}}"#;
        assert_eq!(parse(text).unwrap().progress_tokens(), ["\"a\"", "5"]);
    }

    #[test]
    fn what_is_put_together_reads_as_it_was_meant() {
        for params in [None, Some(r#"{"a":1.0}"#)] {
            let composed = Composed::new("\"x\"", "a\"b", params);
            let (made, read) = (composed.message(), parse(&composed.text).unwrap());
            assert_eq!(format!("{made:?}"), format!("{read:?}"));
        }
    }

    #[test]
    fn the_three_kinds() {
        let kind = |text| parse(text).unwrap().kind;
        assert!(matches!(kind(r#"{"jsonrpc":"2.0","method":"a"}"#), Kind::Notification { .. }));
        assert!(matches!(
            kind(r#"{"jsonrpc":"2.0","id":null,"error":{}}"#),
            Kind::Response { id: "null", .. }
        ));
        let sloppy = r#"{"jsonrpc":"2.0","id":1,"result":{},"error":null}"#;
        assert!(matches!(kind(sloppy), Kind::Response { result: Some("{}"), error: None, .. }));
        assert!(matches!(
            kind(r#"{"id":1,"result":null,"jsonrpc":"2.0"}"#),
            Kind::Response { result: Some("null"), .. }
        ));
    }

    proptest! {
        #[test]
        fn nothing_panics_on_any_text(text in "\\PC*") {
            let _ = Message::parse(&text, 4);
        }

        #[test]
        fn a_spliced_id_comes_back(id in "[1-9][0-9]{0,29}|\"[a-z ]{0,9}\"", value in "\\PC{0,20}") {
            let value = serde_json::to_string(&value).unwrap();
            let text = format!(r#"{{ "x":{value},"id" : {id} ,"jsonrpc":"2.0","method":{value},"params":[1e400,{value}]}}"#);
            let message = Message::parse(&text, 16).unwrap();
            let Kind::Request { id: found, .. } = message.kind else { panic!() };
            let line = String::from_utf8(json::splice_line(&text, &mut [json::span(&text, found)], "42")).unwrap();
            let expected = text.replacen(&format!("\"id\" : {id} "), "\"id\" : 42 ", 1);
            prop_assert_eq!(line.trim_end(), expected);
        }
    }
}
