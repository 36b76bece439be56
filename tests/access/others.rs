//! A session, a parked call, a stream is its own client's: to the bearer of another token it is unknown.

use super::*;
use serde_json::json;

fn two(config: &str) -> (Proxy, [String; 2]) {
    let site = Site::new()
        .fake("a", Fake::stdio())
        .fake("b", Fake::http())
        .fake("legacy", Fake::stdio().env("FAKE_ERAS", "legacy").toml("stream_after_ms = 0"))
        .config(config);
    let tokens = ["one", "two"].map(|name| site.token(&["--name", name]));
    let proxy = site.start();
    ["a", "b", "legacy"].iter().for_each(|name| drop(proxy.wait_ready(name)));
    (proxy, tokens)
}

#[test]
fn a_session_is_its_own_clients() {
    let (proxy, [one, two]) = two("");
    for name in ["a", "b"] {
        let client = proxy.client_with(name).header("Authorization", &bearer(&one)).connect();
        let mut theirs = client.headers();
        theirs.retain(|(field, _)| *field != "Authorization");
        let credential = bearer(&two);
        theirs.push(("Authorization", &credential));
        let ping = client.message("ping", json!({})).to_string();
        let call = client.call_message("echo", json!({"text": "hi"})).to_string();
        for (method, body) in
            [("POST", ping.as_bytes()), ("POST", call.as_bytes()), ("GET", b""), ("DELETE", b"")]
        {
            let answer = request(method, client.url(), &theirs, body);
            assert_eq!(answer.status, 404, "{name} {method}: {answer:?}");
        }
        assert_eq!(client.text("echo", json!({"text": "still here"})), "still here");
        // Nor is it anybody's who brings nothing, or the operator's.
        theirs.pop();
        assert_eq!(request("POST", client.url(), &theirs, ping.as_bytes()).status, 401, "{name}");
        let operator = proxy.operator();
        theirs.push(("Authorization", &operator));
        assert_eq!(request("POST", client.url(), &theirs, ping.as_bytes()).status, 404, "{name}");
    }
}

#[test]
fn a_revoked_token_leaves_its_session_behind() {
    let (proxy, [one, _]) = two("");
    let client = proxy.client_with("a").header("Authorization", &bearer(&one)).connect();
    assert!(proxy.site.run(&["token", "revoke", "one"]).status.success());
    let ping = client.message("ping", json!({}));
    eventually(DEADLINE, || client.post(&ping).status == 401);
}

#[test]
fn a_parked_call_is_its_own_clients() {
    let (proxy, tokens) = two("");
    let [one, two] = tokens.map(|token| {
        let client = Modern::new(&proxy.url("legacy")).capabilities(json!({"elicitation": {}}));
        client.header("Authorization", &bearer(&token))
    });
    let question = json!({"kind": "elicitation", "text": "who?"});
    let asked = one.call("ask", question.clone());
    assert_eq!(asked["resultType"], "input_required", "{asked}");
    let requests = asked["inputRequests"].as_object().unwrap();
    let answer = json!({"action": "accept", "content": {"name": "Ann"}});
    let answers: serde_json::Map<_, _> = requests.keys().map(|key| (key.clone(), answer.clone())).collect();
    let answers = serde_json::Value::Object(answers);
    let error = two.retry("ask", question.clone(), &asked, answers.clone()).unwrap_err();
    assert_eq!(error["code"], -32602, "{error}");
    assert!(one.retry("ask", question, &asked, answers).is_ok(), "it waits all the same");
}

#[test]
fn an_old_stream_is_its_own_clients() {
    let (proxy, [one, two]) = two("[auth]\ntoken_in_path = true\n");
    for name in ["a", "b"] {
        let client = SseClient::connect(&proxy.url(&format!("t/{one}/{name}/sse")));
        let ping = json!({"jsonrpc": "2.0", "id": 77, "method": "ping"}).to_string();
        let headers = [("Content-Type", "application/json")];
        let post = |url: &str| request("POST", url, &headers, ping.as_bytes()).status;
        assert_eq!(post(&client.endpoint.replace(&one, &two)), 404, "{name}");
        assert_eq!(post(&client.endpoint), 202, "{name}");
    }
}
