//! How clients get to know a server: `initialize` and `server/discover`, whichever the server has.

use crate::harness::*;
use crate::rig::*;
use serde_json::json;

#[test]
fn every_server_can_be_discovered() {
    let proxy = all();
    for name in SERVERS {
        println!("{name}");
        let discovered = Modern::new(&proxy.url(name)).discover();
        assert!(discovered["supportedVersions"].as_array().unwrap().contains(&json!("2026-07-28")));
        assert_eq!(discovered["resultType"], "complete");
        assert_eq!(discovered["instructions"], "Does what it is told.");
        assert_eq!(discovered["capabilities"]["resources"], json!({"subscribe": true, "listChanged": true}));
        assert!(discovered["ttlMs"].is_u64() && discovered["cacheScope"].is_string(), "{discovered}");
        let server = &discovered["_meta"]["io.modelcontextprotocol/serverInfo"];
        assert_eq!(server["name"], if name.ends_with("http") { "fake_http" } else { "fake" });
    }
}

#[test]
fn every_server_can_be_initialised_in_any_revision() {
    let proxy = all();
    for name in SERVERS {
        for revision in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
            println!("{name} {revision}");
            let client = proxy.client_with(name).revision(revision).connect();
            assert_eq!(client.server["protocolVersion"], revision);
            assert_eq!(client.server["instructions"], "Does what it is told.");
            assert_eq!(client.server["capabilities"]["tools"], json!({"listChanged": true}));
            assert!(client.server["serverInfo"]["name"].as_str().unwrap().starts_with("fake"));
            for modern in ["resultType", "supportedVersions", "ttlMs", "cacheScope"] {
                assert_eq!(client.server.get(modern), None, "{modern}");
            }
            assert_eq!(client.request("ping", json!({})), Ok(json!({})));
        }
    }
}

#[test]
fn what_a_client_is_reaches_a_modern_server() {
    let proxy = Site::new().fake("modern", fake("modern")).fake("modern-http", fake("modern-http")).start();
    let capabilities = json!({"sampling": {}, "elicitation": {}});
    for name in ["modern", "modern-http"] {
        for client in Anyone::of_both_eras(&proxy, name, &capabilities) {
            println!("a {} client meets {name}", client.era());
            let meta = client.json("state", json!({}))["client"].clone();
            assert_eq!(meta["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
            assert_eq!(meta["io.modelcontextprotocol/clientCapabilities"], capabilities);
            assert_eq!(meta["io.modelcontextprotocol/clientInfo"]["name"], "test");
        }
    }
}

/// Its session was ours: the server would not know what to say.
#[test]
fn a_session_that_was_ended_is_not_found() {
    let near = Site::new().fake("modern-http", fake("modern-http")).fake("modern", fake("modern"));
    let proxy = near.start();
    for name in ["modern-http", "modern"] {
        let client = proxy.client(name);
        assert_eq!(client.end().status, 200);
        let response = client.post(&client.message("tools/list", json!({})));
        assert_eq!(response.status, 404, "{name}: {response:?}");
    }
}
