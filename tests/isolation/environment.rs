//! Each child's environment, read from the system.

use super::*;
use std::collections::BTreeMap;

fn environ(pid: u64) -> BTreeMap<String, String> {
    let bytes = fs::read(format!("/proc/{pid}/environ")).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let pairs = text.split('\0').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

/// Three servers that have their secrets in three ways, and a proxy with secrets of its own.
fn site() -> Site {
    let site = Site::new()
        .env("GITHUB_TOKEN", "the-proxys-own-token")
        .env("MCP_PROXY_DEFAULTS_RETRY_MS", "1001")
        .env("AWS_SECRET_ACCESS_KEY", "the-proxys-own-key")
        .env("SSH_AUTH_SOCK", "/the-proxys-own-agent")
        .env("LC_ALL", "C")
        .env("HTTPS_PROXY", "http://proxy:3128")
        .fake("one", Fake::stdio().env("ONE", "the-secret-of-one"))
        .fake("two", Fake::stdio())
        .fake(
            "three",
            Fake::http().toml("env_from_files = { THREE = 'three.txt' }\npass_env = ['PASSED', 'FILED']"),
        );
    site.write("servers/two/.env", "TWO=the-secret-of-two\nSTOLEN=${GITHUB_TOKEN}$GITHUB_TOKEN\nPORT=4\n");
    site.write("servers/three/three.txt", "the-secret-of-three\n");
    let filed = site.write("filed", "a-secret-from-a-file\n");
    site.env("PASSED", "what-is-passed").env("FILED_FILE", filed)
}

#[test]
fn every_child_has_its_own_secrets_and_nobody_elses() {
    let proxy = site().start();
    let all = ["one", "two", "three"].map(|name| (name, environ(pid(&proxy, name))));
    let secrets = [
        ("ONE", "the-secret-of-one", "one"),
        ("TWO", "the-secret-of-two", "two"),
        ("THREE", "the-secret-of-three", "three"),
        ("PASSED", "what-is-passed", "three"),
        ("FILED", "a-secret-from-a-file", "three"),
    ];
    for (name, environment) in &all {
        let text = format!("{environment:?}");
        assert!(!text.contains("the-proxys-own"), "{name}: {text}");
        for (variable, value, owner) in secrets {
            let has = environment.get(variable).is_some_and(|own| own == value);
            assert_eq!((has, text.contains(value)), (*name == owner, *name == owner), "{name}: {text}");
        }
        assert_eq!((&*environment["LC_ALL"], &*environment["HTTPS_PROXY"]), ("C", "http://proxy:3128"));
        let ours: Vec<&String> = environment.keys().filter(|name| name.starts_with("MCP_PROXY_")).collect();
        assert_eq!(ours, ["MCP_PROXY_RUN"], "{name}");
    }
    assert_eq!(all[1].1["STOLEN"], "$GITHUB_TOKEN");
}

/// The port of one that is known to speak on its pipes is taken: our own door for it listens there.
#[test]
fn a_child_that_may_listen_is_told_its_port_unless_it_has_its_own() {
    let site = site().fake("five", Fake::http().env("MCP_HOST", "::1"));
    let silent = format!("command = {:?}\n", example("fake_stdio"));
    site.write("servers/four/server.toml", &silent);
    let proxy = site.start();
    let port = |name| wait_server(&proxy, name, |entry| entry["state"] == "ready")["port"].to_string();
    for name in ["three", "four", "five"] {
        let (environment, port) = (environ(pid(&proxy, name)), port(name));
        let told = ["PORT", "MCP_PORT", "FASTMCP_PORT"].map(|name| environment[name].as_str());
        assert_eq!(told, [&port; 3], "{name}");
        let own = if name == "five" { "::1" } else { "127.0.0.1" };
        assert_eq!((&*environment["HOST"], &*environment["MCP_HOST"]), ("127.0.0.1", own));
    }
    assert_eq!(environ(pid(&proxy, "two"))["PORT"], "4");
    assert!(!environ(pid(&proxy, "one")).contains_key("PORT"));
}

#[test]
fn a_credential_of_systemd_is_passed_by_its_name() {
    let site = Site::new().fake("a", Fake::stdio().toml("pass_env = ['api_key']"));
    site.write("credentials/api_key", "a-credential\n");
    site.write("credentials/other", "another-credential\n");
    let folder = site.folder().join("credentials");
    let proxy = site.env("CREDENTIALS_DIRECTORY", folder).start();
    let environment = environ(pid(&proxy, "a"));
    assert_eq!(environment["api_key"], "a-credential");
    assert!(
        !format!("{environment:?}").contains("another-")
            && !environment.contains_key("CREDENTIALS_DIRECTORY")
    );
}

#[test]
fn a_secret_file_that_others_can_read_is_warned_of_or_refused() {
    use std::os::unix::fs::PermissionsExt;
    let site = Site::new()
        .fake("open", Fake::stdio())
        .fake("strict", Fake::stdio().toml("strict_permissions = true"));
    let files = ["open", "strict"].map(|name| site.write(&format!("servers/{name}/.env"), "A=1\n"));
    let check = site.run(&["check"]);
    let text = String::from_utf8(check.stdout).unwrap();
    assert_eq!(check.status.code(), Some(1), "{text}");
    assert!(
        text.contains(&format!("warning   {} can be read by other users; chmod 600 ", files[0].display())),
        "{text}"
    );
    assert!(text.contains("problem   strict_permissions: "), "{text}");
    let proxy = site.start();
    proxy.wait_log(|line| line.contains("open: ") && line.contains(".env can be read by other users"));
    assert!(trouble(&proxy, "strict").contains("strict_permissions: "), "{}", trouble(&proxy, "strict"));
    fs::set_permissions(&files[1], fs::Permissions::from_mode(0o600)).unwrap();
    request("POST", &proxy.url("api/servers/strict/start"), &[], b"");
    pid(&proxy, "strict");
}
