//! A thousand starts.

use super::*;
use std::time::Duration;

#[test]
fn a_thousand_starts_leave_nothing() {
    let config = "[restart]\nbackoff_ms = 1\nmax_backoff_seconds = 1\nbrake_exits = 1000000\n";
    let site = Site::new().config(config).fake("good", Fake::stdio());
    let file = site.folder().join("starts");
    // A grandchild each, that does not end with its parent.
    let text = format!("echo >> {}\nsetsid sleep 6004 </dev/null >/dev/null 2>&1 &\nexit 3", file.display());
    script(&site, "bad", &text, "");
    let proxy = site.start();
    proxy.wait_ready("good");
    let starts = || std::fs::read(&file).map_or(0, |text| text.len());
    let restart = || {
        let headers = [("Authorization", secret(&proxy))];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        let before = starts();
        assert_eq!(request("POST", &proxy.url("api/servers/bad/restart"), &headers, b"").status, 202);
        eventually(DEADLINE, || starts() > before);
    };
    let stop = || {
        assert!(proxy.site.run(&["stop", "bad"]).status.success());
        proxy.wait_server("bad", |entry| entry["state"] == "stopped" && entry["reason"] == "requested");
        eventually(DEADLINE, || count(&proxy, "6004") == 0);
    };
    eventually(DEADLINE, || starts() >= 10);
    stop();
    let before = Figures::of(&proxy);
    eventually(Duration::from_secs(300), || {
        restart();
        starts() >= 1010
    });
    stop();
    before.wait(&proxy, "a thousand starts");
    assert_eq!(proxy.client("good").text("echo", json!({"text": "hi"})), "hi");
}

fn secret(proxy: &Proxy) -> String {
    let path = proxy.site.state_dir().join(format!("run-{}.json", proxy.address().port()));
    let content: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    format!("Bearer {}", content["secret"].as_str().unwrap())
}
