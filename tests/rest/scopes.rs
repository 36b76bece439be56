//! Tokens with a scope: what is not theirs is not there.

use crate::rig::{SERVERS, fake};
use crate::*;
use std::collections::BTreeSet;

#[test]
fn what_is_hidden_is_answered_like_what_is_not_there() {
    let site = SERVERS
        .iter()
        .fold(Site::new(), |site, name| site.fake(name, fake(name).toml("tools = { deny = ['cwd'] }")));
    let token = site.token(&["--name", "phone", "--tools", "echo,cwd,fail"]);
    let proxy = site.start();
    let bearer = format!("Bearer {token}");
    let auth = [JSON, ("Authorization", bearer.as_str())];
    for name in SERVERS {
        println!("{name}");
        let call =
            |tool: &str| request("POST", &proxy.url(&format!("api/{name}/tools/{tool}")), &auth, b"{}");
        assert_eq!(call("echo").status, 200);
        let listed = request("GET", &proxy.url(&format!("api/{name}/tools")), &auth, b"").json();
        assert_eq!(
            names(&listed["tools"]).into_iter().collect::<BTreeSet<_>>(),
            ["echo", "fail"].map(String::from).into()
        );
        let gone = call("nope");
        for tool in ["cwd", "pid", "e%63ho2"] {
            let hidden = call(tool);
            let same = gone.text().replace("nope", &tool.replace("%63", "c"));
            assert_eq!((hidden.status, hidden.text()), (404, same), "{tool}");
            assert_eq!(hidden.headers.len(), gone.headers.len());
        }
    }
    let document = request("GET", &proxy.url("api/openapi.json"), &auth, b"").json();
    let tools: Vec<&String> =
        document["paths"].as_object().unwrap().keys().filter(|path| path.contains("/tools/")).collect();
    assert_eq!(tools.len(), 2 * SERVERS.len(), "{tools:?}");
}

#[test]
fn servers_out_of_scope_are_closed_and_not_described() {
    let site = Site::new().fake("a", Fake::stdio()).fake("b", Fake::stdio());
    let token = site.token(&["--servers", "a"]);
    let proxy = site.start();
    ["a", "b"].iter().for_each(|name| drop(proxy.wait_ready(name)));
    let bearer = format!("Bearer {token}");
    let ask = |path: &str| request("GET", &proxy.url(path), &[("Authorization", bearer.as_str())], b"");
    assert_eq!((ask("api/a/tools").status, ask("api/b/tools").status), (200, 403));
    assert_eq!(ask("api/b/tools").body, ask("api/none/tools").body);
    let document = ask("api/openapi.json");
    assert!(!document.text().contains("/api/b/"), "{}", document.text());
    assert_eq!(document.json()["security"], serde_json::json!([{"token": []}]));
    assert_eq!(document.json()["components"]["securitySchemes"]["token"]["scheme"], "bearer");
    assert_eq!(get(&proxy, "api/openapi.json").status, 401);
}
