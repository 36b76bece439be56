//! Servers of 2024-11-05 (`/sse` and `/messages`) serve today's clients, and those of their own time.

use crate::harness::*;
use crate::rig::*;
use serde_json::json;

/// One that the proxy starts, and one that runs elsewhere.
#[track_caller]
fn old() -> (FakeHttp, Proxy) {
    let far = FakeHttp::with(&[("FAKE_TRANSPORT", "sse")]);
    let near = Fake::http().env("FAKE_TRANSPORT", "sse").toml("path = \"/sse\"");
    let site = Site::new().fake("near", near);
    site.write("servers/far/server.toml", &format!("url = {:?}\n", far.url.replace("/mcp", "/sse")));
    (far, site.start())
}

#[test]
fn todays_clients_are_served() {
    let (_far, proxy) = old();
    for name in ["near", "far"] {
        for client in Anyone::of_both_eras(&proxy, name, &json!({"elicitation": {}})) {
            println!("a {} client meets {name}", client.era());
            assert_eq!(client.text("echo", json!({"text": "é"})), "é");
            assert_eq!(client.try_call("nope", json!({})).unwrap_err()["code"], -32602);
            let message = client.progress_message("progress", json!({"steps": 2}), json!(0));
            assert_eq!(client.post(&message).messages().len(), 3);
            assert_eq!(client.asked("ask", json!({})), answer_to("elicitation/create"));
        }
    }
}

#[test]
fn clients_of_their_own_time_are_served() {
    let (_far, proxy) = old();
    for name in ["near", "far"] {
        let client = SseClient::connect(&proxy.url(&format!("{name}/sse")));
        assert_eq!(client.text("echo", json!({"text": "é"})), "é");
    }
}

#[test]
fn what_they_say_unasked_is_heard() {
    let (_far, proxy) = old();
    for name in ["near", "far"] {
        let client = proxy.client(name);
        let stream = client.listen();
        client.request("resources/subscribe", json!({"uri": "test://x"})).unwrap();
        assert_eq!(client.text("touch", json!({"uri": "test://x"})), "sent");
        let is_update = |message: &serde_json::Value| message["method"] == "notifications/resources/updated";
        assert_eq!(stream.wait_message(is_update).1["params"]["uri"], "test://x");
    }
}

#[test]
fn two_clients_are_kept_apart() {
    let (_far, proxy) = old();
    let (one, two) = (proxy.client("near"), proxy.client("near"));
    let calls =
        [&one, &two].map(|it| it.progress_message("progress", json!({"steps": 1, "ms": 50}), json!(0)));
    let streams = [one.stream(&calls[0]), two.stream(&calls[1])];
    for stream in streams {
        assert_eq!(stream.next_message().1["params"]["progressToken"], 0);
        assert_eq!(text_of(&stream.next_message().1["result"]), "done");
        stream.wait_end();
    }
}

/// What a server did not say while it was down is asked again.
#[test]
fn a_server_elsewhere_may_come_up_late() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    for eras in ["modern", "legacy"] {
        println!("{eras}");
        let site = Site::new();
        site.write("servers/far/server.toml", &format!("url = \"http://127.0.0.1:{port}/mcp\"\n"));
        let proxy = site.start();
        let client = Modern::new(&proxy.url("far"));
        assert!(client.try_call("echo", json!({"text": "hi"})).is_err());
        let _far = FakeHttp::with(&[("PORT", &port), ("FAKE_ERAS", eras)]);
        assert_eq!(client.text("echo", json!({"text": "hi"})), "hi");
    }
}
