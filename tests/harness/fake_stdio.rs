//! `examples/fake_stdio` by itself: messages in, messages out, as a bridge sees it.

use super::{DEADLINE, example};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

pub struct FakeStdio {
    child: Child,
    messages: Receiver<Value>,
}

impl FakeStdio {
    /// With these variables, see `examples/fake/settings.rs`.
    #[track_caller]
    pub fn with(env: &[(&str, &str)]) -> FakeStdio {
        let mut command = Command::new(example("fake_stdio"));
        command.envs(env.iter().copied()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            lines.map(|line| serde_json::from_str(&line).unwrap()).try_for_each(|it| sender.send(it))
        });
        FakeStdio { child, messages }
    }

    #[track_caller]
    pub fn send(&mut self, message: &Value) {
        self.child.stdin.as_mut().unwrap().write_all(format!("{message}\n").as_bytes()).unwrap();
    }

    #[track_caller]
    pub fn next(&self) -> Value {
        self.messages.recv_timeout(DEADLINE).expect("a message")
    }

    /// Sends a request and returns its answer; everything before it is dropped.
    #[track_caller]
    pub fn request(&mut self, id: u64, method: &str, params: Value) -> Value {
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        loop {
            let message = self.next();
            if message["id"] == id && message.get("method").is_none() {
                return message;
            }
        }
    }

    /// What comes within this time.
    pub fn within(&self, time: Duration) -> Vec<Value> {
        std::iter::from_fn(|| self.messages.recv_timeout(time).ok()).collect()
    }
}

impl Drop for FakeStdio {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
