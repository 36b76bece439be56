//! Every route, method and credential against the tables written here.

use super::*;
use std::sync::atomic::{AtomicU32, Ordering};

/// By the columns of [`METHODS`].
type Statuses = [u16; 6];

const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "DELETE", "BREW"];

const UNKNOWN: Statuses = [401; 6];
const FOREIGN: Statuses = [403; 6];
const NOTHING: Statuses = [404; 6];
/// What is read by GET.
const READ: Statuses = [200, 200, 405, 405, 405, 405];
/// A WebSocket, which nobody asks for here.
const SOCKET: Statuses = [426, 426, 405, 405, 405, 405];
/// A command; another credential than the control secret does not open it.
const COMMAND: Statuses = [405, 405, 202, 405, 405, 405];
/// What is called by POST.
const CALLED: Statuses = [405, 405, 200, 405, 405, 405];
/// Who signs in is asked there, and no credential changes that. What comes without `Origin` is no page of ours.
const SIGN_IN: Statuses = [200, 200, 403, 405, 405, 405];
/// Back to the page, which asks again.
const SIGN_OUT: Statuses = [405, 405, 303, 405, 405, 405];
/// A bridge: GET opens a stream of 2024-11-05; a ping needs a session, and so does its end.
const BRIDGE: Statuses = [200, 400, 400, 405, 400, 405];
const OLD_STREAM: Statuses = [200, 405, 405, 405, 405, 405];
const OLD_MESSAGES: Statuses = [405, 405, 404, 405, 405, 405];
/// An HTTP server answers what it likes where it echoes.
const ECHO: Statuses = [200; 6];

/// A row: where, and what comes of it without a credential, with a wrong one, an expired one, one for other servers,
/// one for all, and the control secret.
type Row = (&'static str, [Statuses; 6]);

/// Where a credential is asked for.
const CLOSED: [Row; 35] = [
    ("/", [UNKNOWN, UNKNOWN, UNKNOWN, FOREIGN, READ, READ]),
    ("/health", [READ, UNKNOWN, UNKNOWN, READ, READ, READ]),
    ("/health/ws", [UNKNOWN, UNKNOWN, UNKNOWN, FOREIGN, SOCKET, SOCKET]),
    ("/ready", [READ, UNKNOWN, UNKNOWN, READ, READ, READ]),
    ("/metrics", [UNKNOWN, UNKNOWN, UNKNOWN, FOREIGN, READ, READ]),
    ("/servers", [UNKNOWN, UNKNOWN, UNKNOWN, FOREIGN, READ, READ]),
    ("/api/servers", [UNKNOWN, UNKNOWN, UNKNOWN, FOREIGN, READ, READ]),
    ("/api/servers/a/start", [UNKNOWN, UNKNOWN, UNKNOWN, FOREIGN, FOREIGN, COMMAND]),
    (
        "/api/servers/none/start",
        [UNKNOWN, UNKNOWN, UNKNOWN, FOREIGN, FOREIGN, [405, 405, 404, 405, 405, 405]],
    ),
    ("/api/reload", [UNKNOWN, UNKNOWN, UNKNOWN, FOREIGN, FOREIGN, [405, 405, 200, 405, 405, 405]]),
    ("/api/login", [UNKNOWN, UNKNOWN, UNKNOWN, FOREIGN, FOREIGN, [405, 405, 200, 405, 405, 405]]),
    ("/login", [SIGN_IN; 6]),
    ("/logout", [UNKNOWN, UNKNOWN, UNKNOWN, SIGN_OUT, SIGN_OUT, SIGN_OUT]),
    ("/api/nothing", [UNKNOWN, UNKNOWN, UNKNOWN, NOTHING, NOTHING, NOTHING]),
    ("/api/a/tools", [UNKNOWN, UNKNOWN, UNKNOWN, FOREIGN, READ, READ]),
    ("/api/a/tools/echo", [UNKNOWN, UNKNOWN, UNKNOWN, FOREIGN, CALLED, CALLED]),
    ("/api/b/tools/echo", [UNKNOWN, UNKNOWN, UNKNOWN, FOREIGN, CALLED, CALLED]),
    ("/api/a/resources?uri=test://one", [UNKNOWN, UNKNOWN, UNKNOWN, FOREIGN, READ, READ]),
    ("/api/a/prompts/hello", [UNKNOWN, UNKNOWN, UNKNOWN, FOREIGN, CALLED, CALLED]),
    (
        "/api/none/tools",
        [UNKNOWN, UNKNOWN, UNKNOWN, FOREIGN, [404, 404, 405, 405, 405, 405], [404, 404, 405, 405, 405, 405]],
    ),
    // Each sees what is theirs in it.
    ("/api/openapi.json", [UNKNOWN, UNKNOWN, UNKNOWN, READ, READ, READ]),
    ("//", [UNKNOWN, UNKNOWN, UNKNOWN, NOTHING, NOTHING, NOTHING]),
    ("/mcp", [UNKNOWN, UNKNOWN, UNKNOWN, NOTHING, NOTHING, NOTHING]),
    ("/none", [UNKNOWN, UNKNOWN, UNKNOWN, FOREIGN, NOTHING, NOTHING]),
    ("/.well-known/oauth-protected-resource/a", [NOTHING; 6]),
    ("/a/.well-known/openid-configuration", [NOTHING; 6]),
    ("/a", [UNKNOWN, UNKNOWN, UNKNOWN, FOREIGN, BRIDGE, BRIDGE]),
    ("/a/mcp", [UNKNOWN, UNKNOWN, UNKNOWN, FOREIGN, BRIDGE, BRIDGE]),
    ("/a/health", [UNKNOWN, UNKNOWN, UNKNOWN, FOREIGN, READ, READ]),
    ("/a/logs", [UNKNOWN, UNKNOWN, UNKNOWN, FOREIGN, READ, READ]),
    ("/a/sse", [UNKNOWN, UNKNOWN, UNKNOWN, FOREIGN, OLD_STREAM, OLD_STREAM]),
    ("/a/messages", [UNKNOWN, UNKNOWN, UNKNOWN, FOREIGN, OLD_MESSAGES, OLD_MESSAGES]),
    ("/a/other", [UNKNOWN, UNKNOWN, UNKNOWN, FOREIGN, NOTHING, NOTHING]),
    ("/b/health", [UNKNOWN, UNKNOWN, UNKNOWN, FOREIGN, READ, READ]),
    ("/b/echo", [UNKNOWN, UNKNOWN, UNKNOWN, FOREIGN, ECHO, ECHO]),
];

/// The port of the bridge of `a`.
const CLOSED_DOOR: [Row; 8] = [
    ("/", [UNKNOWN, UNKNOWN, UNKNOWN, FOREIGN, BRIDGE, BRIDGE]),
    ("/mcp", [UNKNOWN, UNKNOWN, UNKNOWN, FOREIGN, BRIDGE, BRIDGE]),
    ("/health", [UNKNOWN, UNKNOWN, UNKNOWN, FOREIGN, READ, READ]),
    ("/logs", [UNKNOWN, UNKNOWN, UNKNOWN, FOREIGN, READ, READ]),
    ("/messages", [UNKNOWN, UNKNOWN, UNKNOWN, FOREIGN, OLD_MESSAGES, OLD_MESSAGES]),
    ("/api/reload", [UNKNOWN, UNKNOWN, UNKNOWN, FOREIGN, NOTHING, NOTHING]),
    ("/api/a/tools", [UNKNOWN, UNKNOWN, UNKNOWN, FOREIGN, NOTHING, NOTHING]),
    ("/.well-known/oauth-protected-resource", [NOTHING; 6]),
];

/// Where nobody is asked, credentials mean nothing but for commands.
const OPEN: [Row; 19] = [
    ("/", [READ; 6]),
    ("/health", [READ; 6]),
    ("/health/ws", [SOCKET; 6]),
    ("/ready", [READ; 6]),
    ("/metrics", [READ; 6]),
    ("/servers", [READ; 6]),
    ("/api/servers/a/start", [UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, COMMAND]),
    ("/api/reload", [UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, [405, 405, 200, 405, 405, 405]]),
    ("/api/login", [UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, [405, 405, 200, 405, 405, 405]]),
    ("/login", [SIGN_IN; 6]),
    ("/logout", [SIGN_OUT; 6]),
    ("/mcp", [NOTHING; 6]),
    ("/api/a/tools", [READ; 6]),
    ("/api/a/tools/echo", [CALLED; 6]),
    ("/api/openapi.json", [READ; 6]),
    ("/none", [NOTHING; 6]),
    ("/a", [BRIDGE; 6]),
    ("/a/logs", [READ; 6]),
    ("/b/echo", [ECHO; 6]),
];

/// Where tokens are issued, no credential changes anything.
const ISSUING: [(&str, Statuses); 7] = [
    ("/.well-known/oauth-protected-resource/a", READ),
    ("/.well-known/oauth-authorization-server", READ),
    ("/a/.well-known/openid-configuration", [404, 404, 405, 405, 405, 405]),
    ("/authorize", [400, 400, 400, 405, 405, 405]),
    ("/register", [405, 405, 400, 405, 405, 405]),
    ("/token", [405, 405, 401, 405, 405, 405]),
    ("/token/revoke", [405, 405, 401, 405, 405, 405]),
];

fn site(config: &str) -> Site {
    Site::new().fake("a", Fake::stdio()).fake("b", Fake::http()).config(config)
}

/// The credentials of a row.
fn credentials(proxy: &Proxy, tokens: [String; 3]) -> [String; 6] {
    let [expired, foreign, right] = tokens.map(|token| bearer(&token));
    [String::new(), bearer("mcp_wrong"), expired, foreign, right, proxy.operator()]
}

fn tokens(site: &Site) -> [String; 3] {
    let expired = site.token(&["--name", "expired", "--expires", "0s"]);
    let foreign = site.token(&["--name", "foreign", "--servers", "elsewhere,aa,A"]);
    [expired, foreign, site.token(&["--name", "right"])]
}

/// Each request from an address of its own: wrong tokens would lock one out.
fn answer(to: SocketAddr, method: &str, path: &str, credential: &str) -> Response {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let address = Ipv4Addr::from_bits(0x7f01_0001 + COUNT.fetch_add(1, Ordering::Relaxed));
    let mut connection = from(address, to);
    let mut headers = MCP.to_vec();
    headers.push(("Connection", "close"));
    if !credential.is_empty() {
        headers.push(("Authorization", credential));
    }
    let body = if matches!(method, "GET" | "HEAD") { &b""[..] } else { PING };
    connection.send(method, &format!("http://{to}{path}"), &headers, body);
    connection.head()
}

#[track_caller]
fn assert_table(to: SocketAddr, table: &[Row], credentials: &[String; 6], mode: &str) {
    let mut wrong = Vec::new();
    for (path, row) in table {
        for (who, statuses) in row.iter().enumerate() {
            for (method, status) in METHODS.iter().zip(statuses) {
                let answer = answer(to, method, path, &credentials[who]);
                if answer.status != *status {
                    wrong.push(format!(
                        "{mode}: {method} {path} with credential {who}: {}, not {status}",
                        answer.status
                    ));
                }
                let is_refused = matches!(answer.status, 401 | 403) && *path != "/login";
                assert_eq!(answer.header("www-authenticate").is_some(), is_refused, "{method} {path}");
            }
            for (method, status) in [("OPTIONS", 204), ("TRACE", 405)] {
                assert_eq!(answer(to, method, path, &credentials[who]).status, status, "{method} {path}");
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn with_a_token_everything_asks_for_one() {
    for config in ["", "[auth]\nmode = \"token\"\n"] {
        let site = site(config);
        let tokens = tokens(&site);
        let proxy = site.start();
        ["a", "b"].iter().for_each(|name| drop(proxy.wait_ready(name)));
        let credentials = credentials(&proxy, tokens);
        assert_table(proxy.address(), &CLOSED, &credentials, config);
        let port = u16::try_from(proxy.server("a")["port"].as_u64().unwrap()).unwrap();
        assert_table(SocketAddr::from(([127, 0, 0, 1], port)), &CLOSED_DOOR, &credentials, "door");
    }
}

#[test]
fn who_issues_tokens_asks_for_them_everywhere_else() {
    let site = site("[auth]\nmode = \"oauth\"\n");
    let tokens = tokens(&site);
    let proxy = site.start();
    ["a", "b"].iter().for_each(|name| drop(proxy.wait_ready(name)));
    let credentials = credentials(&proxy, tokens);
    let rest: Vec<Row> = CLOSED.into_iter().filter(|(path, _)| !path.contains(".well-known")).collect();
    assert_table(proxy.address(), &rest, &credentials, "oauth");
    let door = SocketAddr::from(([127, 0, 0, 1], proxy.server("a")["port"].as_u64().unwrap() as u16));
    assert_table(door, &CLOSED_DOOR, &credentials, "door with oauth");
    for (path, statuses) in ISSUING {
        for credential in &credentials {
            let answers = METHODS.map(|method| answer(proxy.address(), method, path, credential).status);
            assert_eq!(answers, statuses, "{path} with {credential:.12}");
        }
    }
}

#[test]
fn without_a_token_this_machine_is_not_asked() {
    let none = site("[auth]\nmode = \"none\"\n");
    let given = tokens(&none);
    for (site, tokens) in [(none, given), (site(""), ["x", "y", "z"].map(String::from))] {
        let proxy = site.start();
        ["a", "b"].iter().for_each(|name| drop(proxy.wait_ready(name)));
        let credentials = credentials(&proxy, tokens);
        assert_table(proxy.address(), &OPEN, &credentials, "open");
    }
}

/// What stands in `WWW-Authenticate` (RFC 6750, section 3), and what a refusal says.
#[test]
fn a_refusal_says_what_to_bring() {
    let site = site("");
    let tokens = tokens(&site);
    let proxy = site.start();
    let [_, wrong, expired, foreign, right, _] = credentials(&proxy, tokens);
    for (credential, challenge, text) in [
        ("", "Bearer", "mcp-proxy token new"),
        ("Basic abc", "Bearer", "mcp-proxy token new"),
        (&wrong, "Bearer error=\"invalid_token\"", "none of ours"),
        (&expired, "Bearer error=\"invalid_token\"", "has expired"),
        (&foreign, "Bearer error=\"insufficient_scope\"", "not for that"),
    ] {
        let answer =
            request("POST", &proxy.url("a"), &[&MCP[..], &[("Authorization", credential)]].concat(), PING);
        assert_eq!(answer.header("www-authenticate"), Some(challenge), "{credential}");
        assert!(answer.json()["error"].as_str().unwrap().contains(text), "{answer:?}");
    }
    let command = request("POST", &proxy.url("api/reload"), &[("Authorization", &right)], b"");
    assert_eq!(command.header("www-authenticate"), Some("Bearer error=\"insufficient_scope\""));
}

/// A stranger who sends a body is not listened to.
#[test]
fn the_refusal_comes_before_the_body() {
    let site = site("");
    site.token(&[]);
    let proxy = site.start();
    for expect in ["", "Expect: 100-continue\r\n"] {
        let mut connection = Connection::open(&proxy.url("a"));
        connection.write(
            format!("POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n{expect}\r\n")
                .as_bytes(),
        );
        assert_eq!(connection.head().status, 401);
    }
}

/// What a stranger learns of the servers: nothing, whether they exist or not.
#[test]
fn a_stranger_learns_no_names() {
    let site = site("");
    let limited = site.token(&["--servers", "a"]);
    let proxy = site.start();
    ["a", "b"].iter().for_each(|name| drop(proxy.wait_ready(name)));
    let ask = |path: &str, headers: &[(&str, &str)]| request("GET", &proxy.url(path), headers, b"");
    let known = ask("a", &[]);
    for path in ["b", "none", "none/mcp", "a/logs", "b/x/y", "mcp", "api", "A", "%61"] {
        let answer = ask(path, &[]);
        assert_eq!((answer.status, &answer.body), (known.status, &known.body), "{path}");
        assert_eq!(answer.header("www-authenticate"), known.header("www-authenticate"));
    }
    for (path, body) in [("health", r#"{"status":"up"}"#), ("ready", r#"{"ready":true}"#)] {
        eventually(DEADLINE, || ask(path, &[]).text().trim_end() == body);
    }
    let theirs = bearer(&limited);
    let theirs = [("Authorization", theirs.as_str())];
    assert!(ask("mcp", &theirs).text().contains("there are: /a\""), "{}", ask("mcp", &theirs).text());
    assert_eq!(ask("b", &theirs).body, ask("none", &theirs).body);
    assert_eq!(ask("health", &theirs).text().trim_end(), r#"{"status":"up"}"#);
    let all = ask("health", &[("Authorization", &proxy.operator())]).json();
    assert_eq!(all["servers"]["b"]["state"], "ready");
}
