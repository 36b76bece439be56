//! Colours, which only a terminal gets. `script` (util-linux) is the terminal.
#![cfg(target_os = "linux")]

use super::*;
use std::process::Command;

/// What a person would see, with the colours.
fn seen(site: &Site, args: &[&str], env: &[(&str, &str)]) -> String {
    let proxy = site.command();
    let words = std::iter::once(proxy.get_program()).chain(proxy.get_args());
    let words = words.map(|word| word.to_str().unwrap()).chain(args.iter().copied());
    let line: Vec<String> = words.map(|word| format!("'{word}'")).collect();
    let mut script = Command::new("script");
    script.args(["-qec", &line.join(" "), "/dev/null"]).current_dir(site.folder());
    script.env_clear().envs(proxy.get_envs().filter_map(|(name, value)| Some((name, value?))));
    script.env("TERM", "xterm").envs(env.iter().copied()).stdin(std::process::Stdio::null());
    String::from_utf8(script.output().unwrap().stdout).unwrap()
}

const GREEN: &str = "\u{1b}[32m";
const RED: &str = "\u{1b}[31m";

#[test]
fn a_terminal_gets_colours_unless_it_wants_none() {
    let site = Site::new();
    site.write("servers/lost/server.toml", "command = \"no-such-program\"\n");
    for (args, colour) in [(&["check"][..], RED), (&["doctor"], RED), (&["doctor"], GREEN)] {
        let text = seen(&site, args, &[]);
        assert!(text.contains(colour), "{args:?}: {text:?}");
        for quiet in [("NO_COLOR", "1"), ("TERM", "dumb")] {
            let text = seen(&site, args, &[quiet]);
            assert!(text.contains("lost") && !text.contains('\u{1b}'), "{args:?} {quiet:?}: {text:?}");
        }
        assert!(!run(&site, args).1.contains('\u{1b}'), "a pipe gets none");
        let text = seen(&site, &[args, &["--json"]].concat(), &[]);
        assert!(text.contains('{') && !text.contains('\u{1b}'), "{text:?}");
    }
}

#[test]
fn what_serves_is_green_and_what_is_down_is_red() {
    let proxy = Site::new().config("[restart]\nbrake_exits = 1\n").fake("a", Fake::stdio()).start();
    proxy.wait_ready("a");
    assert!(seen(&proxy.site, &["list"], &[]).contains(&format!("{GREEN}a  ")));
    assert!(seen(&proxy.site, &["healthcheck"], &[]).contains(&format!("{GREEN}ok")));
    proxy.site.add("a", &Fake::stdio().env("FAKE_EXIT_AT_START", "1"));
    succeeds(&proxy.site, &["reload"]);
    proxy.wait_server("a", |entry| entry["reason"] == "crash-loop");
    assert!(seen(&proxy.site, &["list"], &[]).contains(&format!("{RED}a  ")));
}
