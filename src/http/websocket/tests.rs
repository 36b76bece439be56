//! The handshake against a model of its own, and bytes that are no handshake.

use super::accept;
use crate::http::{Payload, Response};
use ::http::{HeaderValue, Request, Version, header};
use proptest::prelude::*;

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

fn request(method: &str, fields: &[(&str, &str)]) -> Request<()> {
    let request = Request::builder().method(method).uri("/health/ws").header("host", "h");
    fields.iter().fold(request, |request, (name, value)| request.header(*name, *value)).body(()).unwrap()
}

fn handshake() -> Vec<(&'static str, &'static str)> {
    vec![
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "h2c, WebSocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", KEY),
    ]
}

fn refusal(request: &Request<()>) -> Response {
    *accept(request).expect_err("it is not in order")
}

fn status(fields: &[(&str, &str)]) -> u16 {
    refusal(&request("GET", fields)).status().as_u16()
}

fn without(name: &str) -> Vec<(&'static str, &'static str)> {
    handshake().into_iter().filter(|(field, _)| *field != name).collect()
}

fn with(name: &'static str, value: &'static str) -> Vec<(&'static str, &'static str)> {
    [without(name), vec![(name, value)]].concat()
}

/// The example of RFC 6455, section 1.3.
#[test]
fn a_handshake_in_order_is_answered() {
    let response = accept(&request("GET", &handshake())).unwrap().answer(|_| Ok(()));
    assert_eq!((response.status().as_u16(), response.headers().len()), (101, 2));
    assert_eq!(response.headers()[header::UPGRADE], "websocket");
    assert_eq!(response.headers()[header::SEC_WEBSOCKET_ACCEPT], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert!(matches!(response.body(), Payload::Upgrade(_)));
}

#[test]
fn who_does_not_ask_properly_is_told_how() {
    for fields in [
        without("upgrade"),
        without("connection"),
        without("sec-websocket-version"),
        with("upgrade", "websockets"),
        with("connection", "close"),
        with("sec-websocket-version", "8"),
        with("sec-websocket-version", "13, 8"),
        [handshake(), vec![("sec-websocket-version", "13")]].concat(),
        vec![],
    ] {
        let response = refusal(&request("GET", &fields));
        assert_eq!(response.status().as_u16(), 426, "{fields:?}");
        assert_eq!(response.headers()[header::UPGRADE], "websocket");
        assert_eq!(response.headers()[header::SEC_WEBSOCKET_VERSION], "13");
    }
    for method in ["HEAD", "POST"] {
        assert_eq!(refusal(&request(method, &handshake())).status().as_u16(), 426);
    }
    let mut old = request("GET", &handshake());
    *old.version_mut() = Version::HTTP_10;
    assert_eq!(refusal(&old).status().as_u16(), 426);
}

#[test]
fn a_key_is_sixteen_bytes_and_there_is_no_body() {
    for key in [
        "",
        "dGhlIHNhbXBsZQ==",
        "dGhlIHNhbXBsZSBub25jZQ",
        "dGhlIHNhbXBsZSBub25jZSE=",
        "dGhlIHNhbXBsZSBub25 ZQ==",
    ] {
        assert_eq!(status(&with("sec-websocket-key", key)), 400, "{key}");
    }
    assert_eq!(status(&without("sec-websocket-key")), 400);
    assert_eq!(status(&[handshake(), vec![("sec-websocket-key", KEY)]].concat()), 400);
    assert_eq!(status(&[handshake(), vec![("content-length", "1")]].concat()), 400);
    assert_eq!(status(&[handshake(), vec![("transfer-encoding", "chunked")]].concat()), 400);
    assert!(accept(&request("GET", &[handshake(), vec![("content-length", "0")]].concat())).is_ok());
}

proptest! {
    /// Each part in good and bad forms: accepted if and only if all are good.
    #[test]
    fn it_is_accepted_if_all_of_it_is_in_order(
        upgrade in prop::sample::select(vec![("websocket", true), ("foo, WEBSOCKET", true), ("websocket/13", false), ("web socket", false), ("", false)]),
        connection in prop::sample::select(vec![("upgrade", true), ("x,\tUpgrade ,y", true), ("upgraded", false), ("", false)]),
        version in prop::sample::select(vec![("13", true), ("013", false), ("14", false), ("", false)]),
        key in prop_oneof!["[A-Za-z0-9+/]{22}==", "[A-Za-z0-9+/=]{20,26}"],
        method in prop::sample::select(vec![("GET", true), ("get", false), ("POST", false)]),
        length in prop::sample::select(vec![("0", true), ("1", false)]),
    ) {
        let is_key = key.len() == 24 && key.find('=') == Some(22) && key.ends_with("==");
        let fields = [
            ("upgrade", upgrade.0),
            ("connection", connection.0),
            ("sec-websocket-version", version.0),
            ("sec-websocket-key", &key),
            ("content-length", length.0),
        ];
        let all = upgrade.1 && connection.1 && version.1 && is_key && method.1 && length.1;
        prop_assert_eq!(accept(&request(method.0, &fields)).is_ok(), all);
    }

    #[test]
    fn any_bytes_are_answered(values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..30), 4)) {
        let mut any = request("GET", &[]);
        for ((name, _), value) in handshake().into_iter().zip(values) {
            let name: header::HeaderName = name.parse().unwrap();
            any.headers_mut().extend(HeaderValue::from_bytes(&value).ok().map(|value| (name, value)));
        }
        prop_assert!(accept(&any).is_err());
    }
}
