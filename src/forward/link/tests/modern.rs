use super::rig::{DEADLINE, Opened, Site};
use crate::forward::link::Flavour;
use crossbeam_channel::unbounded;
use serde_json::{Value, json};

fn call(id: i64, tool: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": tool}})
}

fn cancel(id: i64) -> Value {
    json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}})
}

#[test]
fn a_request_is_one_post_that_says_everything() {
    let site = Site::new(|asked, out| {
        let answer = json!({"jsonrpc": "2.0", "id": asked.body["id"], "result": {}});
        match asked.body["params"]["name"].as_str() {
            Some("events") => {
                out.events();
                out.event(&json!({"jsonrpc": "2.0", "method": "notifications/progress"}));
                out.event(&answer);
                out.end();
            }
            Some("unknown") => out.json(
                404,
                &json!({"jsonrpc": "2.0", "id": asked.body["id"], "error": {"code": -32601, "message": "no"}}),
            ),
            Some("broken") => {
                out.events();
                out.chunk("id: 1\ndata: \n\n");
                out.hang_up();
            }
            _ => out.json(200, &answer),
        }
    });
    let link = Opened::new("m-posts", &site.url("/mcp"), Flavour::Modern);
    link.send(&call(1, "json"));
    assert_eq!(link.line(), json!({"jsonrpc": "2.0", "id": 1, "result": {}}));
    link.send(&call(2, "events"));
    assert_eq!((link.line()["method"].is_string(), link.line()["id"].as_i64()), (true, Some(2)));
    link.send(&call(3, "unknown"));
    assert_eq!(link.error(3), "no");
    link.send(&call(4, "broken"));
    assert!(link.error(4).starts_with("server m-posts broke off its answer"));
    let asked = site.wait_for("POST tools/call");
    let headers = ["mcp-protocol-version", "mcp-method", "mcp-name", "mcp-session-id", "authorization"];
    let headers = headers.map(|name| asked.header(name));
    assert_eq!(headers, [Some("2026-07-28"), Some("tools/call"), Some("json"), None, Some("Bearer s3")]);
    link.close();
    assert_eq!(site.whats(), ["POST tools/call"; 4], "no GET, no DELETE");
}

#[test]
fn a_call_repeats_what_the_list_of_tools_asks_for() {
    let site = Site::new(|asked, out| {
        let region = json!({"type": "string", "x-mcp-header": "Region"});
        let tool = json!({"name": "t", "inputSchema": {"type": "object", "properties": {"region": region}}});
        out.json(200, &json!({"jsonrpc": "2.0", "id": asked.body["id"], "result": {"tools": [tool]}}));
    });
    let link = Opened::new("m-repeats", &site.url("/mcp"), Flavour::Modern);
    let mut call = call(1, "t");
    call["params"]["arguments"] = json!({"region": "us west", "other": "x"});
    link.send(&call);
    assert_eq!(link.line()["id"], 1);
    assert_eq!(site.wait_for("POST tools/call").header("mcp-param-region"), None, "nothing is known yet");
    link.send(&json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list"}));
    assert_eq!(link.line()["id"], 2);
    link.send(&call);
    assert_eq!(link.line()["id"], 1);
    let asked = site.wait_for_nth("POST tools/call", 1);
    assert_eq!((asked.header("mcp-param-region"), asked.header("mcp-name")), (Some("us west"), Some("t")));
    link.close();
}

#[test]
fn cancelling_closes_the_connection_and_sends_nothing() {
    let (tell, closed) = unbounded();
    let site = Site::new(move |asked, out| match asked.what().as_str() {
        "POST notifications/other" => out.empty(202),
        _ => {
            if asked.body["id"] == 2 {
                out.events();
                out.event(&json!({"jsonrpc": "2.0", "method": "notifications/progress"}));
            }
            out.wait_closed();
            tell.send(asked.body["id"].clone()).unwrap();
        }
    });
    let link = Opened::new("m-cancel", &site.url("/mcp"), Flavour::Modern);
    for id in 1..=3 {
        link.send(&call(id, "slow"));
        site.wait_for_nth("POST tools/call", id as usize - 1);
    }
    assert_eq!(link.line()["method"], "notifications/progress");
    for id in [2, 1] {
        link.send(&cancel(id));
        assert_eq!(closed.recv_timeout(DEADLINE), Ok(json!(id)));
    }
    link.send(&cancel(77));
    link.send(&json!({"jsonrpc": "2.0", "method": "notifications/other"}));
    let other = site.wait_for("POST notifications/other");
    assert_eq!(other.header("mcp-method"), Some("notifications/other"));
    link.nothing_came();
    assert!(closed.is_empty(), "the third goes on");
    link.close();
    assert_eq!(closed.recv_timeout(DEADLINE), Ok(json!(3)));
    assert_eq!(site.whats().len(), 4, "{:?}", site.whats());
}
