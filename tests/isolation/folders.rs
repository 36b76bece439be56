//! Folders that a server can see, kept by the kernel.

use super::*;

/// What the server could do, told on its stderr: `other:read own:read …`.
const TRIES: &str = r#"try() { if eval "$2" >/dev/null 2>&1; then echo "$1:yes"; else echo "$1:no"; fi >&2; }
try other-env "cat ../other/.env"
try other-list "ls ../other"
try own-env "cat .env"
try own-write "echo x >written"
try other-write "echo x >../other/written"
try data-read "cat ../../data/file"
try data-write "echo x >../../data/written"
try tmp-write "echo x >$TMPDIR/written"
try environ "cat /proc/$PPID/environ"
"#;

/// What came of the tries of a server with these keys, or why it is down.
fn tries(keys: &str) -> Result<Vec<String>, String> {
    let site = Site::new();
    let tmp = site.write("tmp/file", "");
    site.write("data/file", "data");
    site.write("servers/other/server.toml", &script(""));
    site.write("servers/other/.env", "SECRET=the-secret-of-another");
    site.write("servers/a/.env", "OWN=1");
    site.write("servers/a/server.toml", &(script(TRIES) + keys));
    let proxy = site.env("TMPDIR", tmp.parent().unwrap()).start();
    let entry =
        wait_server(&proxy, "a", |entry| entry["state"] == "ready" || entry["last_error"].is_string());
    if let Some(error) = entry["last_error"].as_str() {
        return Err(error.to_string());
    }
    proxy.wait_log(|line| line.contains("environ:"));
    let logs = request("GET", &proxy.url("a/logs"), &[], b"");
    let text = String::from_utf8(logs.body).unwrap();
    let results = text.split(|letter: char| letter.is_whitespace() || letter == '"');
    Ok(results.filter(|word| word.ends_with(":yes") || word.ends_with(":no")).map(str::to_string).collect())
}

/// A kernel without Landlock refuses, and says so.
#[track_caller]
fn kept(keys: &str, expected: &[&str]) {
    match tries(keys) {
        Ok(results) => assert_eq!(results, expected, "{keys}"),
        Err(refusal) => assert!(refusal.contains("cannot be kept: "), "{refusal}"),
    }
}

#[test]
fn without_the_keys_a_server_can_what_its_user_can() {
    let results = tries("").unwrap();
    let all = [
        "other-env",
        "other-list",
        "own-env",
        "own-write",
        "other-write",
        "data-read",
        "data-write",
        "tmp-write",
    ];
    assert_eq!(results[..8], all.map(|what| format!("{what}:yes")));
}

#[test]
fn a_server_sees_what_is_named_and_no_more() {
    kept(
        "writable = ['.']\nread_only = ['../../data']\n",
        &[
            "other-env:no",
            "other-list:no",
            "own-env:yes",
            "own-write:yes",
            "other-write:no",
            "data-read:yes",
            "data-write:no",
            "tmp-write:no",
            "environ:no",
        ],
    );
}

#[test]
fn its_own_folder_is_readable_and_the_rest_is_shut() {
    kept(
        "read_only = []\n",
        &[
            "other-env:no",
            "other-list:no",
            "own-env:yes",
            "own-write:no",
            "other-write:no",
            "data-read:no",
            "data-write:no",
            "tmp-write:no",
            "environ:no",
        ],
    );
}

#[test]
fn a_program_that_is_shut_out_is_told_of() {
    let site = Site::new();
    let elsewhere = site.program("elsewhere/interpreter", "#!/bin/sh\n");
    let program = format!("#!{}\n", elsewhere.display());
    site.program("servers/a/run", &program);
    site.write("servers/a/server.toml", "command = './run'\nread_only = []\n");
    let proxy = site.start();
    let trouble = trouble(&proxy, "a");
    let told = trouble.contains("named in read_only?") || trouble.contains("cannot be kept: ");
    assert!(told, "{trouble}");
}

#[test]
fn what_cannot_be_kept_is_not_started() {
    let missing = tries("writable = ['no/such/folder']\n").unwrap_err();
    assert!(missing.contains("named in read_only or writable, does not exist"), "{missing}");
    let both = tries("writable = ['.']\nallow_privileges = true\n").unwrap_err();
    assert!(both.contains("keep either allow_privileges or read_only and writable"), "{both}");
}
