//! What a server asks its client: a request on the stream in the legacy era, a result that a retry answers in the
//! modern one.

use crate::harness::*;
use crate::rig::*;
use serde_json::json;

#[test]
fn a_question_reaches_the_client_and_its_answer_the_server() {
    let proxy = all();
    each_cell(&proxy, &json!({"elicitation": {}, "sampling": {}}), |_, client| {
        for (kind, method) in [("elicitation", "elicitation/create"), ("sampling", "sampling/createMessage")]
        {
            let answer = client.asked("ask", json!({"kind": kind, "text": "well?"}));
            assert_eq!(answer, answer_to(method), "{kind}");
        }
    });
}

#[test]
fn several_questions_one_after_the_other_and_at_once() {
    let proxy = all();
    each_cell(&proxy, &json!({"elicitation": {}, "sampling": {}}), |_, client| {
        let (name, said) = (answer_to("elicitation/create"), answer_to("sampling/createMessage"));
        assert_eq!(client.asked("ask_twice", json!({})), json!([name, name]));
        assert_eq!(client.asked("ask_many", json!({})), json!({"a": name, "b": said}));
        assert_eq!(client.asked("ask", json!({"kind": "none"})), json!(null), "no question at all");
    });
}

#[test]
fn a_prompt_may_ask_too() {
    let proxy = all();
    each_cell(&proxy, &json!({"elicitation": {}}), |_, client| {
        let prompt = client.converse("prompts/get", json!({"name": "ask"})).unwrap();
        let text = prompt["messages"][0]["content"]["text"].as_str().expect("a text");
        assert_eq!(text, answer_to("elicitation/create").to_string());
    });
}

/// Error -32042 is of 2025-11-25 alone, where the client calls again once the URL has been visited.
#[test]
fn a_url_to_visit_is_an_error_or_a_question() {
    let proxy = all();
    each_cell(&proxy, &json!({"elicitation": {"form": {}, "url": {}}}), |name, client| {
        assert_eq!(client.asked("ask", json!({"kind": "url"})), answer_to("elicitation/create"));
        let arguments = json!({"id": format!("{name}-{}", client.era())});
        let params = json!({"name": "require_url", "arguments": arguments});
        let outcome = client.converse("tools/call", params);
        if client.is_modern() || name.starts_with("modern") {
            assert!(outcome.is_ok(), "{outcome:?}");
            return;
        }
        let error = outcome.unwrap_err();
        assert_eq!(error["code"], -32042);
        assert_eq!(error["data"]["elicitations"][0]["elicitationId"], arguments["id"]);
        assert_eq!(client.text("require_url", arguments), "done");
    });
}

/// Legacy clients insist on an id; modern servers have none to give.
#[test]
fn a_modern_servers_url_has_an_id_for_a_legacy_client() {
    let proxy = only("modern");
    let able = proxy.client_with("modern").capabilities(json!({"elicitation": {"url": {}}})).connect();
    let call = able.stream(&able.call_message("ask", json!({"kind": "url"})));
    let (_, question) = call.next_message();
    assert_eq!(question["params"]["mode"], "url");
    assert!(question["params"]["elicitationId"].is_string(), "{question}");
}

#[test]
fn a_modern_server_may_ask_for_anybodys_roots() {
    let proxy = all();
    for name in ["modern", "modern-http"] {
        for client in Anyone::of_both_eras(&proxy, name, &json!({"roots": {}})) {
            println!("a {} client meets {name}", client.era());
            assert_eq!(client.asked("ask", json!({"kind": "roots"})), answer_to("roots/list"));
        }
    }
}

/// Answers go to a modern server in a call of its own: it never gets a response (2026-07-28, transports, stdio).
#[test]
fn a_modern_child_gets_requests_and_nothing_else() {
    let proxy = only("modern");
    for client in Anyone::of_both_eras(&proxy, "modern", &json!({"elicitation": {}})) {
        client.asked("ask_twice", json!({}));
        let received = received(&client);
        assert!(received.iter().all(|message| message["method"].is_string()), "{received:?}");
        let retries = received.iter().filter(|message| message["params"].get("inputResponses").is_some());
        let ids: Vec<_> = retries.map(|message| message["id"].clone()).collect();
        assert!(ids.len() >= 2 && ids[0] != ids[1], "each retry is a request of its own: {ids:?}");
    }
}

#[test]
fn a_client_that_cannot_be_asked_is_not() {
    let site = ["legacy", "modern", "modern-http"]
        .iter()
        .fold(Site::new(), |site, name| site.fake(name, in_one_piece(name)));
    let proxy = site.start();
    for name in ["modern", "modern-http"] {
        let [legacy, modern] = Anyone::of_both_eras(&proxy, name, &json!({}));
        assert!(legacy.converse("tools/call", json!({"name": "ask"})).is_err());
        let refused = modern.post(&modern.call_message("ask", json!({"kind": "sampling"})));
        let error = &refused.messages()[0]["error"];
        assert_eq!((refused.status, &error["code"]), (400, &json!(-32021)), "{name}");
        assert_eq!(error["data"]["requiredCapabilities"], json!({"sampling": {}}));
    }
    for client in Anyone::of_both_eras(&proxy, "legacy", &json!({})) {
        println!("a {} client meets legacy", client.era());
        let refused = client.json("ask", json!({"kind": "sampling"}));
        assert_eq!(refused["code"], -32603, "what the server was told: {refused}");
    }
}

#[test]
fn a_client_that_cannot_visit_a_url_is_not_sent_there() {
    let site = Site::new().fake("legacy", in_one_piece("legacy"));
    let proxy = site.start();
    let client = Modern::new(&proxy.url("legacy")).capabilities(json!({"elicitation": {}}));
    let refused = client.post(&client.call_message("require_url", json!({})));
    let error = &refused.messages()[0]["error"];
    assert_eq!((refused.status, &error["code"]), (400, &json!(-32021)), "{refused:?}");
    assert_eq!(error["data"]["requiredCapabilities"], json!({"elicitation": {"url": {}}}));
}

/// Nothing says which call of a session a question belongs to: that another one ends is no reason to refuse it.
#[test]
fn a_question_outlives_the_call_whose_stream_carried_it() {
    let own = fake("legacy").toml("instances = \"per-session\"");
    let proxy = Site::new().fake("shared", fake("legacy")).fake("own", own).start();
    for name in ["shared", "own"] {
        println!("{name}");
        let client = proxy.client_with(name).capabilities(json!({"elicitation": {}})).connect();
        let asking = client.stream(&client.call_message("ask_twice", json!({})));
        let (_, first) = asking.next_message();
        let other = client.stream(&client.call_message("progress", json!({"ms": 300})));
        eventually(DEADLINE, || entry(&proxy, name)["in_flight"] == 2);
        client.answer(&first["id"], answer_to("elicitation/create"));
        let (_, second) = other.next_message();
        assert_eq!(second["method"], "elicitation/create", "{second}");
        assert_eq!(text_of(&other.next_message().1["result"]), "done");
        client.answer(&second["id"], answer_to("elicitation/create"));
        let name = answer_to("elicitation/create");
        let said = text_of(&asking.next_message().1["result"]);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&said).unwrap(), json!([name, name]));
    }
}

/// The modern era has no word for it: the question is part of a result.
#[test]
fn a_question_that_is_taken_back_is_not_mentioned_to_a_modern_client() {
    let proxy = only("legacy");
    let client = Modern::new(&proxy.url("legacy")).capabilities(json!({"elicitation": {}}));
    let question = json!({"jsonrpc": "2.0", "id": "q", "method": "elicitation/create", "params": {}});
    let taken_back =
        json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "q"}});
    let params = json!({"name": "raw", "arguments": {"line": format!("{question}\n{taken_back}")}});
    let asked = client.request("tools/call", params.clone()).unwrap();
    assert_eq!(asked["resultType"], "input_required", "{asked}");
    let heard = client.post(&client.message("tools/call", retry_of(&params, &asked))).messages();
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert_eq!(text_of(&heard[0]["result"]), "done");
}
