//! `Host` and `Origin`: pages of strangers, names that point here, addresses in disguise.

use crate::case::{Case, case};
use crate::wire::{self, Wire};

pub(crate) fn cases() -> Vec<Case> {
    let hosts = HOSTS.map(|host| {
        case(format!("Host {host:?}"), move |ground| {
            let request = format!("GET /servers HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
            let answer = Wire::open(&ground.url("servers")).unwrap().exchange(request.as_bytes()).unwrap();
            assert!(matches!(answer.status, 400 | 403), "{answer:?}");
            assert!(!answer.body.contains("in_flight"), "{answer:?}");
        })
    });
    let origins = ORIGINS.map(|origin| {
        case(format!("Origin {origin:?}"), move |ground| {
            for (method, path) in
                [("POST", "/stdio"), ("OPTIONS", "/stdio"), ("GET", "/servers"), ("GET", "/http/echo")]
            {
                let fields =
                    [("Origin", origin), ("Access-Control-Request-Method", "POST"), ("Content-Length", "0")];
                let request = format!("{}Connection: close\r\n\r\n", wire::head(method, path, &fields));
                let answer = Wire::open(&ground.url("stdio")).unwrap().exchange(request.as_bytes()).unwrap();
                assert_eq!(answer.status, 403, "{method} {path}: {answer:?}");
                let allowed = wire::field(&answer.head, "access-control-allow-origin");
                assert_eq!(allowed.filter(|allowed| *allowed == "*"), None, "{answer:?}");
            }
        })
    });
    let two = case("two Origins", |ground| {
        let fields =
            [("Origin", "http://localhost"), ("Origin", "http://evil.example"), ("Connection", "close")];
        let request = format!("{}\r\n", wire::head("GET", "/servers", &fields));
        let answer = Wire::open(&ground.url("servers")).unwrap().exchange(request.as_bytes()).unwrap();
        assert_eq!(answer.status, 403, "{answer:?}");
    });
    hosts.into_iter().chain(origins).chain([two]).collect()
}

const HOSTS: [&str; 11] = [
    "evil.example",
    "127.0.0.1.evil.example",
    "127.0.0.1.nip.io",
    "localhost.evil.example",
    "localhost@evil.example",
    "evil.example#localhost",
    "localhost:evil",
    "localhost:99999",
    "[::1",
    "2130706433",
    "",
];

const ORIGINS: [&str; 10] = [
    "null",
    "http://evil.example",
    "http://localhost.evil.example",
    "http://localhost@evil.example",
    "http://192.168.0.7",
    "http://2130706433",
    "http://[::ffff:10.0.0.1]",
    "file://",
    "localhost",
    "chrome-extension://evil",
];
