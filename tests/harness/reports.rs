//! What the proxy says of its servers.

use super::{DEADLINE, Proxy, request, wait_for};
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

    #[track_caller]
    fn entry(&self, list: &str, name: &str) -> Value {
        let all = request("GET", &self.url("servers"), &[], b"").json();
        let mut entries = all[list].as_array().expect("a list").iter();
        entries.find(|entry| entry["name"] == name).unwrap_or_else(|| panic!("no {name} in {all}")).clone()
    }

    /// Waits until an entry of `/servers` is as it should be.
    #[track_caller]
    pub fn wait_server(&self, name: &str, matches: impl Fn(&Value) -> bool) -> Value {
        wait_for(DEADLINE, || Some(self.server(name)).filter(&matches))
    }

    #[track_caller]
    pub fn wait_ready(&self, name: &str) -> Value {
        self.wait_server(name, |entry| entry["state"] == "ready")
    }

    /// The process of a server's child.
    #[track_caller]
    pub fn child(&self, name: &str) -> i32 {
        let entry = self.server(name);
        let pid = entry["children"][0]["pid"].as_i64();
        pid.and_then(|pid| i32::try_from(pid).ok()).unwrap_or_else(|| panic!("no child in {entry}"))
    }
}
