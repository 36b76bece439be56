use super::rig::{DEADLINE, Site, peer};
use serde_json::json;
use std::time::{Duration, Instant};

const ENDPOINT: &str = "event: endpoint\ndata: /m\n\n";

#[test]
fn a_modern_server_discovers_itself() {
    let discovered = |versions: &'static [&'static str], as_event: bool| {
        let site = Site::new(move |asked, out| {
            let result = json!({"supportedVersions": versions, "capabilities": {}, "resultType": "complete"});
            let answer = json!({"jsonrpc": "2.0", "id": asked.body["id"], "result": result});
            if as_event {
                out.events();
                out.event(&answer);
                out.wait_closed();
            } else {
                out.json(200, &answer);
            }
        });
        let speaks = peer(&site.url("/mcp")).speaks_modern(DEADLINE);
        let asked = site.wait_for("POST server/discover");
        let claim = &asked.body["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"];
        assert_eq!(
            (claim.as_str(), asked.header("mcp-protocol-version")),
            (Some("2026-07-28"), Some("2026-07-28"))
        );
        assert_eq!(asked.header("mcp-method"), Some("server/discover"));
        speaks
    };
    assert!(discovered(&["2026-07-28"], false) && discovered(&["2025-11-25", "2026-07-28"], true));
    assert!(!discovered(&["2099-01-01"], false));
}

#[test]
fn a_legacy_server_is_left_without_a_session() {
    let site = Site::new(|asked, out| match asked.what().as_str() {
        "POST initialize" => {
            let answer = json!({"jsonrpc": "2.0", "id": asked.body["id"], "result": {"protocolVersion": "2025-06-18"}});
            out.answer(200, "Content-Type: application/json\r\nMcp-Session-Id: s-1\r\n", &answer.to_string());
        }
        "DELETE" => out.empty(200),
        _ => {
            out.json(400, &json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32000, "message": "no"}}))
        }
    });
    let peer = peer(&site.url("/mcp"));
    assert!(!peer.speaks_modern(DEADLINE) && peer.speaks_legacy(DEADLINE).is_ok());
    assert_eq!(site.wait_for("DELETE").header("mcp-session-id"), Some("s-1"));
}

#[test]
fn an_event_stream_is_found_at_the_endpoint_or_beside_it() {
    let found = |at: &'static str, endpoint: &'static str| {
        let site = Site::new(move |asked, out| match (asked.method.as_str(), asked.path == at) {
            ("GET", true) => {
                out.events();
                out.chunk(ENDPOINT);
                out.wait_closed();
            }
            ("GET", false) => out.empty(404),
            _ => out.empty(405),
        });
        let peer = peer(&site.url(endpoint));
        assert!(!peer.speaks_modern(DEADLINE) && peer.speaks_legacy(DEADLINE).is_err());
        peer.event_stream_url(DEADLINE).map(|url| url.path().to_string())
    };
    assert_eq!(found("/prefix/sse", "/prefix/mcp").as_deref(), Some("/prefix/sse"));
    assert_eq!(found("/events", "/events").as_deref(), Some("/events"));
    assert_eq!(found("/elsewhere", "/mcp"), None);
}

#[test]
fn a_silent_server_is_given_up_in_time() {
    let site = Site::new(|asked, out| {
        if asked.method == "GET" {
            out.events();
            out.chunk(": nothing\n\n");
        }
        out.wait_closed();
    });
    let peer = peer(&site.url("/mcp"));
    let (started, patience) = (Instant::now(), Duration::from_millis(50));
    assert!(!peer.speaks_modern(patience) && peer.event_stream_url(patience).is_none());
    assert!(started.elapsed() < Duration::from_secs(2));
}
