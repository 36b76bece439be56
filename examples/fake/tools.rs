//! The tools. Each is named in [`NAMES`]; those that wait have a thread of their own, so that nobody waits for them.
//!
//! | tool | arguments | does |
//! |---|---|---|
//! | `echo` | text | answers the text, byte for byte |
//! | `args` | any | answers its arguments as they came, as text and as `structuredContent` |
//! | `sleep` | ms | answers after a time, cancelled or not |
//! | `progress` | steps, ms, text | a notification with the caller's token and the text before each pause, then the text (`done`) |
//! | `mirror` | region, count, place.city | answers its arguments, which are header fields too |
//! | `fail` | text | a result with `isError` |
//! | `ask` | kind, text | asks the client (`sampling`, `elicitation`, `url`, `roots`, `none`), answers what it answered |
//! | `ask_twice` | kind, text | the same, then again: answers an array |
//! | `ask_many` | text | an elicitation `a` and a sampling `b` at once, answers both by name |
//! | `require_url` | id, text | legacy: error -32042 the first time with this id, then `done`; modern: asks `url` |
//! | `log` | level, text | `notifications/message` |
//! | `log_many` | | the same once for each level, debug first, with the level as its text |
//! | `list_changed` | what | `notifications/WHAT/list_changed` (tools, resources, prompts) |
//! | `add_tool` | name | one more in the list, until it dies |
//! | `touch` | uri | `notifications/resources/updated`, if subscribed |
//! | `end_listens` | | ends modern subscriptions from this side |
//! | `env`, `environ` | name | one variable, or all as JSON |
//! | `pid`, `cwd` | | |
//! | `state` | | what the client told: initialize parameters, log level, subscriptions (JSON); modern: its `_meta` as `client` |
//! | `received` | | every line so far, oldest first (a JSON array of strings) |
//! | `initializes` | | how many `initialize` it got |
//! | `seen` | id | whether a message with that id came |
//! | `big` | bytes | a text that long |
//! | `raw` | line | prints the line as it is |
//! | `noise` | lines | garbage on stdout |
//! | `stderr` | text, lines | |
//! | `hang` | | never answers |
//! | `crash` | code | exits without an answer |
//! | `abort` | | SIGKILL |
//! | `close_stdout` | | no answer any more, but lives on |
//! | `wedge` | | reads nothing, writes nothing, from now on |
//! | `ignore_term` | | survives SIGTERM |
//! | `fork`, `fork_setsid` | | leaves a grandchild that holds stdout and stderr open, in this group or in its own; answers its pid |

use super::peer::Peer;
use super::wire::{Era, Message, Reply, quote};
use super::{ask, logs, settings};
use rustix::process::{Pid, Signal, getpgid, getpid, kill_process, setsid};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

pub(crate) const NAMES: [&str; 36] = [
    "echo",
    "args",
    "sleep",
    "progress",
    "mirror",
    "fail",
    "ask",
    "ask_twice",
    "ask_many",
    "require_url",
    "log",
    "log_many",
    "list_changed",
    "add_tool",
    "touch",
    "end_listens",
    "env",
    "environ",
    "pid",
    "cwd",
    "state",
    "received",
    "initializes",
    "seen",
    "big",
    "raw",
    "noise",
    "stderr",
    "hang",
    "crash",
    "abort",
    "close_stdout",
    "wedge",
    "ignore_term",
    "fork",
    "fork_setsid",
];

#[derive(Deserialize)]
struct Call<'a> {
    name: String,
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Echo<'a> {
    #[serde(borrow)]
    text: &'a RawValue,
}

pub(crate) fn call(peer: &Arc<Peer>, message: &Message, reply: Reply) {
    let raw = message.params.map_or("{}", RawValue::get);
    let Ok(call) = serde_json::from_str::<Call>(raw) else {
        return reply.error(-32602, "tools/call needs a name");
    };
    let arguments = call.arguments.map_or("{}", RawValue::get);
    match call.name.as_str() {
        "echo" => echo(arguments, &reply),
        "args" | "mirror" => args(arguments, &reply),
        name => run(peer, name, Arguments { own: parse(arguments), all: message.tree() }, reply),
    }
}

/// The way the load test goes: nothing is copied that need not be.
fn echo(arguments: &str, reply: &Reply) {
    let text = serde_json::from_str::<Echo>(arguments).map_or("\"\"", |echo| echo.text.get());
    reply.text_json(text);
}

fn args(arguments: &str, reply: &Reply) {
    let text = quote(arguments);
    reply.result(&format!(
        r#"{{"content":[{{"type":"text","text":{text}}}],"structuredContent":{arguments}}}"#
    ));
}

fn parse(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_default()
}

/// A tool's own arguments, and all parameters of the request.
struct Arguments {
    own: Value,
    all: Value,
}

impl Arguments {
    fn text(&self, key: &str) -> &str {
        self.own[key].as_str().unwrap_or_default()
    }

    fn number(&self, key: &str) -> Option<u64> {
        self.own[key].as_u64()
    }

    fn count(&self, key: &str) -> usize {
        self.number(key).and_then(|n| usize::try_from(n).ok()).unwrap_or(1)
    }
}

fn run(peer: &Arc<Peer>, name: &str, arguments: Arguments, reply: Reply) {
    match name {
        "sleep" => drop(thread::spawn(move || sleep(&arguments, &reply))),
        "progress" => drop(thread::spawn(move || progress(&arguments, &reply))),
        "require_url" if reply.era == Era::Legacy => require_url(peer, &arguments, &reply),
        "fail" => fail(&arguments, &reply),
        "hang" => {}
        "crash" => settings::exit(arguments.number("code").unwrap_or(1), "told to crash"),
        "abort" => drop(kill_process(getpid(), Signal::KILL)),
        "close_stdout" => close_stdout(),
        "wedge" => wedge(),
        _ => match ask::tool(name, &arguments.own) {
            Some(asking) => asking.begin(peer, &arguments.all, reply),
            None => at_once(peer, name, &arguments, &reply),
        },
    }
}

fn at_once(peer: &Peer, name: &str, arguments: &Arguments, reply: &Reply) {
    match act(peer, name, arguments, reply).or_else(|| say(peer, name, arguments, reply)) {
        Some(text) => reply.text(&text),
        None => reply.error(-32602, &format!("no such tool: {name}")),
    }
}

/// The tools that do something and have nothing to say of it.
fn act(peer: &Peer, name: &str, arguments: &Arguments, reply: &Reply) -> Option<String> {
    match name {
        "raw" => reply.out.send(arguments.text("line")),
        "noise" => (0..arguments.count("lines")).for_each(|n| reply.out.send(&format!("noise {n} {{\"a\":"))),
        "stderr" => (0..arguments.count("lines")).for_each(|_| eprintln!("{}", arguments.text("text"))),
        "log" => logs::say(peer, reply, &arguments.all, arguments.text("level"), arguments.text("text")),
        "log_many" => logs::say_all(peer, reply, &arguments.all),
        "ignore_term" => settings::ignore_sigterm(),
        _ => return None,
    }
    Some("done".to_string())
}

/// The tools that answer a text at once.
fn say(peer: &Peer, name: &str, arguments: &Arguments, reply: &Reply) -> Option<String> {
    let server = peer.server;
    Some(match name {
        "env" => std::env::var(arguments.text("name")).unwrap_or_default(),
        "environ" => environ(),
        "pid" => std::process::id().to_string(),
        "cwd" => std::env::current_dir().unwrap_or_default().display().to_string(),
        "state" => state(peer, arguments, reply),
        "received" => json!(server.journal.lines()).to_string(),
        "initializes" => server.journal.count("initialize").to_string(),
        "seen" => server.journal.saw(&arguments.own["id"].to_string()).to_string(),
        "big" => "x".repeat(arguments.count("bytes")),
        "list_changed" => list_changed(peer, arguments.text("what")),
        "add_tool" => add_tool(peer, arguments.text("name")),
        "touch" => touch(peer, arguments.text("uri")),
        "end_listens" => server.peers().iter().map(|peer| peer.listens.end()).sum::<usize>().to_string(),
        "fork" => fork("linger"),
        "fork_setsid" => fork("linger-setsid"),
        _ => return None,
    })
}

fn fail(arguments: &Arguments, reply: &Reply) {
    let content = json!([{"type": "text", "text": arguments.text("text")}]);
    reply.result(&json!({"content": content, "isError": true}).to_string());
}

/// Whoever comes back has been there.
fn require_url(peer: &Peer, arguments: &Arguments, reply: &Reply) {
    let id = arguments.text("id");
    if !peer.told().required.insert(id.to_string()) {
        return reply.text("done");
    }
    let data = json!({"elicitations": [ask::elicitation(id, arguments.text("text"))]});
    reply.error_with(-32042, "URL elicitation required", &data);
}

fn sleep(arguments: &Arguments, reply: &Reply) {
    pause(arguments);
    reply.text("slept");
}

fn pause(arguments: &Arguments) {
    thread::sleep(Duration::from_millis(arguments.number("ms").unwrap_or(0)));
}

fn progress(arguments: &Arguments, reply: &Reply) {
    let token = &arguments.all["_meta"]["progressToken"];
    let steps = arguments.count("steps");
    let text = arguments.own["text"].as_str().unwrap_or("done");
    for step in 1..=steps {
        if !token.is_null() {
            let params = json!({"progressToken": token, "progress": step, "total": steps, "message": text});
            reply.notify("notifications/progress", &params);
        }
        pause(arguments);
    }
    reply.text(text);
}

fn list_changed(peer: &Peer, what: &str) -> String {
    peer.server.publish(&format!("notifications/{what}/list_changed"), &json!({}));
    "done".to_string()
}

fn add_tool(peer: &Peer, name: &str) -> String {
    peer.server.added().push(name.to_string());
    list_changed(peer, "tools")
}

fn touch(peer: &Peer, uri: &str) -> String {
    let told = peer.server.publish("notifications/resources/updated", &json!({"uri": uri}));
    if told > 0 { "sent" } else { "not subscribed" }.to_string()
}

fn environ() -> String {
    let lossy = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    let all: serde_json::Map<_, _> = std::env::vars_os().map(|(k, v)| (lossy(k), lossy(v).into())).collect();
    Value::from(all).to_string()
}

fn state(peer: &Peer, arguments: &Arguments, reply: &Reply) -> String {
    let told = peer.told();
    let client = if reply.era == Era::Modern { &arguments.all["_meta"] } else { &told.client };
    json!({"client": client, "level": told.level, "subscriptions": told.subscriptions}).to_string()
}

/// Something else takes the pipe's place, and the last handle on it is gone.
fn close_stdout() {
    match std::fs::File::create("/dev/null").map(rustix::stdio::dup2_stdout) {
        Ok(Ok(())) => {}
        _ => settings::exit(70, "cannot close stdout"),
    }
}

/// Holds the lock on stdout, so that no thread can answer either.
fn wedge() -> ! {
    let _out = std::io::stdout().lock();
    loop {
        thread::park();
    }
}

/// This program again, as a process that only lingers, with our stdout and stderr.
fn fork(role: &str) -> String {
    let program = std::env::current_exe().unwrap_or_default();
    let Ok(child) = Command::new(program).arg(role).stdin(Stdio::null()).spawn() else {
        settings::exit(70, "cannot fork");
    };
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    // Its group tells; its session is 0, which is no pid, where the old leader lies outside our pid namespace.
    while role == "linger-setsid" && getpgid(pid).ok() != pid {
        thread::sleep(Duration::from_millis(1));
    }
    child.id().to_string()
}

/// What the grandchild does, which is known by its argument; false: this is no grandchild. Not for ever: a test that
/// fails must not leave it behind for good.
pub(crate) fn linger() -> bool {
    let Some(role) = std::env::args().nth(1) else { return false };
    if role == "linger-setsid" {
        let _ = setsid(); // refused only to the leader of a group, which this is not
    }
    thread::sleep(Duration::from_secs(300));
    true
}
