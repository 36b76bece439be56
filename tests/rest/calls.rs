//! What is asked, and what comes back where all is well.

use crate::rig::{SERVERS, all, only};
use crate::scripted::{called, scripted};
use crate::*;
use serde_json::json;

#[test]
fn every_kind_of_server_is_called_alike() {
    let proxy = all();
    for name in SERVERS {
        println!("{name}");
        let listed = get(&proxy, &format!("api/{name}/tools"));
        assert_eq!((listed.status, listed.header("content-type")), (200, Some("application/json")));
        assert!(names(&listed.json()["tools"]).contains(&"echo".to_string()), "{listed:?}");
        // Byte for byte, what no JSON library of ours would keep included.
        let arguments = r#"{"n":1.0,"big":1e400,"n":9007199254740993,"u":"ü☃"}"#;
        let answer = post(&proxy, &format!("api/{name}/tools/args"), arguments);
        assert_eq!(answer.status, 200, "{answer:?}");
        let text = answer.text();
        assert!(text.contains(&format!("\"structuredContent\":{arguments}")), "{text}");
        for member in ["resultType", "serverInfo", "jsonrpc"] {
            assert!(!text.contains(member), "{member} in {text}");
        }
        let empty = request("POST", &proxy.url(&format!("api/{name}/tools/args")), &[], b"").json();
        assert_eq!(empty["structuredContent"], json!({}));
        let resources = get(&proxy, &format!("api/{name}/resources")).json();
        assert_eq!(resources["resources"][0]["uri"], "test://one", "{resources}");
        let read = get(&proxy, &format!("api/{name}/resources?uri=test%3A%2F%2Fone")).json();
        assert_eq!(read["contents"][0]["uri"], "test://one", "{read}");
        assert_eq!(names(&get(&proxy, &format!("api/{name}/prompts")).json()["prompts"]), ["hello", "ask"]);
        let prompt = post(&proxy, &format!("api/{name}/prompts/hello"), r#"{"name":"you"}"#);
        assert!(prompt.json()["messages"].is_array(), "{prompt:?}");
    }
    // A request that each era can carry does not start a second child.
    assert_eq!(proxy.server("both")["children"].as_array().unwrap().len(), 1);
}

#[test]
fn progress_and_log_messages_are_left_out() {
    for name in SERVERS {
        let proxy = only(name);
        let done = post(&proxy, &format!("api/{name}/tools/progress"), r#"{"steps":3,"ms":50}"#);
        assert_eq!((done.status, &done.json()["content"][0]["text"]), (200, &json!("done")), "{name}");
        let log = post(&proxy, &format!("api/{name}/tools/log"), r#"{"level":"error","text":"x"}"#);
        assert_eq!(log.json()["content"][0]["text"], "done", "{name}");
    }
}

#[test]
fn a_list_in_pages_is_whole() {
    let site = Site::new().fake("pages", Fake::stdio().env("FAKE_PAGES", "1")).fake("one", Fake::stdio());
    let proxy = site.start();
    let [pages, one] =
        ["pages", "one"].map(|name| names(&get(&proxy, &format!("api/{name}/tools")).json()["tools"]));
    assert!(pages.len() > 30);
    assert_eq!(pages, one);
}

/// A server that has another page for every cursor is not asked for ever.
#[test]
fn a_list_has_an_end() {
    let endless = r#"[{"name":"t"}],"nextCursor":"more""#;
    let proxy = scripted(Site::new().fake("well", Fake::stdio()), "s", endless, &[]).start();
    ["s", "well"].iter().for_each(|name| drop(proxy.wait_ready(name)));
    let listed = error(&get(&proxy, "api/s/tools"));
    assert!(listed.0 == 502 && listed.1.contains("tools/list is longer than"), "{listed:?}");
    let document = get(&proxy, "api/openapi.json").json();
    assert!(
        document["x-unavailable"]["s"].is_string() && document["paths"]["/api/well/tools/echo"].is_object()
    );
}

/// A name is decoded once, and may hold anything.
#[test]
fn any_name_can_be_called() {
    let tools = r#"[{"name":"a/b"},{"name":"a%2Fb"},{"name":"ü ☃?#"},{"name":".."}]"#;
    let answer = |text: &str| format!(r#""result":{{"content":[{{"type":"text","text":"{text}"}}]}}"#);
    let [slash, percent, odd, dots] = ["slash", "percent", "odd", "dots"].map(answer);
    let answers = [("a/b", &*slash), ("a%2Fb", &*percent), ("ü ☃?#", &*odd), ("..", &*dots)];
    let proxy = scripted(Site::new(), "s", tools, &answers).start();
    for (path, text) in [
        ("a%2Fb", "slash"),
        ("a/b", "slash"),
        ("%61%2fb", "slash"),
        ("a%252Fb", "percent"),
        ("%C3%BC%20%E2%98%83%3F%23", "odd"),
        ("..", "dots"),
    ] {
        let answer = post(&proxy, &format!("api/s/tools/{path}"), "{}");
        assert_eq!((answer.status, &answer.json()["content"][0]["text"]), (200, &json!(text)), "{path}");
    }
    assert_eq!(called(&proxy, "s"), ["a/b", "a/b", "a/b", "a%2Fb", "ü ☃?#", ".."]);
    let broken = post(&proxy, "api/s/tools/%ff", "{}");
    assert_eq!(error(&broken), (400, "the name in the path is not UTF-8".into()));
    let other = post(&proxy, "api/s/tools/A%2FB", "{}");
    assert_eq!(error(&other).0, 404);
}

#[test]
fn arguments_are_a_json_object_and_said_to_be_json() {
    let site = Site::new()
        .config("[limits]\nmax_message_bytes = 10000\nmax_json_depth = 20\n")
        .fake("a", Fake::stdio());
    let proxy = site.start();
    let send = |headers: &[(&str, &str)], body: &str| {
        request("POST", &proxy.url("api/a/tools/args"), headers, body.as_bytes())
    };
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(30), "]".repeat(30));
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(10_000));
    for (status, body) in [
        (200, " { \"a\" :\n1 } "),
        (400, "[]"),
        (400, "7"),
        (400, "{"),
        (400, "{},\"x\":{}"),
        (400, "{}{}"),
        (400, &deep),
        (413, &long),
    ] {
        let answer = send(&[JSON], body);
        assert_eq!(answer.status, status, "{body:.40}: {answer:?}");
        assert!(status == 200 || answer.json()["error"].is_string());
    }
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    for (status, headers, body) in [
        (200, &[("Content-Type", "Application/JSON; charset=utf-8")][..], "{}"),
        (200, &[], ""),
        (200, &[JSON], ""),
        (415, &[], "{}"),
        (415, &[form], "{}"),
        (415, &[form], ""),
        (415, &[("Content-Type", "text/plain")], "{}"),
        (403, &[JSON, ("Origin", "https://evil.example")], "{}"),
        (403, &[("Origin", "null")], ""),
        (403, &[JSON, ("Host", "evil.example")], "{}"),
    ] {
        assert_eq!(send(headers, body).status, status, "{headers:?} {body}");
    }
}

#[test]
fn resources_are_named_by_the_query() {
    let proxy = only("legacy");
    assert_eq!(get(&proxy, "api/legacy/resources?uri=test://missing").status, 404);
    assert_eq!(get(&proxy, "api/legacy/resources?uri=").json()["resources"][0]["uri"], "test://one");
    assert_eq!(get(&proxy, "api/legacy/resources?uri=a&uri=b").status, 400);
    let spaced = get(&proxy, "api/legacy/resources?x=1&uri=test%3A%2F%2Fa%2520b%2Bc").json();
    assert_eq!(spaced["contents"][0]["uri"], "test://a%20b+c", "{spaced}");
}

#[test]
fn each_place_has_its_methods() {
    let proxy = only("legacy");
    for (path, allowed) in [
        ("tools", "GET, HEAD, OPTIONS"),
        ("resources", "GET, HEAD, OPTIONS"),
        ("tools/echo", "POST, OPTIONS"),
        ("prompts/hello", "POST, OPTIONS"),
    ] {
        let wrong = if allowed.starts_with("GET") { "POST" } else { "GET" };
        let answer = request(wrong, &proxy.url(&format!("api/legacy/{path}")), &[], b"");
        assert_eq!((answer.status, answer.header("allow")), (405, Some(allowed)), "{path}");
    }
}

#[test]
fn our_own_names_are_no_servers() {
    let site = Site::new().fake("openapi.json", Fake::stdio()).fake("a", Fake::stdio());
    let proxy = site.start();
    assert!(proxy.left_out("openapi.json")["reason"].as_str().unwrap().contains("path of the proxy"));
    assert_eq!(get(&proxy, "api/openapi.json").json()["openapi"], "3.1.0");
}
