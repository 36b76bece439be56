use super::rig::{Asked, Came, DEADLINE, Opened, Out, Site};
use crate::forward::link::Flavour;
use crossbeam_channel::{Receiver, unbounded};
use serde_json::{Value, json};

fn request(id: i64, method: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method})
}

/// A server whose stream says what comes from `say`, and which takes whatever is posted.
fn site(say: Receiver<String>) -> Site {
    Site::new(move |asked, out| stream(asked, out, &say))
}

fn stream(asked: &Asked, out: &mut Out, say: &Receiver<String>) {
    if asked.method == "POST" {
        return match asked.body["method"].as_str() {
            Some("fails") => out.answer(500, "Content-Type: text/plain\r\n", "no"),
            _ => out.answer(202, "Content-Type: text/plain\r\n", "Accepted"),
        };
    }
    out.events();
    for text in say.iter().take_while(|text| !text.is_empty()) {
        out.chunk(&text);
    }
    out.end();
}

#[test]
fn messages_wait_for_the_place_and_answers_come_on_the_stream() {
    let (say, said) = unbounded();
    let site = site(said);
    let link = Opened::new("e-all", &site.url("/prefix/sse"), Flavour::EventStream);
    for (id, method) in [(0, "initialize"), (1, "tools/list"), (2, "fails")] {
        link.send(&request(id, method));
    }
    site.wait_for("GET");
    link.nothing_came();
    assert_eq!(site.whats(), ["GET"]);
    say.send("event: endpoint\ndata: messages?sessionId=7\n\n".into()).unwrap();
    assert_eq!(link.error(2), "server e-all answered HTTP 500: no");
    assert_eq!(site.whats(), ["GET", "POST initialize", "POST tools/list", "POST fails"], "in their order");
    assert_eq!(site.wait_for("POST fails").path, "/prefix/messages?sessionId=7");
    assert_eq!(site.wait_for("GET").header("accept"), Some("text/event-stream"));
    for piece in [
        "event: mess",
        "age\ndata: {\"jsonrpc\":\"2.0\",",
        "\"id\":0,\"result\":{}}\n",
        "\nevent: ping\ndata: {}\n\n",
    ] {
        say.send(piece.into()).unwrap();
    }
    assert_eq!(link.line(), json!({"jsonrpc": "2.0", "id": 0, "result": {}}));
    link.nothing_came();
    say.send(String::new()).unwrap();
    assert_eq!(link.came(), Came::Ended("the server closed the event stream".into()));
    link.threads_end();
    link.close();
}

#[test]
fn a_place_elsewhere_is_refused() {
    let (say, said) = unbounded();
    let site = site(said);
    let link = Opened::new("e-else", &site.url("/sse"), Flavour::EventStream);
    say.send("event: endpoint\ndata: http://192.0.2.1/messages\n\n".into()).unwrap();
    let Came::Ended(why) = link.came() else { panic!() };
    assert!(why.contains("http://192.0.2.1/messages is elsewhere"), "{why}");
    link.threads_end();
    drop(say);
}

#[test]
fn a_server_without_a_stream_ends_the_link() {
    let site = Site::new(|_, out| out.empty(404));
    let link = Opened::new("e-none", &site.url("/sse"), Flavour::EventStream);
    assert_eq!(link.came(), Came::Ended("the server answered HTTP 404".into()));
    link.threads_end();
}

#[test]
fn closing_ends_the_stream() {
    for (name, endpoint) in [("e-close", "event: endpoint\ndata: /m\n\n"), ("e-close-0", ": nothing yet\n\n")]
    {
        let (tell, closed) = unbounded();
        let site = Site::new(move |asked, out| {
            if asked.method == "GET" {
                out.events();
                out.chunk(endpoint);
            }
            out.wait_closed();
            tell.send(()).unwrap();
        });
        let link = Opened::new(name, &site.url("/sse"), Flavour::EventStream);
        link.send(&request(1, "x"));
        site.wait_for(if name == "e-close" { "POST x" } else { "GET" });
        link.close();
        assert_eq!(closed.recv_timeout(DEADLINE), Ok(()));
    }
}
