//! What a server answers, on its way to a client who did not ask for that: fields from nowhere, heads and bodies without
//! end, and text that would end a line where it is shown.

use crate::case::{Case, case};
use crate::ground::Ground;
use crate::imposter;
use crate::wire::{self, Answer, Broken, Wire};

pub(crate) fn cases() -> Vec<Case> {
    let mut all: Vec<Case> = WRONG
        .iter()
        .map(|(path, allowed)| {
            case(format!("server answers {path}"), move |ground| {
                match ask(ground, path, "") {
                    Ok(answer) => assert!(
                        allowed.contains(&answer.status) && !answer.head.to_lowercase().contains("x-evil"),
                        "{answer:?}"
                    ),
                    // A body that breaks off closes the connection.
                    Err(broken) => assert!(allowed.contains(&0), "{broken:?}"),
                }
            })
        })
        .collect();
    all.extend(ENDLESS.map(|path| case(format!("server answers {path}"), move |ground| drink(ground, path))));
    all.extend([
        case("compression bomb to a server", bomb_there),
        case("compression bomb from a server", bomb_back),
        case("server allows all origins", |ground| {
            let answer = ask(ground, "cors", "Origin: http://localhost\r\n").unwrap();
            assert_eq!(wire::field(&answer.head, "access-control-allow-origin"), Some("http://localhost"));
            assert_eq!(wire::field(&answer.head, "access-control-allow-credentials"), None);
        }),
        case("folder with a name of two lines", two_lines),
    ]);
    all
}

/// Paths of the imposter, and the statuses that a client may see; 0: the connection breaks off.
const WRONG: [(&str, &[u16]); 15] = [
    ("bare-cr", &[502]),
    ("bare-lf", &[200, 502]),
    ("nul", &[502]),
    ("folded", &[502]),
    ("two-lengths", &[502]),
    ("length-and-chunked", &[200, 502]),
    ("shorter", &[0, 502]),
    ("longer", &[200]),
    ("broken-chunk", &[0, 502]),
    ("huge-chunk", &[0, 502]),
    ("no-status", &[502]),
    ("status-999", &[502, 999]),
    ("no-http", &[502]),
    ("switch", &[502]),
    ("elsewhere", &[302]),
];

const ENDLESS: [&str; 5] =
    ["endless-head", "endless-field", "endless-continue", "endless-event", "endless-body"];

fn ask(ground: &Ground, path: &str, fields: &str) -> Result<Answer, Broken> {
    let request =
        format!("{}{fields}Connection: close\r\n\r\n", wire::head("GET", &format!("/imposter/{path}"), &[]));
    Wire::open(&ground.url("imposter")).unwrap().exchange(request.as_bytes())
}

/// Whatever comes is taken, and goes through the proxy without staying there.
fn drink(ground: &Ground, path: &str) {
    let request =
        format!("{}Connection: close\r\n\r\n", wire::head("GET", &format!("/imposter/{path}"), &[]));
    let mut wire = Wire::open(&ground.url("imposter")).unwrap();
    wire.send(request.as_bytes()).unwrap();
    assert!(wire.is_closed_within(wire::PATIENCE), "it goes on");
}

fn bomb_there(ground: &Ground) {
    let bomb = imposter::bomb(1 << 20);
    let fields = [("Content-Encoding", "gzip"), ("Connection", "close")];
    let head = format!("{}Content-Length: {}\r\n\r\n", wire::head("POST", "/http/echo", &fields), bomb.len());
    let mut wire = Wire::open(&ground.url("http")).unwrap();
    let answer = wire.exchange(&[head.as_bytes(), &bomb].concat()).unwrap();
    assert!(
        answer.status == 200 && answer.body.contains(r#"["content-encoding","gzip"]"#),
        "{}",
        answer.head
    );
}

fn bomb_back(ground: &Ground) {
    let answer = ask(ground, "bomb", "Accept-Encoding: gzip\r\n").unwrap();
    assert_eq!(wire::field(&answer.head, "content-encoding"), Some("gzip"), "{answer:?}");
    assert_eq!(
        wire::field(&answer.head, "content-length"),
        Some(&*imposter::bomb(1 << 20).len().to_string())
    );
}

/// It is shown in the table, in JSON and in the log, and begins no line there.
fn two_lines(ground: &Ground) {
    ground.proxy.site.write("servers/evil\r\nX-Evil: 1\r\n\r\nevil/README", "");
    let reload = ground.proxy.site.run(&["reload"]);
    assert!(reload.status.success(), "{reload:?}");
    for path in ["/", "/servers", "/health", "/evil"] {
        let request = format!("{}Connection: close\r\n\r\n", wire::head("GET", path, &[]));
        let answer = Wire::open(&ground.url("servers")).unwrap().exchange(request.as_bytes()).unwrap();
        assert!(!answer.head.contains("X-Evil"), "{answer:?}");
        assert!(!answer.body.lines().any(|line| line.starts_with("X-Evil")), "{answer:?}");
    }
    assert!(!ground.proxy.log().iter().any(|line| line.starts_with("X-Evil")));
}
