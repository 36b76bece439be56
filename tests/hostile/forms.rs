//! Methods, forms of the target and upgrades that lead past a proxy where they are taken at their word.

use crate::case::{Case, case};
use crate::ground::Ground;
use crate::wire::{self, shout, statuses};

pub(crate) fn cases() -> Vec<Case> {
    let one = |name, head: &'static str, allowed: &'static [u16]| {
        case(name, move |ground: &Ground| {
            let text = shout(&ground.url("stdio"), format!("{head}\r\nConnection: close\r\n\r\n").as_bytes());
            let all = statuses(&text);
            assert!(all.len() == 1 && allowed.contains(&all[0]), "{text}");
        })
    };
    vec![
        one("CONNECT", "CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:22", &[501]),
        one("CONNECT to a path", "CONNECT /stdio HTTP/1.1\r\nHost: 127.0.0.1", &[501]),
        one("TRACE", "TRACE /http/echo HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: secret", &[405]),
        one("asterisk with GET", "GET * HTTP/1.1\r\nHost: 127.0.0.1", &[400]),
        one("asterisk with OPTIONS", "OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1", &[204, 400]),
        one(
            "absolute form of a stranger",
            "GET http://example.com/health HTTP/1.1\r\nHost: 127.0.0.1",
            &[403],
        ),
        one(
            "absolute form, strange Host",
            "GET http://127.0.0.1/health HTTP/1.1\r\nHost: evil.example",
            &[200],
        ),
        one(
            "absolute form with user",
            "GET http://127.0.0.1@evil.example/ HTTP/1.1\r\nHost: 127.0.0.1",
            &[400],
        ),
        one("absolute form of a file", "GET file:///etc/passwd HTTP/1.1\r\nHost: 127.0.0.1", &[400]),
        one("authority form with GET", "GET 127.0.0.1:80 HTTP/1.1\r\nHost: 127.0.0.1", &[400]),
        one("unknown method", "BREW /stdio HTTP/1.1\r\nHost: 127.0.0.1", &[405]),
        one("method in lower case", "get /stdio HTTP/1.1\r\nHost: 127.0.0.1", &[405]),
        one("upgrade to websocket", WEBSOCKET, &[400, 404, 405, 406]),
        one("upgrade to h2c", H2C, &[200]),
        case("upgrade at an HTTP server", upgrade_behind),
        case("fields for one hop", for_one_hop),
    ]
}

const WEBSOCKET: &str = "GET /stdio HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
const H2C: &str = "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
    HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA";

/// The server behind is not asked to change the protocol: it gets no such field.
fn upgrade_behind(ground: &Ground) {
    let fields = [("Upgrade", "websocket"), ("Connection", "Upgrade, close"), ("Sec-WebSocket-Key", "eA==")];
    let text =
        shout(&ground.url("http"), format!("{}\r\n", wire::head("GET", "/http/echo", &fields)).as_bytes());
    assert_eq!(statuses(&text), [200], "{text}");
    assert!(!text.contains(r#"["upgrade""#), "{text}");
}

/// Whatever `Connection` names stays here; a client cannot name what the proxy itself needs, or sends.
fn for_one_hop(ground: &Ground) {
    let fields = [
        ("Connection", "close, X-Secret, Host, Content-Length"),
        ("X-Secret", "one"),
        ("Keep-Alive", "timeout=9"),
        ("TE", "trailers"),
        ("Proxy-Authorization", "Basic eA=="),
        ("Content-Length", "2"),
    ];
    let text =
        shout(&ground.url("http"), format!("{}\r\nhi", wire::head("POST", "/http/echo", &fields)).as_bytes());
    assert_eq!(statuses(&text), [200], "{text}");
    for hop in ["x-secret", "keep-alive", "\"te\"", "proxy-authorization"] {
        assert!(!text.contains(hop), "{hop} was passed on: {text}");
    }
    assert!(text.contains(r#""body":"hi""#), "{text}");
}
