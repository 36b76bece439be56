//! What the proxy says of its servers.

use super::{DEADLINE, Proxy, eventually, request, wait_for};
use serde_json::Value;

impl Proxy {
    /// An entry of `/servers`.
    #[track_caller]
    pub fn server(&self, name: &str) -> Value {
        self.entry("servers", name)
    }

    /// Why a server is left out, from `/servers`.
    #[track_caller]
    pub fn left_out(&self, name: &str) -> Value {
        self.entry("left_out", name)
    }

    /// An entry of `/servers`, if it is there.
    #[track_caller]
    pub fn find(&self, name: &str) -> Option<Value> {
        named(&self.servers(), "servers", name)
    }

    #[track_caller]
    fn entry(&self, list: &str, name: &str) -> Value {
        let all = self.servers();
        named(&all, list, name).unwrap_or_else(|| panic!("no {name} in {all}"))
    }

    #[track_caller]
    fn servers(&self) -> Value {
        request("GET", &self.url("servers"), &[("Authorization", &self.operator())], b"").json()
    }

    /// What opens everything: the control secret, as an `Authorization`.
    pub fn operator(&self) -> String {
        let path = self.site.state_dir().join(format!("run-{}.json", self.address().port()));
        let content: Value =
            serde_json::from_slice(&std::fs::read(path).unwrap_or_default()).unwrap_or_default();
        format!("Bearer {}", content["secret"].as_str().unwrap_or_default())
    }

    /// Waits until an entry of `/servers` is there and as it should be.
    #[track_caller]
    pub fn wait_server(&self, name: &str, matches: impl Fn(&Value) -> bool) -> Value {
        wait_for(DEADLINE, || self.find(name).filter(&matches))
    }

    #[track_caller]
    pub fn wait_gone(&self, name: &str) {
        eventually(DEADLINE, || self.find(name).is_none());
    }

    /// Waits for what goes wrong with a server.
    #[track_caller]
    pub fn trouble(&self, name: &str) -> String {
        let entry = self.wait_server(name, |entry| entry["last_error"].is_string());
        entry["last_error"].as_str().expect("words").to_string()
    }

    #[track_caller]
    pub fn wait_ready(&self, name: &str) -> Value {
        self.wait_server(name, |entry| entry["state"] == "ready")
    }

    /// The process of a server's child.
    #[track_caller]
    pub fn child(&self, name: &str) -> i32 {
        let entry = self.server(name);
        child_of(&entry).unwrap_or_else(|| panic!("no child in {entry}"))
    }

    /// The same, if the server is ready.
    #[track_caller]
    pub fn ready_child(&self, name: &str) -> Option<i32> {
        child_of(&self.find(name).filter(|entry| entry["state"] == "ready")?)
    }

    /// The same, once it is.
    #[track_caller]
    pub fn wait_child(&self, name: &str) -> i32 {
        wait_for(DEADLINE, || self.ready_child(name))
    }

    /// Waits until another process than this one serves.
    #[track_caller]
    pub fn wait_restart(&self, name: &str, before: i32) -> i32 {
        wait_for(DEADLINE, || self.ready_child(name).filter(|pid| *pid != before))
    }
}

fn named(all: &Value, list: &str, name: &str) -> Option<Value> {
    all[list].as_array().expect("a list").iter().find(|entry| entry["name"] == name).cloned()
}

fn child_of(entry: &Value) -> Option<i32> {
    entry["children"][0]["pid"].as_i64()?.try_into().ok()
}
