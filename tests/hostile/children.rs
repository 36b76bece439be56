//! Hostile children: each comes into the servers folder, does its worst, and is taken out again.

use crate::case::{Case, Part, case};
use crate::ground::Ground;
use crate::harness::{Client, DEADLINE, eventually};
use crate::imposter;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

pub(crate) fn part() -> Part {
    let mut cases: Vec<Case> = HARMLESS
        .iter()
        .map(|(kind, count, name)| {
            case(*name, move |ground| with(ground, kind, "", |client| harmless(client, *count)))
        })
        .collect();
    cases.extend([
        case("child: result of 30 MB", |ground| with(ground, "big", "", |client| big(client, 30_000_000))),
        case("child: result of 100 MB", |ground| with(ground, "big", "", |client| big(client, 100_000_000))),
        case("child: eight results of 12 MB at once", |ground| with(ground, "big", "", many_big)),
        case("child: answer 100,000 levels deep", |ground| {
            with(ground, "deep", "", |client| assert_eq!(go(client, 100_000).status, 200));
        }),
        case("child: ids of another server's calls", thief),
        case("child: line ends between the parts of messages", |ground| {
            with(ground, "lines-within", "", lines_within)
        }),
        case("child: error message that imitates HTTP and events", |ground| {
            with(ground, "evil-error", "", evil_error)
        }),
        case("child: stdout closed, alive", |ground| with(ground, "closes-stdout", "", closed_stdout)),
        case("child: stdin never read", |ground| {
            with(ground, "reads-no-more", "call_timeout_seconds = 5", never_reads)
        }),
        case("child: list_changed 300,000 times, a stream open", |ground| {
            with(ground, "list-changed", "", list_changed)
        }),
        case("child: 50,000 progress notifications, not read", |ground| {
            with(ground, "progress", "", progress)
        }),
        case("child: 1,000 messages, noise and half a line before its first answer", |ground| {
            with(ground, "talks-first", "", works)
        }),
        case("child: hello of 30 MB", long_hello),
        case("child: exits at once", exits),
        case("child: SIGTERM ignored", deaf_to_term),
        case("child: fork bomb", fork_bomb),
    ]);
    Part { title: "children", patient: Vec::new(), cases }
}

/// Kind, how often, name: after which the call is answered as if nothing had been.
const HARMLESS: [(&str, u64, &str); 6] = [
    ("endless-line", 100, "child: 100 MB without a line end"),
    ("fast", 300_000, "child: 300,000 log messages as fast as it can"),
    ("unknown-ids", 100_000, "child: 100,000 answers to unknown ids"),
    ("not-utf8", 100_000, "child: 100,000 lines that are not UTF-8"),
    ("asks", 200_000, "child: 200,000 requests, no answer read meanwhile"),
    ("stderr", 2_000, "child: 64 MB on stderr"),
];

/// Adds the child, waits until it is ready, attacks, takes it out again. One that was there before is known already, and
/// sleeps until its first client comes.
fn with(ground: &Ground, kind: &str, more: &str, attack: impl Fn(&Client)) {
    add(ground, kind, more);
    ground.proxy.wait_server(kind, |entry| entry["state"] == "ready" || entry["reason"] == "asleep");
    attack(&ground.proxy.client(kind));
    remove(ground, kind);
}

fn add(ground: &Ground, kind: &str, more: &str) {
    ground.proxy.site.write(&format!("servers/{kind}/server.toml"), &imposter::table(kind, more));
    reload(ground);
}

fn remove(ground: &Ground, kind: &str) {
    std::fs::remove_dir_all(ground.proxy.site.folder().join("servers").join(kind)).unwrap();
    reload(ground);
    ground.proxy.wait_gone(kind);
}

fn reload(ground: &Ground) {
    let output = ground.proxy.site.run(&["reload"]);
    assert!(output.status.success(), "{output:?}");
}

/// What its tool `go` answers.
fn go(client: &Client, count: u64) -> crate::harness::Response {
    client.post(&client.progress_message("go", json!({"count": count}), json!("token")))
}

fn works(client: &Client) {
    assert_eq!(client.text("echo", json!({"text": "on we go"})), "on we go");
}

fn harmless(client: &Client, count: u64) {
    let answer = go(client, count);
    let last = answer.messages().pop().unwrap();
    assert_eq!(last["result"]["content"][0]["text"], "done", "{last}");
    // It may have answers to read before it takes a call.
    let is_busy = || match client.try_call("echo", json!({"text": "first"})) {
        Err(error) => error["data"]["reason"] == "not-reading",
        Ok(_) => false,
    };
    eventually(DEADLINE, || !is_busy());
    works(client);
}

/// Whole, or an error that says why not.
fn big(client: &Client, bytes: u64) {
    let answer = go(client, bytes).messages().pop().unwrap();
    let text = answer["result"]["content"][0]["text"].as_str().map(str::len);
    let refused = answer["error"]["message"].as_str().is_some_and(|why| why.contains("max_"));
    assert!(text == usize::try_from(bytes).ok() || refused, "{:.300}", answer.to_string());
    works(client);
}

fn many_big(client: &Client) {
    std::thread::scope(|scope| (0..8).for_each(|_| drop(scope.spawn(|| big(client, 12_000_000)))));
}

/// The calls of the other server get their own answers.
fn thief(ground: &Ground) {
    let honest = ground.proxy.client("stdio");
    with(ground, "unknown-ids", "", |client| {
        let sleep = honest.call_message("sleep", json!({"ms": 1500}));
        std::thread::scope(|scope| {
            let slept = scope.spawn(|| honest.post(&sleep).messages().pop().unwrap());
            harmless(client, 50_000);
            let slept = slept.join().unwrap();
            assert_eq!(slept["result"]["content"][0]["text"], "slept", "{slept}");
        });
    });
}

fn lines_within(client: &Client) {
    let answer = go(client, 1);
    let all = answer.messages();
    assert_eq!(all.len(), 2, "{}", answer.text());
    assert_eq!(all[0]["params"]["message"], "\r\revent: evil\r", "{}", answer.text());
    assert!(all[1].get("result").is_some(), "{}", answer.text());
}

fn evil_error(client: &Client) {
    let answer = go(client, 1);
    assert!(answer.header("x-evil").is_none(), "{answer:?}");
    assert!(!answer.text().lines().any(|line| line.starts_with("event: evil")), "{answer:?}");
    let error = &answer.messages().pop().unwrap()["error"];
    assert!(error["message"].as_str().unwrap().starts_with("x\r\n\r\nHTTP/1.1 200 OK"), "{error}");
}

/// The call fails soon, and a new child takes over.
fn closed_stdout(client: &Client) {
    let begin = Instant::now();
    let answer = go(client, 1).messages().pop().unwrap();
    assert!(answer.get("error").is_some() && begin.elapsed() < DEADLINE, "{answer}");
    works(client);
}

/// Calls fail at their deadline or when the queue is full; what waits for the child is bounded.
fn never_reads(client: &Client) {
    let stuck = client.begin(&client.call_message("go", json!({})));
    let text = "y".repeat(1 << 20);
    let failed = |answer: Value| answer.get("error").is_some();
    std::thread::scope(|scope| {
        let call = || client.post(&client.call_message("echo", json!({"text": text})));
        let all: Vec<_> = (0..40).map(|_| scope.spawn(call)).collect();
        for answer in all.into_iter().map(|thread| thread.join().unwrap()) {
            assert!(answer.status == 503 || failed(answer.messages().pop().unwrap()), "{answer:?}");
        }
    });
    drop(stuck);
}

/// One that waits says as much as a hundred thousand.
fn list_changed(client: &Client) {
    let stream = client.listen();
    harmless(client, 300_000);
    let (_, message) = stream.next_message();
    assert_eq!(message["method"], "notifications/tools/list_changed");
}

fn progress(client: &Client) {
    let message = client.progress_message("go", json!({"count": 50_000}), json!("t"));
    let deaf = crate::wire::Wire::open(client.url()).unwrap();
    let request = crate::wire::post("/progress", &client.headers(), &message.to_string());
    let mut deaf = deaf;
    deaf.send(request.as_bytes()).unwrap();
    works(client);
}

/// Nothing that long is kept of a child; it either works or is said to be wrong.
fn long_hello(ground: &Ground) {
    add(ground, "long-hello", "");
    let entry = ground
        .proxy
        .wait_server("long-hello", |entry| entry["state"] == "ready" || entry["last_error"].is_string());
    assert!(entry["last_error"].is_string(), "it was taken: {entry}");
    remove(ground, "long-hello");
}

/// It is not started again and again without pause.
fn exits(ground: &Ground) {
    add(ground, "exits", "");
    let entry = ground.proxy.wait_server("exits", |entry| entry["restarts"].as_u64() >= Some(2));
    assert!(entry["last_error"].is_string(), "{entry}");
    remove(ground, "exits");
}

fn deaf_to_term(ground: &Ground) {
    with(ground, "deaf-to-term", "stop_timeout_seconds = 1", works);
    let ours = |(_, command): &(i32, String)| command.contains("deaf-to-term");
    eventually(DEADLINE, || !ground.proxy.descendants().iter().any(ours));
}

/// Within its own user's bound if there is one to give it, which takes root; else ended when it is counted.
fn fork_bomb(ground: &Ground) {
    let lingering =
        || ground.proxy.descendants().iter().filter(|(_, command)| command.contains("lingers")).count();
    if rustix::process::geteuid().is_root() {
        // A user of its own, so that no other process counts.
        with(ground, "forks", "user = \"64123\"\ngroup = \"64123\"\nmax_processes = 20", |client| {
            let started: usize = client.text("go", json!({"count": 200})).parse().unwrap();
            assert!((1..20).contains(&started), "{started} processes");
        });
    } else {
        add(ground, "forks", "max_processes = 20");
        ground.proxy.wait_ready("forks");
        let client = ground.proxy.client("forks");
        let _ = client.begin(&client.call_message("go", json!({"count": 200})));
        ground.proxy.wait_server("forks", |entry| {
            entry["last_error"].as_str().is_some_and(|why| why.contains("max_processes"))
        });
        remove(ground, "forks");
    }
    eventually(Duration::from_secs(20), || lingering() == 0);
}
