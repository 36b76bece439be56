//! Callers with a scope: each sees and calls what both the server's rules and its scope leave.

use crate::harness::*;
use crate::rig::*;
use crate::shown::names;
use serde_json::{Value, json};

/// Clients of both eras with this token.
fn clients(proxy: &Proxy, name: &str, token: &str) -> [Anyone; 2] {
    let bearer = format!("Bearer {token}");
    let legacy = proxy.client_with(name).header("Authorization", &bearer).connect();
    let modern = Modern::new(&proxy.url(name)).header("Authorization", &bearer);
    [Anyone::Legacy(legacy), Anyone::Modern(modern)]
}

fn shown(client: &Anyone) -> Vec<String> {
    let all = names(&client.request("tools/list", json!({})).unwrap());
    all.into_iter().filter(|name| ["echo", "args", "cwd"].contains(&name.as_str())).collect()
}

#[test]
fn each_caller_sees_what_rules_and_scope_leave() {
    let rules = |site: Site, name: &&str| site.fake(name, fake(name).toml("tools = { deny = ['cwd'] }"));
    let site = SERVERS.iter().fold(Site::new(), rules).arg("--log-format").arg("json");
    let some = site.token(&["--name", "phone", "--tools", "echo,cwd"]);
    let all = site.token(&["--name", "desk"]);
    let proxy = site.start();
    for name in SERVERS {
        for client in clients(&proxy, name, &some) {
            println!("a {} client meets {name}", client.era());
            assert_eq!(shown(&client), ["echo"]);
            assert_eq!(client.text("echo", json!({"text": "hi"})), "hi");
            for tool in ["args", "cwd"] {
                assert_eq!(
                    client.try_call(tool, json!({})).unwrap_err()["message"],
                    format!("Unknown tool: {tool}")
                );
            }
        }
        for client in clients(&proxy, name, &all) {
            assert_eq!(shown(&client), ["echo", "args"]);
            assert!(client.try_call("args", json!({})).is_ok() && client.try_call("cwd", json!({})).is_err());
        }
        let line = |who: &str, tool: &str, outcome: &str| {
            proxy.wait_log(|line| {
                let line: Value = serde_json::from_str(line).unwrap_or_default();
                line["who"] == who
                    && line["tool"] == tool
                    && line["outcome"] == outcome
                    && line["server"] == name
            })
        };
        line("token:phone", "echo", "ok");
        line("token:phone", "args", "refused");
        line("token:desk", "args", "ok");
    }
}

#[test]
fn a_scoped_caller_has_no_other_path_to_an_http_server() {
    let site = Site::new().fake("far", fake("legacy-http"));
    let (some, all) = (site.token(&["--tools", "echo"]), site.token(&["--name", "all"]));
    let proxy = site.start();
    let status = |token: &str| {
        let fields = [("Authorization", format!("Bearer {token}"))];
        let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
        request("GET", &proxy.url("far/other"), &fields, b"").status
    };
    assert_eq!((status(&some), status(&all)), (403, 200));
}
