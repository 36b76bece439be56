//! Completions in a real bash, and the manual page.

use super::*;
use std::process::Command;

/// What bash would offer for this line, one word each.
fn offered(site: &Site, line: &str) -> Vec<String> {
    let program = site.command().get_program().to_str().unwrap().to_string();
    let script = format!(
        r#"source "$1"; shift
        line=({line} "$@")
        COMP_WORDS=("{program}" "${{line[@]}}") COMP_CWORD=${{#line[@]}}
        _mcp_proxy "{program}" "${{line[-1]}}" ""
        printf '%s\n' "${{COMPREPLY[@]}}""#
    );
    let path = site.write("completions.bash", &succeeds(site, &["completions", "bash"]));
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", &script, "bash"]).arg(path).current_dir(site.folder());
    bash.args(line.ends_with(' ').then_some(""));
    let output = bash.output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let words = String::from_utf8(output.stdout).unwrap();
    words.lines().filter(|word| !word.is_empty()).map(String::from).collect()
}

#[test]
fn bash_completes_commands_options_and_names() {
    let site = Site::new().fake("notes", Fake::stdio()).fake("note book", Fake::stdio());
    assert_eq!(offered(&site, "re"), ["restart", "reload"]);
    assert_eq!(offered(&site, "token "), ["new", "list", "revoke"]);
    assert_eq!(offered(&site, "logs --f"), ["--follow"]);
    assert_eq!(offered(&site, "logs -f n"), ["note-book", "notes"], "of ./servers");
    assert_eq!(offered(&site, "--servers elsewhere logs n"), [""; 0]);
    assert_eq!(offered(&site, "--config "), [""; 0], "files are bash's own affair");
    site.token(&["--name", "phone"]);
    let state = site.state_dir().display().to_string();
    assert_eq!(offered(&site, &format!("--state-dir {state} token revoke ")), ["phone"]);
}

#[test]
fn each_shell_has_its_script() {
    let site = Site::new();
    assert!(succeeds(&site, &["completions", "zsh"]).starts_with("#compdef mcp-proxy\n"));
    assert!(succeeds(&site, &["completions", "fish"]).contains("complete -c mcp-proxy"));
    assert_eq!(run(&site, &["completions", "tcsh"]).0, 2);
}

#[test]
fn the_page_in_docs_is_the_program_s_own() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/mcp-proxy.1");
    let page = succeeds(&Site::new(), &["man"]);
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(page == kept, "docs/mcp-proxy.1 is another: mcp-proxy man > docs/mcp-proxy.1");
}

#[test]
fn every_command_has_help_of_its_own() {
    let site = Site::new();
    let help = succeeds(&site, &["logs", "--help"]);
    assert!(
        help.starts_with("Usage: mcp-proxy logs NAME [OPTIONS]\n") && help.contains("-n, --lines N"),
        "{help}"
    );
    assert!(succeeds(&site, &["help", "token"]).contains("mcp-proxy token revoke NAME"));
    assert!(succeeds(&site, &["help"]).contains("Commands"));
}
