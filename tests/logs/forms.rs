//! Text, JSON, and what journald takes.

use super::parsed;
use crate::harness::*;
use std::fs::File;
use std::io::{Read, Seek};
use std::os::unix::fs::MetadataExt;
use std::process::{Child, Command, Stdio};

/// A proxy whose stderr is a file, and the file.
struct Journal {
    file: File,
    child: Child,
    _site: Site,
}

impl Journal {
    /// `stream` is what `JOURNAL_STREAM` says of the file.
    fn start(args: &[&str], stream: impl FnOnce(&File) -> String) -> Journal {
        let site = Site::new().fake("notes", Fake::stdio());
        let file = tempfile::tempfile().unwrap();
        let mut command: Command = site.command();
        command.args(["--listen", "127.0.0.1:0"]).args(args).env("JOURNAL_STREAM", stream(&file));
        let child = command.stderr(Stdio::from(file.try_clone().unwrap())).spawn().unwrap();
        Journal { file, child, _site: site }
    }

    /// What there is once a line contains that.
    #[track_caller]
    fn wait(&mut self, word: &str) -> Vec<String> {
        wait_for(DEADLINE, || {
            let mut text = String::new();
            self.file.rewind().unwrap();
            self.file.read_to_string(&mut text).unwrap();
            let whole = &text[..text.rfind('\n')? + 1];
            whole.contains(word).then(|| whole.lines().map(str::to_string).collect())
        })
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        let _ = rustix::process::kill_process(
            rustix::process::Pid::from_child(&self.child),
            rustix::process::Signal::TERM,
        );
        let _ = self.child.wait();
    }
}

fn own(file: &File) -> String {
    let it = file.metadata().unwrap();
    format!("{}:{}", it.dev(), it.ino())
}

#[test]
fn the_journal_is_recognised_and_gets_priorities_and_no_times() {
    let lines = Journal::start(&[], own).wait("notes: ready");
    assert!(lines.iter().any(|line| line.starts_with("<6>proxy: listening on http://")), "{lines:#?}");
    assert!(lines.iter().all(|line| line.starts_with('<') && line[2..].starts_with('>')), "{lines:#?}");
}

#[test]
fn who_is_not_the_journal_s_stream_gets_text() {
    for stream in [|_: &File| "1:1".to_string(), |_: &File| "nonsense".to_string(), |_: &File| String::new()]
    {
        let lines = Journal::start(&[], stream).wait("notes: ready");
        let listening = lines.iter().find(|line| line.contains("listening on http://")).unwrap();
        let time = listening.split(' ').next().unwrap();
        assert_eq!((time.len(), &time[10..11], &time[23..]), (24, "T", "Z"), "{listening}");
    }
}

#[test]
fn a_form_that_is_named_is_taken() {
    let lines = Journal::start(&["--log-format", "text"], own).wait("notes: ready");
    assert!(!lines.iter().any(|line| line.starts_with('<')), "{lines:#?}");
    let lines = Journal::start(&["--log-format", "json"], own).wait("\"event\":\"ready\"");
    lines.iter().for_each(|line| drop(parsed(line)));
    let lines = Journal::start(&["--log-format", "journal"], |_| String::new()).wait("notes: ready");
    assert!(lines.iter().all(|line| line.starts_with('<')), "{lines:#?}");
}

#[test]
fn every_line_is_json_whatever_a_server_prints() {
    let site = Site::new().fake("notes", Fake::stdio()).arg("--log-format").arg("json");
    let proxy = site.env("RUST_LOG", "trace").start();
    let client = proxy.client("notes");
    client.call("stderr", serde_json::json!({"lines": 1, "text": "a \"quote\" \u{1b}[2J \u{202e} \\ end"}));
    let line = proxy.wait_log(|line| line.contains("quote"));
    assert_eq!(parsed(&line)["message"], "a \"quote\" \u{1b}[2J \u{202e} \\ end");
    let lines = super::lines(&proxy);
    let ours = lines.iter().filter(|line| line["target"].as_str().unwrap().starts_with("mcp_proxy"));
    assert!(ours.clone().count() >= 5 && ours.clone().all(|line| line["event"].is_string()), "{lines:#?}");
}
