//! The commands, with and without a running proxy.

use super::*;
use rustix::process::Signal;
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Output;

/// Exit code, stdout, stderr.
fn outcome(output: Output) -> (Option<i32>, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn run(proxy: &Proxy, args: &[&str]) -> (Option<i32>, String, String) {
    outcome(proxy.site.run(args))
}

#[track_caller]
fn succeeds(proxy: &Proxy, args: &[&str]) -> String {
    let (code, out, error) = run(proxy, args);
    assert_eq!(code, Some(0), "{args:?}: {error}");
    out
}

#[track_caller]
fn fails(proxy: &Proxy, args: &[&str]) -> String {
    let (code, out, error) = run(proxy, args);
    assert_eq!((code, out.as_str()), (Some(1), ""), "{args:?}: {error}");
    error
}

#[test]
fn check_says_what_would_start_and_starts_nothing() {
    let site = Site::new();
    let counter = site.folder().join("starts");
    site.add("a", &Fake::stdio().env("FAKE_COUNTER_FILE", counter.to_str().unwrap()).env("KEY", "s3cret"));
    let (code, out, _) = outcome(site.run(&["check"]));
    assert_eq!(code, Some(0), "{out}");
    assert!(
        out.contains("a (stdio)") && out.contains("KEY (configuration)") && !out.contains("s3cret"),
        "{out}"
    );
    assert!(!counter.exists());
    site.write("servers/typo/server.toml", "comand = \"sh\"\n");
    let (code, out, _) = outcome(site.run(&["check", "--json"]));
    assert_eq!(code, Some(1), "{out}");
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&report["servers"][0]["name"], &report["left_out"][0]["name"]),
        (&json!("a"), &json!("typo"))
    );
    assert!(report["left_out"][0]["reason"].as_str().unwrap().contains("did you mean `command`?"));
    let broken = Site::new().config("[proxy]\nlissten = 1\n");
    let (code, out, error) = outcome(broken.run(&["check"]));
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(error.contains("proxy.toml:2: unknown key `lissten`"), "{error}");
}

#[test]
fn help_and_version_need_nothing() {
    let site = Site::new();
    let (code, out, _) = outcome(site.run(&["--version"]));
    assert_eq!((code, out), (Some(0), format!("mcp-proxy {}\n", env!("CARGO_PKG_VERSION"))));
    let (code, out, _) = outcome(site.run(&["--help"]));
    assert!(code == Some(0) && out.contains("Usage: mcp-proxy"), "{out}");
}

#[test]
fn without_a_running_proxy_commands_say_so() {
    let site = Site::new();
    for args in
        [&["list"][..], &["start", "a"], &["stop", "a"], &["restart", "a"], &["reload"], &["healthcheck"]]
    {
        let (code, out, error) = outcome(site.run(args));
        assert_eq!((code, out.as_str()), (Some(1), ""), "{args:?}: {error}");
        assert!(
            error.contains("no running proxy left its address in")
                && error.contains("start one with: mcp-proxy")
        );
    }
    assert_eq!(outcome(site.run(&["stop"])).0, Some(2));
}

#[test]
fn a_proxy_that_was_killed_is_not_running() {
    let mut proxy = Site::new().fake("a", Fake::stdio()).start();
    proxy.wait_ready("a");
    proxy.kill();
    assert!(run_file(&proxy).exists());
    for args in [&["list"][..], &["stop", "a"], &["healthcheck"]] {
        let error = fails(&proxy, args);
        assert!(error.contains("no running proxy left its address in"), "{error}");
    }
}

#[test]
fn list_shows_what_servers_says() {
    let proxy = Site::new().fake("a", Fake::stdio()).fake("b", Fake::http()).start();
    ["a", "b"].iter().for_each(|name| drop(proxy.wait_ready(name)));
    let listed = serde_json::from_str(&succeeds(&proxy, &["list", "--json"])).unwrap();
    assert_eq!(still(listed), still(get(&proxy, "servers").json()));
    let table = succeeds(&proxy, &["list"]);
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["NAME", "KIND", "STATE", "HEALTH", "RESTARTS", "URL"]);
    assert_eq!(rows[1], ["a", "stdio", "ready", "unknown", "0", &proxy.url("a")]);
    assert_eq!(rows[2], ["b", "http", "ready", "unknown", "0", &proxy.url("b")]);
}

#[test]
fn a_server_is_stopped_started_and_restarted() {
    let proxy = Site::new().fake("a", Fake::stdio()).fake("b", Fake::stdio()).start();
    let (a, b) = (proxy.client("a"), proxy.client("b"));
    let untouched = b.text("pid", json!({}));
    succeeds(&proxy, &["stop", "a"]);
    proxy.wait_server("a", |entry| entry["state"] == "stopped");
    let error = a.try_call("echo", json!({"text": "hi"})).unwrap_err();
    assert_eq!(error["message"], "server a is stopped; start it with: mcp-proxy start a");
    succeeds(&proxy, &["start", "a"]);
    let first = proxy.wait_ready("a")["children"][0]["pid"].to_string();
    assert_eq!(a.text("pid", json!({})), first, "the session goes on");
    succeeds(&proxy, &["restart", "a"]);
    eventually(DEADLINE, || a.text("pid", json!({})) != first);
    assert_eq!(b.text("pid", json!({})), untouched);
    for command in ["start", "stop", "restart"] {
        assert!(fails(&proxy, &[command, "c"]).contains("no server has that name; there are: /a /b"));
    }
}

#[test]
fn a_server_elsewhere_is_stopped_started_and_restarted_too() {
    let fake = FakeHttp::start();
    let site = Site::new();
    site.write("servers/far/server.toml", &format!("url = {:?}\n", fake.url));
    let proxy = site.start();
    let client = proxy.client("far");
    succeeds(&proxy, &["stop", "far"]);
    proxy.wait_server("far", |entry| entry["state"] == "stopped");
    let error = client.try_call("echo", json!({"text": "hi"})).unwrap_err();
    assert_eq!(error["message"], "server far is stopped; start it with: mcp-proxy start far");
    for command in ["start", "restart", "restart"] {
        succeeds(&proxy, &[command, "far"]);
        proxy.wait_ready("far");
        assert_eq!(client.text("echo", json!({"text": command})), command);
    }
}

#[test]
fn of_several_proxies_one_is_named() {
    let first = Site::new().fake("a", Fake::stdio()).start();
    let shared = first.site.state_dir().display().to_string();
    let mut second = Site::new().arg("--state-dir").arg(&shared).fake("b", Fake::stdio()).start();
    second.wait_ready("b");
    let addresses = [&first, &second].map(|proxy| proxy.address().to_string());
    let error = fails(&first, &["list"]);
    assert!(error.contains("several proxies are running") && error.contains("--listen"), "{error}");
    assert!(addresses.iter().all(|address| error.contains(address)), "{error}");
    assert!(succeeds(&first, &["list", "--listen", &addresses[1]]).contains(&second.url("b")));
    second.kill();
    assert!(succeeds(&first, &["list"]).contains(&first.url("a")));
}

#[test]
fn healthcheck_follows_health() {
    let bad = Fake::stdio().env("FAKE_EXIT_AT_START", "1");
    let proxy = Site::new().config("[restart]\nbrake_exits = 1\n").fake("a", Fake::stdio()).start();
    proxy.wait_ready("a");
    assert_eq!(succeeds(&proxy, &["healthcheck"]), "ok\n");
    proxy.site.add("a", &bad);
    succeeds(&proxy, &["reload"]);
    proxy.wait_server("a", |entry| entry["reason"] == "crash-loop");
    assert!(fails(&proxy, &["healthcheck"]).contains("the proxy is not well: down"));
}

#[test]
fn reload_touches_only_what_changed() {
    let site = Site::new().fake("same", Fake::stdio()).fake("changed", Fake::stdio());
    let proxy = site.fake("gone", Fake::stdio()).fake("bridge", Fake::http()).start();
    let clients = ["same", "changed", "gone", "bridge"].map(|name| proxy.client(name));
    let before = clients.each_ref().map(|client| client.text("pid", json!({})));
    let [listening, of_changed, of_gone] = [0, 1, 2].map(|at| clients[at].listen());
    let port = proxy.server("same")["port"].clone();

    proxy.site.add("new", &Fake::stdio());
    proxy.site.add("changed", &Fake::stdio().env("FAKE_NAME", "other"));
    fs::remove_dir_all(proxy.site.folder().join("servers/gone")).unwrap();
    succeeds(&proxy, &["reload"]);

    [of_changed, of_gone].iter().for_each(|stream| stream.wait_end());
    assert_eq!(proxy.client("new").text("echo", json!({"text": "hi"})), "hi");
    assert_eq!(
        (&clients[0].text("pid", json!({})), &clients[3].text("pid", json!({}))),
        (&before[0], &before[3])
    );
    assert_eq!(proxy.server("same")["port"], port);
    assert_eq!(get(&proxy, "gone").status, 404);
    assert_eq!(clients[2].post(&clients[2].message("ping", json!({}))).status, 404);
    let changed = proxy.client("changed");
    assert_ne!(changed.text("pid", json!({})), before[1]);
    assert_eq!(changed.server["serverInfo"]["name"], "other");
    clients[0].call("list_changed", json!({"what": "tools"}));
    assert_eq!(listening.next_message().1["method"], "notifications/tools/list_changed");
    eventually(DEADLINE, || !proxy.descendants().iter().any(|(pid, _)| pid.to_string() == before[2]));
}

/// Ports that nobody listens on, and that the system gives to nobody by itself.
fn free_ports() -> [u64; 2] {
    let first = 20_000 + u16::try_from(std::process::id() % 4_000).unwrap();
    let mut free = (first..).filter(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok());
    [(); 2].map(|()| free.next().unwrap().into())
}

#[test]
fn a_changed_server_keeps_its_port() {
    let ports = free_ports();
    let fixed = |at: usize| Fake::stdio().toml(&format!("port = {}", ports[at]));
    let site = Site::new().fake("a", fixed(0)).fake("b", fixed(1));
    let proxy = site.fake("any", Fake::stdio()).fake("http", Fake::http()).start();
    let names = ["a", "b", "any", "http"];
    let served = || names.map(|name| proxy.wait_ready(name)["port"].as_u64().unwrap());
    let before = served();
    assert_eq!(before[..2], ports);
    let change = |fake: Fake| fake.env("FAKE_NAME", "changed");
    let changed = [change(fixed(0)), change(fixed(1)), change(Fake::stdio()), change(Fake::http())];
    names.iter().zip(&changed).for_each(|(name, fake)| proxy.site.add(name, fake));
    succeeds(&proxy, &["reload"]);
    assert_eq!(served(), before);
    for (name, port) in names.iter().zip(before).filter(|(name, _)| **name != "http") {
        let own = Client::connect(&format!("http://127.0.0.1:{port}/"));
        assert_eq!(own.server["serverInfo"]["name"], "changed", "{name}");
    }
    ["a", "b"].iter().zip([fixed(1), fixed(0)]).for_each(|(name, fake)| proxy.site.add(name, &fake));
    succeeds(&proxy, &["reload"]);
    assert_eq!(served(), [before[1], before[0], before[2], before[3]], "exchanged");
}

#[test]
fn a_broken_file_changes_nothing() {
    let proxy = Site::new().config("[defaults]\n").fake("a", Fake::stdio()).start();
    let client = proxy.client("a");
    let before = client.text("pid", json!({}));
    proxy.site.write("proxy.toml", "[defaults]\nstart_timeout = 5\n");
    proxy.site.add("b", &Fake::stdio());
    // The command reads the file too, so it is asked as a program would: over HTTP.
    let answer = request("POST", &proxy.url("api/reload"), &[("Authorization", &bearer(&proxy))], b"");
    assert_eq!(answer.status, 409, "{answer:?}");
    let reason = answer.json()["error"].as_str().unwrap().to_string();
    assert!(reason.contains("proxy.toml:2: unknown key `start_timeout`"), "{reason}");
    proxy.wait_log(|line| line.contains("nothing was changed") && line.contains("proxy.toml:2"));
    assert_eq!(get(&proxy, "b").status, 404);
    assert_eq!(client.text("pid", json!({})), before);
    proxy.site.write("proxy.toml", "[defaults]\n");
    succeeds(&proxy, &["reload"]);
    assert_eq!(proxy.client("b").text("echo", json!({"text": "hi"})), "hi");
}

/// The command reads the file itself first, and says what is wrong with it.
#[test]
fn reload_says_what_is_wrong_with_a_file() {
    let proxy = Site::new().config("[defaults]\n").fake("a", Fake::stdio()).start();
    let before = proxy.wait_child("a");
    for (text, place) in
        [("[defaults]\nstart_timeout = 5\n", "proxy.toml:2"), ("[defaults\n", "proxy.toml:1")]
    {
        proxy.site.write("proxy.toml", text);
        let output = proxy.site.run(&["reload"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(place), "{said}");
        proxy.signal(Signal::HUP);
        proxy.wait_log(|line| line.contains("nothing was changed") && line.contains(place));
    }
    assert_eq!(proxy.wait_child("a"), before);
}

#[test]
fn a_hangup_leaves_alone_what_has_not_changed() {
    let site = Site::new().fake("same", Fake::stdio()).fake("http", Fake::http());
    let proxy = site.fake("changed", Fake::stdio()).start();
    let before = ["same", "http", "changed"].map(|name| proxy.wait_child(name));
    let clients = ["same", "http"].map(|name| proxy.client(name));
    std::thread::scope(|scope| {
        let calls =
            clients.each_ref().map(|client| scope.spawn(|| client.try_call("sleep", json!({"ms": 2000}))));
        ["same", "http"]
            .iter()
            .for_each(|name| drop(proxy.wait_server(name, |entry| entry["in_flight"] == 1)));
        proxy.site.write("servers/changed/.env", "COLOUR=blue\n");
        proxy.signal(Signal::HUP);
        proxy.wait_restart("changed", before[2]);
        for call in calls {
            assert_eq!(call.join().unwrap().unwrap()["content"][0]["text"], "slept");
        }
    });
    assert_eq!(["same", "http"].map(|name| proxy.wait_child(name)), before[..2]);
    clients.iter().for_each(|client| assert_eq!(client.text("echo", json!({"text": "on"})), "on"));
}

#[test]
fn a_new_server_need_not_wait_for_one_that_is_slow_to_end() {
    let stubborn = || Fake::stdio().env("FAKE_IGNORE_TERM", "1").toml("stop_timeout_seconds = 60");
    let mut proxy = Site::new().fake("a", stubborn()).start();
    let before = proxy.wait_child("a");
    proxy.site.add("a", &stubborn().env("FAKE_NAME", "changed"));
    proxy.site.add("b", &Fake::stdio());
    proxy.signal(Signal::HUP);
    proxy.wait_ready("b");
    assert_eq!(proxy.client("b").text("echo", json!({"text": "hi"})), "hi");
    assert!(proxy.descendants().iter().any(|(pid, _)| *pid == before), "it ends still");
    proxy.kill();
}

#[test]
fn a_hangup_reloads() {
    let proxy = Site::new().fake("a", Fake::stdio()).start();
    let client = proxy.client("a");
    let before = client.text("pid", json!({}));
    proxy.site.add("b", &Fake::stdio());
    proxy.signal(Signal::HUP);
    proxy.wait_log(|line| line.contains("reloaded: 2 served"));
    assert_eq!(proxy.client("b").text("echo", json!({"text": "hi"})), "hi");
    assert_eq!(client.text("pid", json!({})), before);
}

#[test]
fn a_server_whose_files_have_a_mistake_goes_on() {
    let proxy = Site::new().fake("a", Fake::stdio()).start();
    let client = proxy.client("a");
    let before = client.text("pid", json!({}));
    proxy.site.write("servers/a/server.toml", "args = 5\n");
    let output = proxy.site.run(&["reload"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success()
            && said.contains("1 served; not as its files say: a (")
            && said.contains("args"),
        "{said}"
    );
    assert_eq!(client.text("pid", json!({})), before);
}

#[test]
fn a_proxy_that_is_named_and_not_there_is_not_another() {
    let proxy = Site::new().fake("a", Fake::stdio()).start();
    proxy.wait_ready("a");
    let output = proxy.site.run(&["stop", "a", "--listen", "127.0.0.1:9"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said.contains("no proxy runs on 127.0.0.1:9") && said.contains(&proxy.address().to_string()),
        "{said}"
    );
    assert_eq!(proxy.server("a")["state"], "ready");
}

fn run_file(proxy: &Proxy) -> std::path::PathBuf {
    proxy.site.state_dir().join(format!("run-{}.json", proxy.address().port()))
}

pub(crate) fn bearer(proxy: &Proxy) -> String {
    let content: Value = serde_json::from_slice(&fs::read(run_file(proxy)).unwrap()).unwrap();
    format!("Bearer {}", content["secret"].as_str().unwrap())
}

#[test]
fn the_run_file_is_for_the_owner_only() {
    let mut proxy = Site::new().start();
    get(&proxy, "health");
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&run_file(&proxy)), mode(&proxy.site.state_dir())), (0o600, 0o700));
    let content: Value = serde_json::from_slice(&fs::read(run_file(&proxy)).unwrap()).unwrap();
    assert_eq!(content["address"], proxy.address().to_string());
    assert_eq!(content["pid"], proxy.pid());
    assert!(content["secret"].as_str().unwrap().len() >= 32);
    assert!(proxy.stop().success());
    assert!(!run_file(&proxy).exists());
}
