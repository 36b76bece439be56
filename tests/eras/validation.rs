//! What the proxy owes modern clients as the HTTP server of a child: header fields that say what the body says,
//! statuses, and the id of the request in every refusal (2026-07-28, transports, Streamable HTTP).

use crate::harness::*;
use crate::rig::*;
use serde_json::{Value, json};

const CHILDREN: [&str; 2] = ["legacy", "modern"];

/// POSTs the message with one of its header fields replaced, or left out.
#[track_caller]
fn altered(client: &Modern, message: &Value, field: &str, value: Option<&str>) -> Response {
    let mut headers = client.headers(message);
    headers.retain(|(name, _)| name != field);
    headers.extend(value.map(|value| (field.to_string(), value.to_string())));
    let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    client.post_with(message, &headers)
}

#[track_caller]
fn assert_error(response: &Response, status: u16, code: i64, message: &Value) {
    let body = response.json();
    assert_eq!((response.status, &body["error"]["code"]), (status, &json!(code)), "{response:?}");
    assert_eq!(body["id"], message["id"]);
}

/// The proxy, and a modern client of each child.
#[track_caller]
fn clients() -> (Proxy, [Modern; 2]) {
    let proxy = CHILDREN.iter().fold(Site::new(), |site, name| site.fake(name, in_one_piece(name))).start();
    let clients = CHILDREN.map(|name| Modern::new(&proxy.url(name)));
    (proxy, clients)
}

#[test]
fn header_fields_say_what_the_body_says() {
    let (_proxy, clients) = clients();
    for client in clients {
        let message = client.call_message("echo", json!({"text": "hi"}));
        for field in ["MCP-Protocol-Version", "Mcp-Method", "Mcp-Name"] {
            for value in [None, Some("2025-11-25")] {
                println!("{field}: {value:?}");
                assert_error(&altered(&client, &message, field, value), 400, -32020, &message);
            }
        }
        let coded = altered(&client, &message, "Mcp-Name", Some("=?base64?ZWNobw==?="));
        assert_eq!(coded.status, 200, "{coded:?}");
        let read = client.message("resources/read", json!({"uri": "test://x"}));
        assert_error(&altered(&client, &read, "Mcp-Name", Some("test://y")), 400, -32020, &read);
        assert_eq!(client.post(&read).status, 200);
    }
}

#[test]
fn annotated_arguments_are_header_fields_too() {
    let (_proxy, clients) = clients();
    for client in clients {
        client.request("tools/list", json!({})).unwrap();
        let arguments = json!({"region": "eu", "count": 3, "place": {"city": "Bern"}});
        assert_eq!(client.json("mirror", arguments.clone()), arguments);
        let message = client.call_message("mirror", arguments);
        for field in ["Mcp-Param-Region", "Mcp-Param-Count", "Mcp-Param-City"] {
            for value in [None, Some("7"), Some("=?base64?!?=")] {
                println!("{field}: {value:?}");
                assert_error(&altered(&client, &message, field, value), 400, -32020, &message);
            }
        }
        for (field, value) in [("Mcp-Param-Region", "=?base64?ZXU=?="), ("Mcp-Param-Count", "3.0")] {
            assert_eq!(altered(&client, &message, field, Some(value)).status, 200, "{field}: {value}");
        }
        let without = client.call_message("mirror", json!({"region": null}));
        assert_eq!(client.post(&without).status, 200);
        assert_error(&altered(&client, &without, "Mcp-Param-City", Some("Bern")), 400, -32020, &without);
    }
}

#[test]
fn requests_say_what_they_have_to() {
    let (_proxy, clients) = clients();
    for client in clients {
        let mut later = client.message("tools/list", json!({}));
        later["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2030-01-01");
        let refused = altered(&client, &later, "MCP-Protocol-Version", Some("2030-01-01"));
        assert_error(&refused, 400, -32022, &later);
        let data = json!({"supported": ["2026-07-28"], "requested": "2030-01-01"});
        assert_eq!(refused.json()["error"]["data"], data);
        for missing in ["protocolVersion", "clientCapabilities"] {
            let mut message = client.message("tools/list", json!({}));
            let meta = message["params"]["_meta"].as_object_mut().unwrap();
            meta.remove(&format!("io.modelcontextprotocol/{missing}"));
            assert_error(&client.post(&message), 400, -32602, &message);
        }
    }
}

#[test]
fn what_the_era_does_not_have_is_not_found() {
    let (_proxy, clients) = clients();
    for client in clients {
        for method in ["no/such", "ping", "logging/setLevel", "resources/subscribe"] {
            println!("{method}");
            let message = client.message(method, json!({"uri": "test://x", "level": "debug"}));
            assert_error(&client.post(&message), 404, -32601, &message);
        }
        let initialize = client.message("initialize", json!({"protocolVersion": "2026-07-28"}));
        assert_error(&client.post(&initialize), 404, -32601, &initialize);
    }
}

#[test]
fn only_posts_are_modern() {
    let (proxy, _) = clients();
    for name in CHILDREN {
        for method in ["GET", "DELETE"] {
            let headers = [("MCP-Protocol-Version", "2026-07-28"), ("Accept", "text/event-stream")];
            let refused = request(method, &proxy.url(name), &headers, b"");
            assert_eq!(refused.status, 405, "{method} {name}");
            assert_eq!(refused.header("allow").map(|allow| allow.contains("POST")), Some(true));
        }
    }
}

#[test]
fn bodies_have_a_kind_a_size_and_an_audience() {
    let site = CHILDREN.iter().fold(Site::new(), |site, name| site.fake(name, in_one_piece(name)));
    let proxy = site.config("[limits]\nmax_message_bytes = 2000\n").start();
    for name in CHILDREN {
        let client = Modern::new(&proxy.url(name));
        let message = client.message("tools/list", json!({}));
        for (field, value, status) in
            [("Accept", Some("application/json"), 406), ("Content-Type", Some("text/plain"), 415)]
        {
            println!("{field}: {value:?}");
            assert_eq!(altered(&client, &message, field, value).status, status);
        }
        let long = client.call_message("echo", json!({"text": "x".repeat(3000)}));
        assert_eq!(client.post(&long).status, 413);
        assert_eq!(client.text("echo", json!({"text": "hi"})), "hi");
    }
}

/// A client that finds a session of old in its hands sends its id: it is passed over, as is `Last-Event-ID`.
#[test]
fn fields_of_the_other_era_are_passed_over() {
    let (proxy, _) = clients();
    for name in CHILDREN {
        let client =
            Modern::new(&proxy.url(name)).header("Mcp-Session-Id", "none").header("Last-Event-ID", "1");
        assert_eq!(client.text("echo", json!({"text": "hi"})), "hi");
    }
}
