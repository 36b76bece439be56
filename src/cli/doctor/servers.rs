//! What was found in the servers folder, and how it fares.

use super::{Finding, Patient};
use crate::config::environment;
use crate::config::spec::{ChildSpec, Launch};
use crate::discovery::{Discovery, LeftOut};
use crate::server::preflight;
use serde_json::Value;

const SUBJECT: &str = "servers";

pub(super) fn look(patient: &Patient) -> Vec<Finding> {
    let found = &patient.found;
    let before = found.servers.iter().filter_map(|spec| match &spec.launch {
        Launch::Child(child) => Some(before_start(&spec.name, child)),
        Launch::Remote(_) => None,
    });
    let said = patient.running.iter().flat_map(|(_, said)| said["servers"].as_array()).flatten();
    let odd = found.warnings.iter();
    let odd = odd.map(|odd| Finding::warning(SUBJECT, odd, "mcp-proxy check has the details"));
    let ills =
        found.left_out.iter().map(left_out).chain(before.flatten()).chain(said.filter_map(ill)).chain(odd);
    match ills.collect::<Vec<_>>() {
        ills if ills.is_empty() => vec![all_well(found)],
        ills => ills,
    }
}

fn all_well(found: &Discovery) -> Finding {
    let names: Vec<&str> = found.servers.iter().map(|spec| spec.name.as_str()).collect();
    match names.len() {
        0 => Finding::warning(SUBJECT, "there is none", "mcp-proxy add NAME -- COMMAND writes the first one"),
        count => Finding::ok(SUBJECT, format!("{count}: {}", names.join(", "))),
    }
}

fn left_out(out: &LeftOut) -> Finding {
    Finding::wrong(SUBJECT, format!("{} is left out: {}", out.place, out.reason), &*out.remedy)
}

fn before_start(name: &str, child: &ChildSpec) -> Vec<Finding> {
    let said = preflight(child, &environment());
    let problems = said.problems.into_iter();
    let problems =
        problems.map(|problem| Finding::wrong(SUBJECT, format!("{name}: {problem}"), "correct it"));
    let missing = said.missing.into_iter().map(|variable| {
        let cure = format!("put {variable}=… into the .env of its folder");
        Finding::wrong(SUBJECT, format!("{name} needs {variable}, and nothing sets it"), cure)
    });
    problems.chain(missing).collect()
}

/// What the running proxy says of a server that does not serve.
fn ill(server: &Value) -> Option<Finding> {
    let field = |key: &str| server[key].as_str().unwrap_or_default();
    let (name, reason) = (field("name"), field("reason"));
    let is_down = field("state") == "stopped" && !matches!(reason, "asleep" | "requested" | "");
    if !is_down && field("health") != "unhealthy" {
        return None;
    }
    let error = match field("last_error") {
        "" => String::new(),
        error => format!(": {error}"),
    };
    let reason = if reason.is_empty() { "unhealthy" } else { reason };
    let cure = format!("mcp-proxy logs {name} shows what it says; then mcp-proxy restart {name}");
    Some(Finding::wrong(SUBJECT, format!("{name} is down ({reason}){error}"), cure))
}
