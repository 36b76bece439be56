//! `mcp-proxy logs`: what a server of the running proxy says.

use super::arguments::Wanted;
use super::control::Control;
use super::{Failure, print};
use serde_json::Value;
use std::io::{self, BufRead, ErrorKind, Write};

/// Prints the lines that are kept; with `follow` those that come, too, until the server or the proxy is gone.
pub(super) fn logs(control: &Control, wanted: &Wanted, json: bool) -> Result<(), Failure> {
    let lines = wanted.lines.map(|lines| format!("?lines={lines}")).unwrap_or_default();
    let path = format!("/{}/logs{lines}", wanted.server);
    match wanted.follow {
        true => follow(control, &path, &wanted.server, json),
        false => kept(control, &path, json),
    }
}

fn kept(control: &Control, path: &str, json: bool) -> Result<(), Failure> {
    let (status, body) = control.get(path).map_err(Failure::Wrong)?;
    match (&body["error"], status, json) {
        (Value::String(error), ..) => Err(Failure::Wrong(error.clone())),
        (_, 200, true) => print(&format!("{body:#}\n")),
        (_, 200, false) => {
            print(&body["lines"].as_array().into_iter().flatten().map(text).collect::<String>())
        }
        (_, status, _) => Err(Failure::Wrong(format!("the proxy answered {status}"))),
    }
}

fn text(line: &Value) -> String {
    format!("{}\n", line["text"].as_str().unwrap_or_default())
}

fn follow(control: &Control, path: &str, server: &str, json: bool) -> Result<(), Failure> {
    let stream = control.events(path).map_err(Failure::Wrong)?;
    for line in stream.lines().map_while(Result::ok) {
        let data = line.strip_prefix("data: ").and_then(|data| serde_json::from_str::<Value>(data).ok());
        let shown = match data {
            Some(line) if json => format!("{line}\n"),
            Some(line) if line["text"].is_string() => text(&line),
            Some(lost) => format!("… {} lines were left out\n", lost["lines"]),
            None => continue,
        };
        match io::stdout().write_all(shown.as_bytes()) {
            // Nobody reads any more (`| head`).
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
            outcome => outcome.map_err(|error| Failure::Wrong(error.to_string()))?,
        }
    }
    Err(Failure::Wrong(format!("no more: {server} is not served any more, or the proxy has ended")))
}
