//! What of a result a client gets.

use crate::rig::only;
use crate::scripted::scripted;
use crate::*;

const RESULT: &str = r#""result":{"content":[{"type":"text","text":"21 °C"},{"type":"image","data":"AAEC","mimeType":"image/png"}],"structuredContent":{"c":21.0}}"#;

#[test]
fn accept_chooses_the_text_or_a_picture() {
    let proxy = scripted(Site::new(), "s", r#"[{"name":"t"}]"#, &[("t", RESULT)]).start();
    let ask = |accept: &str| request("POST", &proxy.url("api/s/tools/t"), &[JSON, ("Accept", accept)], b"{}");
    let result = format!("{}\n", RESULT.strip_prefix("\"result\":").unwrap());
    for accept in ["*/*", "application/json", "text/event-stream"] {
        assert_eq!(ask(accept).text(), result, "{accept}");
    }
    let text = ask("text/plain");
    assert_eq!(
        (text.header("content-type"), text.text()),
        (Some("text/plain; charset=utf-8"), "21 °C".into())
    );
    let picture = ask("image/*");
    assert_eq!((picture.header("content-type"), &picture.body[..]), (Some("image/png"), &[0, 1, 2][..]));
    assert_eq!(picture.header("x-content-type-options"), Some("nosniff"));
}

#[test]
fn a_resource_is_read_as_text() {
    let proxy = only("legacy");
    let headers = [("Accept", "text/plain")];
    let read = request("GET", &proxy.url("api/legacy/resources?uri=test://one"), &headers, b"");
    let whole = get(&proxy, "api/legacy/resources?uri=test://one").json();
    assert_eq!(read.text(), whole["contents"][0]["text"].as_str().unwrap());
}
