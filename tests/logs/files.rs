//! Log files: one for each server, of bounded size, whole lines, and never in the way.

use super::{file, parsed};
use crate::harness::*;
use serde_json::json;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

fn logging(config: &str) -> Site {
    Site::new().config(&format!("[log]\ndir = \"logs\"\n{config}\n"))
}

#[test]
fn each_server_has_a_file_and_the_proxy_one_for_the_rest() {
    let site = logging("").fake("notes", Fake::stdio()).fake("other", Fake::stdio());
    let mut proxy = site.start();
    for name in ["notes", "other"] {
        proxy.client(name).call("stderr", json!({"lines": 1, "text": format!("said by {name}")}));
        proxy.wait_log(|line| line.contains(&format!("said by {name}")));
    }
    proxy.stop();
    for (name, other) in [("notes", "other"), ("other", "notes")] {
        let lines = file(&proxy, &format!("{name}.log"));
        let has = |word: &str| lines.iter().any(|line| line.contains(word));
        assert!(has(&format!("{name}: ready")) && has(&format!("said by {name}")), "{lines:#?}");
        assert!(has("tool call") && !has(other) && !has("listening"), "{lines:#?}");
    }
    let rest = file(&proxy, "proxy.log");
    assert!(rest.iter().any(|line| line.contains("proxy: listening on http://")), "{rest:#?}");
    assert!(rest.last().unwrap().ends_with("proxy: stopped"), "{rest:#?}");
    let logs = proxy.site.folder().join("logs");
    let mode = |path: &str| fs::metadata(logs.join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(""), mode("notes.log"), mode("proxy.log")), (0o700, 0o600, 0o600));
    // All that is on stderr is in a file as well, but for the table of servers.
    let all = [file(&proxy, "notes.log"), file(&proxy, "other.log"), rest].concat();
    for line in proxy.log().iter().filter(|line| line.contains("Z INFO")) {
        assert!(all.contains(line), "{line} is in no file");
    }
}

#[test]
fn files_stay_small_and_no_line_is_lost_or_split() {
    let site =
        logging("max_file_bytes = 20000\nmax_files = 50\nformat = \"json\"").fake("notes", Fake::stdio());
    let mut proxy = site.start();
    let clients: Vec<Client> = (0..4).map(|_| proxy.client("notes")).collect();
    std::thread::scope(|scope| {
        for (number, client) in clients.iter().enumerate() {
            scope.spawn(move || {
                for round in 0..40 {
                    client.call("stderr", json!({"lines": 1, "text": format!("line {number}-{round}.")}));
                }
            });
        }
    });
    let said = |number: usize, round: usize| format!("line {number}-{round}.");
    let last =
        |proxy: &Proxy| (0..4).all(|number| proxy.log().iter().any(|line| line.contains(&said(number, 39))));
    eventually(DEADLINE, || last(&proxy));
    proxy.stop();
    let logs = proxy.site.folder().join("logs");
    let names = fs::read_dir(&logs).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let names: Vec<String> = names.filter(|name| name.starts_with("notes.log")).collect();
    assert!(names.len() > 2, "{names:?}");
    let mut all = Vec::new();
    for name in &names {
        let text = fs::read_to_string(logs.join(name)).unwrap();
        assert!(text.len() <= 20_000 && text.ends_with('\n'), "{name}: {} bytes", text.len());
        all.extend(text.lines().map(|line| parsed(line)["message"].as_str().unwrap().to_string()));
    }
    for (number, round) in (0..4).flat_map(|number| (0..40).map(move |round| (number, round))) {
        let count = all.iter().filter(|message| **message == said(number, round)).count();
        assert_eq!(count, 1, "{}", said(number, round));
    }
}

#[test]
fn no_more_files_than_are_asked_for() {
    let site = logging("max_file_bytes = 2000\nmax_files = 2").fake("notes", Fake::stdio());
    let mut proxy = site.start();
    proxy.client("notes").call("stderr", json!({"lines": 100, "text": "x".repeat(100)}));
    proxy.wait_log(|line| line.contains("tool call"));
    proxy.stop();
    let logs = proxy.site.folder().join("logs");
    assert!(logs.join("notes.log.1").exists() && !logs.join("notes.log.2").exists());
}

#[test]
fn a_full_disk_and_a_folder_that_is_gone_stop_nothing() {
    let site = logging("").fake("notes", Fake::stdio()).fake("other", Fake::stdio());
    let logs = site.folder().join("logs");
    fs::create_dir(&logs).unwrap();
    symlink("/dev/full", logs.join("notes.log")).unwrap();
    let proxy = site.start();
    let client = proxy.client("notes");
    let lost = proxy.wait_log(|line| line.contains("are missing in the log files in"));
    assert!(lost.contains("No space left") && lost.contains("WARN  proxy: "), "{lost}");
    assert_eq!(client.text("echo", json!({"text": "goes on"})), "goes on");
    fs::remove_dir_all(&logs).unwrap();
    client.call("stderr", json!({"lines": 1, "text": "in a new folder"}));
    eventually(DEADLINE, || file(&proxy, "notes.log").iter().any(|line| line.ends_with("in a new folder")));
    let told = proxy.log().iter().filter(|line| line.contains("are missing in")).count();
    assert_eq!(told, 1, "it is told once a minute");
}

#[test]
fn a_folder_that_cannot_be_made_is_told_and_the_proxy_serves() {
    let site = Site::new().config("[log]\ndir = \"proxy.toml/logs\"\n").fake("notes", Fake::stdio());
    let proxy = site.start();
    proxy.wait_log(|line| line.contains("are missing in the log files in"));
    assert_eq!(proxy.client("notes").text("echo", json!({"text": "x"})), "x");
}

#[test]
fn secrets_are_masked_in_files_and_a_flood_is_cut() {
    let fake = Fake::stdio().env("API_KEY", "a-secret-of-the-server");
    let site = logging("").fake("notes", fake);
    site.write("servers/notes/.env", "API_TOKEN=the-token-of-the-server\n");
    let mut proxy = site.start();
    let client = proxy.client("notes");
    client.call("stderr", json!({"lines": 1, "text": "it is the-token-of-the-server."}));
    proxy.wait_log(|line| line.contains("it is ***."));
    client.call("stderr", json!({"lines": 20_000, "text": "flood"}));
    proxy.wait_log(|line| line.contains("tool call"));
    proxy.stop();
    let lines = file(&proxy, "notes.log");
    assert!(lines.iter().any(|line| line.contains("it is ***.")), "{lines:#?}");
    assert!(!lines.join("\n").contains("the-token-of-the-server"));
    let flood = lines.iter().filter(|line| line.ends_with("flood")).count();
    assert!(flood < 15_000, "{flood} of 20000 lines");
}
