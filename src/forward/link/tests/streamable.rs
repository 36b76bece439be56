use super::rig::{Asked, Came, DEADLINE, Opened, Out, Site, eventually, threads_of};
use crate::forward::link::Flavour;
use crate::limits::Limits;
use crate::log::request::{RequestId, within};
use crate::server::InputError;
use crossbeam_channel::unbounded;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};

fn request(id: i64, method: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method})
}

fn notice(method: &str) -> Value {
    json!({"jsonrpc": "2.0", "method": method})
}

fn result(asked: &Asked) -> Value {
    json!({"jsonrpc": "2.0", "id": asked.body["id"], "result": {"of": asked.body["method"]}})
}

/// Opens a session as a server does; false for whatever else is asked.
fn opens_session(asked: &Asked, out: &mut Out) -> bool {
    let answer =
        json!({"jsonrpc": "2.0", "id": asked.body["id"], "result": {"protocolVersion": "2025-06-18"}});
    let headers = "Content-Type: application/json\r\nMcp-Session-Id: s-1\r\n";
    match asked.what().as_str() {
        "POST initialize" => out.answer(200, headers, &answer.to_string()),
        "POST notifications/initialized" => out.empty(202),
        "DELETE" => out.empty(200),
        _ => return false,
    }
    true
}

/// A server with a session and no GET stream.
fn site(script: impl Fn(&Asked, &mut Out) + Send + Sync + 'static) -> Site {
    Site::new(move |asked, out| {
        if opens_session(asked, out) {
        } else if asked.method == "GET" && asked.header("last-event-id").is_none() {
            out.empty(405);
        } else {
            script(asked, out);
        }
    })
}

/// A link whose session is open.
fn greeted(name: &str, site: &Site) -> Opened {
    greeted_with(name, site, Limits::default())
}

fn greeted_with(name: &str, site: &Site, limits: Limits) -> Opened {
    let link = Opened::with(name, &site.url("/mcp"), Flavour::Streamable, limits);
    link.send(&request(0, "initialize"));
    assert_eq!(link.line()["result"]["protocolVersion"], "2025-06-18");
    link.send(&notice("notifications/initialized"));
    link
}

#[test]
fn a_request_has_the_id_of_its_client_s_and_one_of_our_own_has_none() {
    let site = site(|asked, out| out.json(200, &result(asked)));
    let link = greeted("who-asks", &site);
    for (number, id) in [(1, Some("mine")), (2, None)] {
        let _scope = within(id.map(|id| RequestId::of(Some(id.as_bytes()))));
        link.send(&request(number, "tools/list"));
        link.line();
        // The link's GET may come at any time.
        let asked = site.asked().into_iter().rfind(|asked| asked.what() == "POST tools/list").unwrap();
        assert_eq!(asked.header("x-request-id"), id);
    }
}

#[test]
fn everything_waits_for_the_answer_to_initialize() {
    let (open, gate) = unbounded::<()>();
    let site = Site::new(move |asked, out| {
        if asked.what() == "POST initialize" {
            let _ = gate.recv_timeout(DEADLINE);
        }
        if !opens_session(asked, out) {
            out.json(200, &result(asked));
        }
    });
    let link = Opened::new("order", &site.url("/mcp"), Flavour::Streamable);
    for message in [request(0, "initialize"), notice("notifications/initialized"), request(1, "tools/list")] {
        link.send(&message);
    }
    site.wait_for("POST initialize");
    link.nothing_came();
    assert_eq!(site.whats(), ["POST initialize"]);
    open.send(()).unwrap();
    assert_eq!(link.line()["id"], 0);
    assert_eq!(link.line()["result"]["of"], "tools/list");
    let first = site.wait_for("POST initialize");
    assert_eq!((first.header("mcp-session-id"), first.header("mcp-protocol-version")), (None, None));
    assert_eq!(first.header("accept"), Some("application/json, text/event-stream"));
    for what in ["POST notifications/initialized", "POST tools/list", "GET"] {
        let asked = site.wait_for(what);
        assert_eq!(asked.header("mcp-session-id"), Some("s-1"), "{what}");
        assert_eq!(asked.header("mcp-protocol-version"), Some("2025-06-18"), "{what}");
        assert_eq!(asked.header("authorization"), Some("Bearer s3"), "{what}");
    }
    let whats = site.whats();
    let at = |what: &str| whats.iter().position(|it| it == what);
    assert!(at("POST notifications/initialized") < at("POST tools/list"), "{whats:?}");
    link.close();
}

#[test]
fn answers_come_in_every_shape() {
    let site = site(|asked, out| {
        let pretty = serde_json::to_string_pretty(&result(asked)).unwrap();
        match asked.body["method"].as_str() {
            Some("pretty") => out.answer(200, "Content-Type: application/json; charset=utf-8\r\n", &pretty),
            Some("array") => out.json(200, &json!([notice("first"), result(asked)])),
            Some("bytes") => {
                out.events();
                let text = format!(
                    ": hello\r\nid: 1\r\nevent: message\r\ndata: {}\r\n\r\n",
                    pretty.replace('\n', "\r\ndata: ")
                );
                text.chars().for_each(|char| out.chunk(&char.to_string()));
                out.end();
            }
            _ => out.json(
                200,
                &json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32600, "message": "odd"}}),
            ),
        }
    });
    let link = greeted("shapes", &site);
    for (id, method) in [(1, "pretty"), (2, "bytes")] {
        link.send(&request(id, method));
        assert_eq!(link.line(), json!({"jsonrpc": "2.0", "id": id, "result": {"of": method}}));
    }
    link.send(&request(3, "array"));
    assert_eq!((link.line()["method"].as_str(), link.line()["id"].as_i64()), (Some("first"), Some(3)));
    link.send(&request(4, "without an id"));
    assert_eq!(link.error(4), "odd");
    link.close();
}

#[test]
fn each_event_is_passed_on_at_once() {
    let (open, gate) = unbounded::<()>();
    let site = site(move |asked, out| {
        out.events();
        out.chunk("id: 1\ndata: \n\n");
        out.event(&notice("notifications/progress"));
        let _ = gate.recv_timeout(DEADLINE);
        out.event(&result(asked));
        out.end();
    });
    let link = greeted("at-once", &site);
    link.send(&request(1, "tools/call"));
    assert_eq!(link.line()["method"], "notifications/progress");
    link.nothing_came();
    open.send(()).unwrap();
    assert_eq!(link.line()["id"], 1);
    link.close();
}

#[test]
fn a_stream_that_is_left_open_holds_no_place() {
    let (tell, closed) = unbounded();
    let site = site(move |asked, out| {
        out.events();
        out.event(&result(asked));
        out.wait_closed();
        tell.send(()).unwrap();
    });
    let link = greeted_with("left-open", &site, Limits { max_calls: 1, ..Limits::default() });
    link.send(&request(1, "tools/call"));
    assert_eq!(link.line()["id"], 1);
    link.send(&request(2, "tools/call"));
    assert_eq!(link.line()["id"], 2);
    for _ in 0..2 {
        assert_eq!(closed.recv_timeout(DEADLINE), Ok(()));
    }
    link.close();
}

#[test]
fn a_connection_is_used_again_after_a_stream() {
    let site = site(|asked, out| {
        out.events();
        out.event(&result(asked));
        out.end();
    });
    let link = greeted("again", &site);
    for id in 1..=5 {
        link.send(&request(id, "x"));
        assert_eq!(link.line()["id"], id);
        eventually(DEADLINE, "it is idle", || threads_of("again") <= 1);
    }
    assert!(site.connections() <= 3, "{} connections", site.connections());
    link.close();
}

#[test]
fn errors_become_answers() {
    let own =
        |id: &Value| json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32601, "message": "no such"}});
    let site = site(move |asked, out| match asked.body["method"].as_str() {
        Some("text") => out.answer(500, "Content-Type: text/plain\r\n", "it broke\n"),
        Some("own") => out.json(400, &own(&asked.body["id"])),
        Some("nobody's") => out.json(400, &own(&Value::Null)),
        Some("garbage") => out.answer(200, "Content-Type: text/html\r\n", "<html>"),
        Some("taken") => out.empty(202),
        Some("moved") => out.answer(308, "Location: /mcp/?key=s3\r\n", ""),
        Some("broken") => {
            out.events();
            out.event(&notice("n"));
            out.hang_up();
        }
        _ => out.hang_up(),
    });
    let link = greeted("errors", &site);
    let mut next = 0;
    let mut fails = |method: &str| {
        next += 1;
        link.send(&request(next, method));
        if method == "broken" {
            assert_eq!(link.line()["method"], "n");
        }
        link.error(next)
    };
    assert_eq!(fails("text"), "server errors answered HTTP 500: it broke");
    assert_eq!(fails("own"), "no such");
    assert_eq!(fails("nobody's"), "no such");
    assert_eq!(fails("garbage"), "server errors did not answer with a JSON-RPC message");
    assert_eq!(fails("taken"), "server errors took the request and gave no answer");
    assert_eq!(
        fails("moved"),
        "server errors answered HTTP 308 (it has moved to /mcp/: put that into its `url`)"
    );
    let broken = fails("broken");
    assert!(broken.starts_with("server errors broke off its answer"), "{broken}");
    let cut = fails("hang up");
    assert!(cut.starts_with("server errors did not answer: "), "{cut}");
    link.close();
}

#[test]
fn a_server_that_is_not_there_fails_the_request() {
    // Bound, so that nobody else gets the port, and not listened on.
    let socket =
        rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::STREAM, None).unwrap();
    let here = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    rustix::net::bind(&socket, &here).unwrap();
    let address: std::net::SocketAddr = rustix::net::getsockname(&socket).unwrap().try_into().unwrap();
    let url = format!("http://{address}/mcp");
    let link = Opened::new("nowhere", &url, Flavour::Streamable);
    link.send(&request(0, "initialize"));
    assert!(link.error(0).starts_with("server nowhere did not answer: "));
    link.close();
}

/// A server whose session is called after how often it was begun, and which forgets it when it is told to.
fn forgetful() -> Site {
    let (begun, known) = (AtomicUsize::new(0), AtomicUsize::new(0));
    Site::new(move |asked, out| {
        let name = |number: usize| format!("s-{number}");
        let is_known = asked.header("mcp-session-id") == Some(&name(known.load(Ordering::SeqCst)));
        match asked.what().as_str() {
            "POST initialize" => {
                let number = begun.fetch_add(1, Ordering::SeqCst) + 1;
                known.store(number, Ordering::SeqCst);
                let answer = json!({"jsonrpc": "2.0", "id": asked.body["id"], "result": {"protocolVersion": "2025-06-18"}});
                let headers =
                    format!("Content-Type: application/json\r\nMcp-Session-Id: {}\r\n", name(number));
                out.answer(200, &headers, &answer.to_string());
            }
            "GET" => out.empty(405),
            _ if !is_known => out.empty(404),
            "POST forget" => {
                known.store(0, Ordering::SeqCst);
                out.json(200, &result(asked));
            }
            _ if asked.body.get("id").is_none() => out.empty(202),
            _ => out.json(200, &result(asked)),
        }
    })
}

#[test]
fn a_forgotten_session_is_begun_anew_once_and_requests_are_repeated() {
    let site = forgetful();
    let link = greeted("anew", &site);
    let mut level = request(1, "logging/setLevel");
    level["params"] = json!({"level": "info"});
    for message in [level, request(2, "forget")] {
        link.send(&message);
        assert!(link.line()["result"].is_object());
    }
    for round in 1..=2 {
        // An id is never used twice on a link.
        let asked: Vec<i64> = (100 * round..100 * round + 20).collect();
        asked.iter().for_each(|id| link.send(&request(*id, "x")));
        let mut ids: Vec<i64> = (0..20)
            .map(|_| {
                let line = link.line();
                assert_eq!(line["result"]["of"], "x", "{line}");
                line["id"].as_i64().unwrap()
            })
            .collect();
        ids.sort_unstable();
        assert_eq!(ids, asked, "round {round}");
    }
    let count = |what: &str| site.whats().iter().filter(|it| *it == what).count();
    assert_eq!((count("POST initialize"), count("POST logging/setLevel")), (2, 2));
    link.close();
}

#[test]
fn a_session_that_cannot_be_begun_anew_ends_the_link_once() {
    let greetings = AtomicUsize::new(0);
    let site = Site::new(move |asked, out| {
        let is_second = asked.what() == "POST initialize" && greetings.fetch_add(1, Ordering::SeqCst) > 0;
        if is_second || !opens_session(asked, out) {
            out.empty(if is_second { 500 } else { 404 });
        }
    });
    let link = greeted("forgotten", &site);
    for id in 1..=3 {
        // The link may be over before the last is sent.
        let _ = link.outlet.send(format!("{}\n", request(id, "x")).into_bytes());
    }
    let why = "the session was forgotten, and to a new greeting the server answered HTTP 500";
    assert_eq!(link.came(), Came::Ended(why.into()));
    assert_eq!(link.outlet.send(b"{}\n".to_vec()), Err(InputError::Closed));
    link.threads_end();
    link.nothing_came();
    assert!(!site.whats().contains(&"DELETE".to_string()), "there is nothing to end");
}

#[test]
fn what_the_server_says_unasked_comes_and_its_stream_is_opened_again() {
    let opened = AtomicUsize::new(0);
    let site = Site::new(move |asked, out| {
        if opens_session(asked, out) {
            return;
        }
        match opened.fetch_add(1, Ordering::SeqCst) {
            0 => {
                out.events();
                out.chunk(
                    "retry: 10\nid: a-1\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"one\"}\n\ndata: {\"half",
                );
                out.end();
            }
            1 => {
                out.events();
                out.chunk("id: a-2\ndata: {\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"two\"}\n\n");
                out.hang_up();
            }
            2 => out.empty(503),
            _ => out.empty(405),
        }
    });
    let link = greeted("listen", &site);
    assert_eq!((link.line()["method"].as_str(), link.line()["id"].as_i64()), (Some("one"), Some(5)));
    let ids = |nth| site.wait_for_nth("GET", nth).header("last-event-id").map(str::to_string);
    assert_eq!([ids(0), ids(1), ids(2), ids(3)].map(Option::unwrap_or_default), ["", "a-1", "a-2", "a-2"]);
    eventually(DEADLINE, "it is not asked for again", || threads_of("listen") <= 1);
    link.nothing_came();
    assert_eq!(site.whats().iter().filter(|what| *what == "GET").count(), 4);
    link.close();
}

#[test]
fn an_answer_that_breaks_off_is_gone_on_with() {
    let site = site(|asked, out| match asked.header("last-event-id") {
        None => {
            out.events();
            out.chunk("id: p-0\nretry: 10\ndata: \n\n");
            out.end();
        }
        Some("p-0") => {
            out.events();
            out.chunk("id: p-1\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"n\"}\n\n");
            out.hang_up();
        }
        Some(_) => {
            out.events();
            out.event(&json!({"jsonrpc": "2.0", "id": 1, "result": {}}));
            out.end();
        }
    });
    let link = greeted("resume", &site);
    link.send(&request(1, "slow"));
    assert_eq!((link.line()["method"].as_str(), link.line()["id"].as_i64()), (Some("n"), Some(1)));
    let asked =
        site.asked().into_iter().filter_map(|asked| asked.header("last-event-id").map(str::to_string));
    assert_eq!(asked.collect::<Vec<_>>(), ["p-0", "p-1"]);
    link.close();
}

#[test]
fn an_answer_that_cannot_be_gone_on_with_fails() {
    let site = site(|asked, out| match asked.method.as_str() {
        "GET" => out.empty(405),
        _ => {
            out.events();
            out.chunk("id: p-0\nretry: 10\ndata: \n\n");
            out.end();
        }
    });
    let link = greeted("no-resume", &site);
    link.send(&request(1, "slow"));
    assert!(link.error(1).ends_with("asked for the rest, it answered HTTP 405"));
    link.close();
}

#[test]
fn a_cancelled_request_is_told_of_and_left() {
    let (tell, closed) = unbounded();
    let site = site(move |asked, out| match asked.what().as_str() {
        "POST notifications/cancelled" => out.empty(202),
        _ => {
            out.events();
            out.wait_closed();
            tell.send(()).unwrap();
        }
    });
    let link = greeted("cancel", &site);
    link.send(&request(1, "slow"));
    site.wait_for("POST slow");
    link.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}));
    assert_eq!(closed.recv_timeout(DEADLINE), Ok(()));
    site.wait_for("POST notifications/cancelled");
    link.nothing_came();
    link.close();
}

#[test]
fn closing_ends_the_session_and_every_wait() {
    let site = Site::new(|asked, out| {
        if !opens_session(asked, out) {
            // A request gets no head, another half a stream, the GET stream stays silent.
            if asked.what() != "POST silent" {
                out.events();
                out.chunk("id: 1\ndata: \n\n");
            }
            out.wait_closed();
        }
    });
    let link = greeted("closing", &site);
    link.send(&request(1, "silent"));
    link.send(&request(2, "half"));
    for what in ["POST silent", "POST half", "GET"] {
        site.wait_for(what);
    }
    assert!(
        cfg!(not(target_os = "linux")) || threads_of("closing") == 4,
        "one for messages, three that read"
    );
    let outlet = std::sync::Arc::clone(&link.outlet);
    link.close();
    assert_eq!(site.wait_for("DELETE").header("mcp-session-id"), Some("s-1"));
    assert_eq!(outlet.send(b"{}\n".to_vec()), Err(InputError::Closed));
}

#[test]
fn closing_does_not_wait_for_initialize() {
    let site = Site::new(|_, out| out.wait_closed());
    let link = Opened::new("closing-0", &site.url("/mcp"), Flavour::Streamable);
    link.send(&request(0, "initialize"));
    link.send(&request(1, "x"));
    site.wait_for("POST initialize");
    link.close();
    assert_eq!(site.whats(), ["POST initialize"], "there is no session to end");
}

#[test]
fn requests_in_flight_and_bytes_in_the_queue_are_bounded() {
    let site = site(|_, out| out.wait_closed());
    let limits = Limits { max_calls: 2, stdin_queue_bytes: 1000, ..Limits::default() };
    let link = greeted_with("bounds", &site, limits);
    link.send(&request(1, "x"));
    link.send(&request(2, "x"));
    assert_eq!(link.outlet.send(request(3, "x").to_string().into_bytes()), Err(InputError::Full));
    let long = notice(&"x".repeat(300)).to_string().into_bytes();
    let taken = (0..100).take_while(|_| link.outlet.send(long.clone()).is_ok()).count();
    assert!((2..=4).contains(&taken), "{taken}: the server takes none, one is on its way, 1000 bytes wait");
    link.close();
}

#[test]
fn messages_over_the_limit_are_passed_over() {
    let site = site(|asked, out| {
        let long = json!({"result": {"text": "x".repeat(5000)}, "jsonrpc": "2.0", "id": asked.body["id"]});
        match asked.body["method"].as_str() {
            Some("json") => out.json(200, &long),
            _ => {
                out.events();
                out.event(&long);
                out.event(&notice("behind it"));
                out.end();
            }
        }
    });
    let link = greeted_with("oversize", &site, Limits { max_message_bytes: 1000, ..Limits::default() });
    link.send(&request(1, "json"));
    let came = link.came();
    assert!(matches!(&came, Came::Oversize(Some(id), false, 5000..) if id == "1"), "{came:?}");
    link.send(&request(2, "events"));
    let came = link.came();
    assert!(matches!(&came, Came::Oversize(Some(id), false, 5000..) if id == "2"), "{came:?}");
    assert_eq!(link.line()["method"], "behind it");
    link.nothing_came();
    link.close();
}
