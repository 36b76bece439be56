//! Calls: results, errors of tools, errors of JSON-RPC, structured content.

use crate::harness::*;
use crate::rig::*;
use serde_json::json;

#[test]
fn results_and_errors_are_the_servers() {
    let proxy = all();
    each_cell(&proxy, &json!({}), |_, client| {
        assert_eq!(client.text("echo", json!({"text": "é\"\\\u{200d}"})), "é\"\\\u{200d}");
        let arguments = json!({"a": [1.5, "x", null], "b": {}});
        assert_eq!(client.call("args", arguments.clone())["structuredContent"], arguments);
        let failed = client.call("fail", json!({"text": "no"}));
        assert_eq!((&failed["isError"], text_of(&failed).as_str()), (&json!(true), "no"));
        assert_eq!(client.try_call("nope", json!({})).unwrap_err()["code"], -32602);
    });
}

#[test]
fn a_result_has_what_its_era_knows() {
    let proxy = all();
    each_cell(&proxy, &json!({}), |_, client| {
        let complete = client.is_modern().then(|| json!("complete"));
        assert_eq!(client.call("echo", json!({"text": "hi"})).get("resultType"), complete.as_ref());
        let list = client.request("tools/list", json!({})).unwrap();
        assert_eq!(list.get("resultType"), complete.as_ref());
        for cache in ["ttlMs", "cacheScope"] {
            assert_eq!(list.get(cache).is_some(), client.is_modern(), "{cache}");
        }
    });
}

#[test]
fn an_unknown_method_is_unknown_everywhere() {
    let proxy = all();
    each_cell(&proxy, &json!({}), |_, client| {
        assert_eq!(client.request("no/such", json!({})).unwrap_err()["code"], -32601);
    });
}

/// A modern HTTP server wants annotated arguments as header fields too, whoever its client is.
#[test]
fn annotated_arguments_reach_every_server() {
    let proxy = all();
    each_cell(&proxy, &json!({}), |_, client| {
        client.request("tools/list", json!({})).unwrap();
        for region in ["eu", "eü", " eu", "=?base64?ZXU=?=", "a\nb"] {
            let arguments = json!({"region": region, "count": 3, "place": {"city": "Bern"}});
            assert_eq!(client.json("mirror", arguments.clone()), arguments);
        }
        assert_eq!(client.json("mirror", json!({"count": -1})), json!({"count": -1}));
    });
}

#[test]
fn an_http_server_of_the_clients_era_gets_the_header_fields_untouched() {
    let proxy = only("modern-http");
    let client = Modern::new(&proxy.url("modern-http")).header("Mcp-Param-Unknown", "x");
    let fields = client.json("headers", json!({}));
    for (name, value) in [
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "headers"),
        ("mcp-param-unknown", "x"),
    ] {
        assert!(fields.as_array().unwrap().contains(&json!([name, value])), "{name} in {fields}");
    }
}

#[test]
fn annotations_outlive_the_connection_they_were_listed_on() {
    let proxy = only("modern-http");
    let client = proxy.client("modern-http");
    let names = client.request("tools/list", json!({})).unwrap();
    assert!(names.to_string().contains("x-mcp-header"));
    let arguments = json!({"region": "north", "count": 3});
    client.call("mirror", arguments.clone());
    client.try_call("abort", json!({})).unwrap_err();
    eventually(DEADLINE, || client.try_call("echo", json!({"text": "hi"})).is_ok());
    client.call("mirror", arguments);
}
