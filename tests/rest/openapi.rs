//! The document: whatever servers say of their tools, it is one that programs can read. (scripts/test-api has validators
//! of others judge it.)

use crate::rig::{SERVERS, all};
use crate::scripted::scripted;
use crate::*;
use serde_json::json;
use std::collections::BTreeSet;

#[test]
fn every_tool_of_every_server_is_a_path() {
    let proxy = all();
    SERVERS.iter().for_each(|name| drop(proxy.wait_ready(name)));
    let answer = get(&proxy, "api/openapi.json");
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    let document = answer.json();
    assert_eq!(document["servers"], json!([{"url": format!("http://{}", proxy.address())}]));
    assert!(document.get("security").is_none() && document["x-unavailable"] == json!({}));
    for name in SERVERS {
        let listed = names(&get(&proxy, &format!("api/{name}/tools")).json()["tools"]);
        for tool in listed {
            let operation =
                &document["paths"][format!("/api/{name}/tools/{}", tool.replace('-', "%2D"))]["post"];
            assert_eq!(operation["tags"], json!([name]), "{name} {tool}");
        }
    }
    let ids = document["paths"].as_object().unwrap().values();
    let ids =
        ids.flat_map(|path| path.as_object().unwrap().values()).map(|it| it["operationId"].as_str().unwrap());
    let ids: Vec<&str> = ids.collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    each_reference(&document, &mut |target| {
        assert!(document.pointer(target.strip_prefix('#').unwrap()).is_some(), "{target} leads nowhere");
    });
    let schema = &document["components"]["schemas"]["legacy_mirror.arguments"];
    assert_eq!(schema["properties"]["place"]["properties"]["city"], json!({"type": "string"}));
}

fn each_reference(value: &Value, check: &mut impl FnMut(&str)) {
    match value {
        Value::Object(members) => members.iter().for_each(|(key, value)| match value {
            Value::String(target) if key == "$ref" => check(target),
            _ => each_reference(value, check),
        }),
        Value::Array(items) => items.iter().for_each(|item| each_reference(item, check)),
        _ => {}
    }
}

#[test]
fn nonsense_in_one_tool_is_not_everybodys() {
    let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
    let tools = format!(
        r##"[{{"name":"deep","inputSchema":{{"type":"object","x":{deep}}}}},
        {{"name":"list","inputSchema":[1],"description":7}},
        {{"name":"round","inputSchema":{{"$ref":"#"}}}},
        {{"name":"good","title":"Good","description":"Does it","inputSchema":{{"$defs":{{"D":{{"type":"string"}}}},
            "properties":{{"d":{{"$ref":"#/$defs/D"}},"far":{{"$ref":"http://evil.example/x.json"}}}}}},
            "outputSchema":{{"type":"object","properties":{{"n":{{"type":"number"}}}}}}}},
        {{"name":"good"}},{{"name":""}},{{"name":".."}},{{"name":7}},"x",
        {{"name":"a{{b}}/c"}},{{"name":"a_b__c"}}]"##
    );
    let proxy = scripted(Site::new().fake("other", Fake::stdio()), "s", &tools, &[]).start();
    ["s", "other"].iter().for_each(|name| drop(proxy.wait_ready(name)));
    let document = get(&proxy, "api/openapi.json").json();
    let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    let of_s: Vec<&str> = paths.iter().filter_map(|path| path.strip_prefix("/api/s/tools/")).collect();
    let expected = ["deep", "list", "round", "good", "a%7Bb%7D%2Fc", "a_b__c"];
    assert_eq!(of_s.iter().collect::<BTreeSet<_>>(), expected.iter().collect());
    let schemas = &document["components"]["schemas"];
    for any in ["deep", "list", "round"] {
        assert_eq!(schemas[format!("s_{any}.arguments")], json!({"type": "object"}), "{any}");
    }
    let place = "#/components/schemas/s_good.arguments";
    let good = &schemas["s_good.arguments"]["properties"];
    assert_eq!(*good, json!({"d": {"$ref": format!("{place}/$defs/D")}, "far": {}}));
    let operation = &document["paths"]["/api/s/tools/good"]["post"];
    assert_eq!((&operation["summary"], &operation["description"]), (&json!("Good"), &json!("Does it")));
    let result = &operation["responses"]["200"]["content"]["application/json"]["schema"];
    assert_eq!(result["properties"]["structuredContent"]["$ref"], "#/components/schemas/s_good.result");
    assert!(document["paths"]["/api/other/tools/echo"].is_object());
}

#[test]
fn who_does_not_answer_is_left_out() {
    let site = Site::new()
        .fake("silent", Fake::stdio())
        .fake("starting", Fake::stdio().env("FAKE_NEVER_ANSWER", "1"));
    let proxy = site.fake("well", Fake::stdio()).start();
    ["silent", "well"].iter().for_each(|name| drop(proxy.wait_ready(name)));
    let url = proxy.url("api/silent/tools/wedge");
    let mut wedged = Connection::open(&url);
    wedged.send("POST", &url, &[JSON], b"{}");
    wait_for(DEADLINE, || (proxy.server("silent")["in_flight"].as_u64()? > 0).then_some(()));
    let document = get(&proxy, "api/openapi.json").json();
    assert!(document["paths"]["/api/well/tools/echo"].is_object());
    let unavailable = &document["x-unavailable"];
    assert!(unavailable["silent"].as_str().unwrap().contains("did not answer in time"), "{unavailable}");
    assert_eq!(unavailable["starting"], "it is starting");
}

/// Each waits for three servers that do not answer.
#[test]
fn so_many_documents_are_made_at_once() {
    let silent = ["a", "b", "c"];
    let proxy = silent.iter().fold(Site::new(), |site, name| site.fake(name, Fake::stdio())).start();
    let wedged = silent.map(|name| {
        proxy.wait_ready(name);
        let url = proxy.url(&format!("api/{name}/tools/wedge"));
        let mut wedged = Connection::open(&url);
        wedged.send("POST", &url, &[JSON], b"{}");
        wait_for(DEADLINE, || (proxy.server(name)["in_flight"].as_u64()? > 0).then_some(()));
        wedged
    });
    let url = proxy.url("api/openapi.json");
    let mut asking: Vec<Connection> = (0..12).map(|_| Connection::open(&url)).collect();
    asking.iter_mut().for_each(|connection| connection.send("GET", &url, &[], b""));
    let answers: Vec<Response> = asking.iter_mut().map(Connection::response).collect();
    let (made, told): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert!(!made.is_empty() && !told.is_empty(), "{} and {}", made.len(), told.len());
    assert!(told.iter().all(|answer| answer.status == 503 && answer.header("retry-after") == Some("2")));
    drop(wedged);
    assert_eq!(get(&proxy, "api/openapi.json").status, 200);
}

#[test]
fn the_document_is_below_the_public_url() {
    let open = "[auth]\nmode = \"none\"\ni_know_everyone_can_call_my_tools = true\n";
    let config = format!("[proxy]\npublic_url = \"https://home.example/mcp\"\n{open}");
    let proxy = Site::new().config(&config).fake("a", Fake::stdio()).start();
    proxy.wait_ready("a");
    let document = get(&proxy, "mcp/api/openapi.json").json();
    assert_eq!(document["servers"], json!([{"url": "https://home.example/mcp"}]));
    assert_eq!(post(&proxy, "mcp/api/a/tools/echo", r#"{"text":"hi"}"#).status, 200);
}
