use crate::harness::*;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

/// A proxy with one server, `a`.
#[track_caller]
pub fn proxy(fake: Fake) -> Proxy {
    Site::new().fake("a", fake).start()
}

/// A proxy with one server, `a`, whose calls are answered by streams from the start.
#[track_caller]
pub fn streaming() -> Proxy {
    proxy(Fake::stdio().toml("stream_after_ms = 0"))
}

/// `server.toml` of a server in sh that answers `initialize` with this result, and then does the rest.
pub fn script(result: &str, rest: &str) -> String {
    let answer = format!(r#"{{"jsonrpc":"2.0","id":0,"result":{result}}}"#);
    format!("command = \"sh\"\nargs = [\"-c\", '''\nread line\necho '{answer}'\n{rest}\n''']\n")
}

/// POSTs these bytes and reads the stream that answers them.
#[track_caller]
pub fn stream_of(proxy: &Proxy, client: &Client, body: &str) -> Stream {
    Stream::open("POST", &proxy.url("a"), &client.headers(), body.as_bytes())
}

/// A call that is never answered.
#[track_caller]
pub fn hang(client: &Client) -> Stream {
    client.stream(&client.call_message("hang", json!({})))
}

/// A call that is never answered, as text, for ids that a tree of JSON would change.
pub fn hang_text(id: &str, mark: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"hang","arguments":{{"mark":"{mark}"}}}}}}"#
    )
}

/// Every line the child got, oldest first.
#[track_caller]
pub fn lines_at_child(client: &Client) -> Vec<String> {
    serde_json::from_value(client.json("received", json!({}))).unwrap()
}

/// Every message the child got that a tree of JSON can hold.
#[track_caller]
pub fn messages_at_child(client: &Client) -> Vec<Value> {
    lines_at_child(client).iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// The messages with this method that the child got.
#[track_caller]
pub fn at_child(client: &Client, method: &str) -> Vec<Value> {
    let mut messages = messages_at_child(client);
    messages.retain(|message| message["method"] == method);
    messages
}

/// The child's id of the newest call of this tool.
#[track_caller]
pub fn id_at_child(client: &Client, tool: &str) -> Value {
    let calls = at_child(client, "tools/call");
    calls.iter().rfind(|call| call["params"]["name"] == tool).expect("such a call")["id"].clone()
}

/// The ids that the child was told are cancelled.
#[track_caller]
pub fn cancelled_at_child(client: &Client) -> Vec<Value> {
    let all = at_child(client, "notifications/cancelled");
    all.iter().map(|message| message["params"]["requestId"].clone()).collect()
}

/// Makes the child print a line.
#[track_caller]
pub fn print(client: &Client, line: &str) {
    assert_eq!(client.text("raw", json!({ "line": line })), "done");
}

/// Cancels a request of this client's.
#[track_caller]
pub fn cancel(client: &Client, id: &Value) {
    client.notify("notifications/cancelled", json!({ "requestId": id }));
}

/// Makes the child answer the call that was cancelled last.
#[track_caller]
pub fn answer_late(client: &Client) {
    let number = cancelled_at_child(client).pop().expect("a cancelled call");
    print(client, &json!({"jsonrpc": "2.0", "id": number, "result": {}}).to_string());
}

/// Makes the child say that a list has changed: on a GET stream, a mark behind everything said before.
#[track_caller]
pub fn list_changed(client: &Client, what: &str) {
    assert_eq!(client.text("list_changed", json!({ "what": what })), "done");
}

#[track_caller]
pub fn assert_list_changed(stream: &Stream, what: &str) {
    assert_eq!(stream.next_message().1["method"], format!("notifications/{what}/list_changed"));
}

/// The next message has to be an answer of ours that the call is over; its `data` is returned.
#[track_caller]
pub fn failure(stream: &Stream) -> Value {
    let (_, message) = stream.next_message();
    assert_eq!(message["error"]["code"], -32603, "{message}");
    stream.wait_end();
    message["error"]["data"].clone()
}

/// The process that answers this client's calls.
#[track_caller]
pub fn child_pid(client: &Client) -> i32 {
    client.text("pid", json!({})).parse().unwrap()
}

pub fn kill(pid: i32) {
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
}

/// This server's entry in `/servers`.
#[track_caller]
pub fn entry(proxy: &Proxy, name: &str) -> Value {
    let all = request("GET", &proxy.url("servers"), &[], b"").json();
    let servers = all["servers"].as_array().unwrap();
    servers.iter().find(|server| server["name"] == name).expect("the server").clone()
}

/// The most memory that the proxy has ever held, in bytes.
pub fn peak_memory(proxy: &Proxy) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", proxy.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}
