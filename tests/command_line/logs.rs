//! `mcp-proxy logs` and what it stands on, `/NAME/logs`.

use super::*;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use std::io::{BufRead, BufReader, Lines};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdout, ExitStatus, Stdio};

fn say(client: &Client, text: &str, lines: u32) {
    client.call("stderr", json!({ "text": text, "lines": lines }));
}

/// `mcp-proxy logs …`, as it goes on.
struct Following {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Following {
    fn start(proxy: &Proxy, args: &[&str]) -> Following {
        let mut command = proxy.site.command();
        command.arg("logs").args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Following { child, lines }
    }

    #[track_caller]
    fn next(&mut self) -> String {
        self.lines.next().expect("one more line").unwrap()
    }

    /// Its exit, and what it said on stderr.
    #[track_caller]
    fn end(mut self) -> (ExitStatus, String) {
        let status = wait_for(DEADLINE, || self.child.try_wait().unwrap());
        let said = std::io::read_to_string(self.child.stderr.take().unwrap()).unwrap();
        (status, said)
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_last_lines_are_printed_and_so_many_as_are_asked_for() {
    let proxy = Site::new().fake("a", Fake::stdio()).start();
    let client = proxy.client("a");
    ["one", "two \u{1b}[2J", "three"].iter().for_each(|text| say(&client, text, 1));
    let logs = |args: &[&str]| succeeds(&proxy.site, &[&["logs", "a"], args].concat());
    eventually(DEADLINE, || logs(&[]).ends_with("one\ntwo \\u{1b}[2J\nthree\n"));
    assert_eq!(logs(&["-n", "2"]), "two \\u{1b}[2J\nthree\n");
    assert_eq!(logs(&["-n0"]), "");
    let body: Value = serde_json::from_str(&logs(&["--json", "-n", "1"])).unwrap();
    assert_eq!((&body["server"], &body["lines"][0]["text"]), (&json!("a"), &json!("three")));
    assert!(body["lines"][0]["time"].as_str().unwrap().ends_with('Z'), "{body}");
    let (code, out, error) = run(&proxy.site, &["logs", "b"]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(error.contains("no server has that name; there are: /a"), "{error}");
    let error = json(&proxy.site, 1, &["logs", "b", "-f", "--json"]);
    assert!(error["error"].as_str().unwrap().contains("no server has that name"), "{error}");
}

#[test]
fn what_is_said_is_followed_at_once_and_over_a_restart() {
    let proxy = Site::new().fake("a", Fake::stdio()).start();
    let client = proxy.client("a");
    say(&client, "before", 1);
    eventually(DEADLINE, || succeeds(&proxy.site, &["logs", "a"]).ends_with("before\n"));
    let mut following = Following::start(&proxy, &["a", "--follow", "-n", "1"]);
    assert_eq!(following.next(), "before");
    say(&client, "live", 1);
    assert_eq!(following.next(), "live");
    let before = proxy.wait_child("a");
    succeeds(&proxy.site, &["restart", "a"]);
    proxy.wait_restart("a", before);
    say(&client, "after", 1);
    assert_eq!(following.next(), "after");
    // Not INT: who runs the tests in the background has that ignored.
    kill_process(Pid::from_child(&following.child), Signal::TERM).unwrap();
    assert_eq!(following.end().0.signal(), Some(Signal::TERM.as_raw()));
}

#[test]
fn json_lines_are_followed_too() {
    let proxy = Site::new().fake("a", Fake::stdio()).start();
    let client = proxy.client("a");
    let mut following = Following::start(&proxy, &["a", "-f", "-n", "0", "--json"]);
    // Said again until it is heard: the stream may be opened a moment later.
    let heard = std::thread::scope(|scope| {
        let heard = scope.spawn(|| following.next());
        eventually(DEADLINE, || {
            say(&client, "said", 1);
            heard.is_finished()
        });
        heard.join().unwrap()
    });
    let line: Value = serde_json::from_str(&heard).unwrap();
    assert_eq!(line["text"], "said");
    assert!(line["number"].is_u64() && line["time"].is_string(), "{line}");
}

#[test]
fn following_ends_with_the_server_and_with_the_proxy() {
    let mut proxy = Site::new().fake("a", Fake::stdio()).fake("b", Fake::stdio()).start();
    let clients = ["a", "b"].map(|name| proxy.client(name));
    let mut following = ["a", "b"].map(|name| Following::start(&proxy, &[name, "-f"]));
    clients.iter().for_each(|client| say(client, "heard", 1));
    following.iter_mut().for_each(|one| while one.next() != "heard" {});
    std::fs::remove_dir_all(proxy.site.folder().join("servers/a")).unwrap();
    succeeds(&proxy.site, &["reload"]);
    let [of_a, of_b] = following;
    let (status, said) = of_a.end();
    assert_eq!(status.code(), Some(1));
    assert!(said.contains("a is not served any more, or the proxy has ended"), "{said}");
    assert!(proxy.stop().success());
    assert_eq!(of_b.end().0.code(), Some(1));
}

#[test]
fn a_changed_server_is_followed_on() {
    let proxy = Site::new().fake("a", Fake::stdio()).start();
    let client = proxy.client("a");
    let mut following = Following::start(&proxy, &["a", "-f"]);
    say(&client, "first", 1);
    while following.next() != "first" {}
    proxy.site.add("a", &Fake::stdio().env("FAKE_NAME", "other"));
    succeeds(&proxy.site, &["reload"]);
    say(&proxy.client("a"), "second", 1);
    while following.next() != "second" {}
}

#[test]
fn a_browser_is_told_line_by_line_and_may_come_back() {
    let proxy = Site::new().fake("a", Fake::stdio()).start();
    let client = proxy.client("a");
    say(&client, "said", 3);
    eventually(DEADLINE, || {
        request("GET", &proxy.url("a/logs"), &[], b"").text().matches("said").count() == 3
    });
    let open = |path: &str, more: &[(&str, &str)]| {
        let accept = ("Accept", "text/event-stream");
        Stream::open("GET", &proxy.url(path), &[&[accept], more].concat(), b"")
    };
    let stream = open("a/logs?lines=2", &[]);
    assert_eq!(stream.head.header("content-type"), Some("text/event-stream"));
    assert_eq!(stream.head.header("x-accel-buffering"), Some("no"));
    let lines = [stream.next_message().1, stream.next_message().1];
    assert_eq!((&lines[0]["text"], &lines[1]["text"]), (&json!("said"), &json!("said")));
    say(&client, "new", 1);
    let (_, new) = stream.next_message();
    assert_eq!(new["text"], "new");
    let last = lines[1]["number"].to_string();
    assert_eq!(open("a/logs", &[("Last-Event-ID", &last)]).next_message().1, new);
    let whole = request("GET", &proxy.url("a/logs"), &[("Accept", "application/json")], b"").json();
    assert_eq!(whole["lines"].as_array().unwrap().last().unwrap(), &new);
    assert_eq!(request("GET", &proxy.url("a/logs?lines=x"), &[], b"").status, 400);
}

#[test]
fn the_log_is_for_whom_the_server_is() {
    let proxy = Site::new().fake("a", Fake::stdio()).fake("b", Fake::stdio()).start();
    let token = proxy.site.token(&["--servers", "b"]);
    let stream = |headers: &[(&str, &str)]| {
        let headers = [&[("Accept", "text/event-stream")], headers].concat();
        Stream::try_open("GET", &proxy.url("a/logs"), &headers, b"").map_or_else(|it| it.status, |_| 200)
    };
    eventually(DEADLINE, || stream(&[]) == 401);
    assert_eq!(stream(&[("Authorization", &format!("Bearer {token}"))]), 403);
}

#[test]
fn children_of_sessions_are_heard_too() {
    let proxy = Site::new().fake("a", Fake::stdio().toml("instances = \"per-session\"")).start();
    let clients = [proxy.client("a"), proxy.client("a")];
    clients.iter().zip(["one", "two"]).for_each(|(client, text)| say(client, text, 1));
    eventually(DEADLINE, || {
        let logs = succeeds(&proxy.site, &["logs", "a"]);
        logs.contains("one\n") && logs.contains("two\n")
    });
}

/// A client that does not read keeps nobody: the child goes on, and other readers see what it says.
#[test]
fn a_slow_reader_holds_nobody_up() {
    let proxy = Site::new().fake("a", Fake::stdio()).start();
    let client = proxy.client("a");
    let mut slow = Connection::open(&proxy.url("a/logs"));
    slow.send("GET", &proxy.url("a/logs"), &[("Accept", "text/event-stream")], b"");
    assert_eq!(slow.head().status, 200);
    let text = "x".repeat(4000);
    (0..5).for_each(|_| say(&client, &text, 500));
    say(&client, "the end", 1);
    eventually(DEADLINE, || succeeds(&proxy.site, &["logs", "a", "-n1"]) == "the end\n");
    assert_eq!(client.text("echo", json!({"text": "on"})), "on");
}
