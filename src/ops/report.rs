//! The shapes of `/servers`, `/health`, `/ready` and `/NAME/health`.

use crate::bridge::ChildReport;
use crate::discovery::LeftOut;
use crate::fleet::{Served, Serving};
use crate::log::printable;
use crate::protocol::revision::Era;
use crate::server::{Health, State, Status, Target};
use serde_json::{Value, json};
use std::time::SystemTime;

/// How well the proxy does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overall {
    /// Every enabled server is ready and none is known to be ill.
    Ok,
    /// At least one is not.
    Degraded,
    /// There are enabled servers and all of them are down or unhealthy.
    Down,
    /// The proxy is ending.
    Stopping,
}

impl Overall {
    /// As `/health` says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Overall::Ok => "ok",
            Overall::Degraded => "degraded",
            Overall::Down => "down",
            Overall::Stopping => "stopping",
        }
    }

    /// Whether `/health` answers 200.
    pub fn is_serving(self) -> bool {
        matches!(self, Overall::Ok | Overall::Degraded)
    }
}

/// Sums up all servers. One bad server does not turn the whole proxy down; one that sleeps is well.
pub fn overall(statuses: &[Status], stopping: bool) -> Overall {
    let enabled: Vec<&Status> = statuses.iter().filter(|status| status.target == Target::Up).collect();
    let down =
        |status: &Status| status.state == State::Stopped && status.last_end.is_some() && !status.rests();
    let ill = |status: &&&Status| status.health == Health::Unhealthy || down(status);
    let well = |status: &&Status| {
        let ready = status.state == State::Ready || status.rests();
        ready && matches!(status.health, Health::Unknown | Health::Healthy)
    };
    match enabled.iter().filter(ill).count() {
        _ if stopping => Overall::Stopping,
        count if count > 0 && count == enabled.len() => Overall::Down,
        _ if enabled.iter().all(well) => Overall::Ok,
        _ => Overall::Degraded,
    }
}

/// Body of `/health`.
pub fn health(serving: &Serving, overall: Overall) -> Value {
    let brief = |served: &std::sync::Arc<Served>| {
        let status = served.server.status();
        let mut brief = json!({ "state": status.state.to_string(), "health": status.health.to_string() });
        if let Some(reason) = &status.reason {
            brief["reason"] = reason.to_string().into();
        }
        brief
    };
    let servers: serde_json::Map<String, Value> =
        serving.servers.iter().map(|(name, served)| (name.clone(), brief(served))).collect();
    json!({ "status": overall.as_str(), "servers": servers })
}

/// Names of enabled servers whose first start has not ended.
pub fn starting(serving: &Serving) -> Vec<String> {
    let first = serving.servers.values().filter(|served| served.server.status().is_new());
    first.map(|served| served.spec.name.clone()).collect()
}

/// Body of `/servers` and `/api/servers`; `base` is the URL clients reach the proxy by.
pub fn servers(serving: &Serving, base: &str) -> Value {
    let all: Vec<Value> = serving.servers.values().map(|served| server(served, base)).collect();
    json!({ "servers": all, "left_out": left_out(serving) })
}

/// What was found and cannot be served, and why.
pub fn left_out(serving: &Serving) -> Vec<Value> {
    let entry = |out: &LeftOut| json!({ "name": out.name, "place": out.place, "reason": out.reason, "remedy": out.remedy });
    serving.left_out.iter().map(entry).collect()
}

/// How well the proxy does, with these servers.
pub fn overall_of(serving: &Serving, stopping: bool) -> Overall {
    let statuses: Vec<Status> = serving.servers.values().map(|served| served.server.status()).collect();
    overall(&statuses, stopping)
}

/// One entry of `/servers`; also the body of `/NAME/health`.
pub fn server(served: &Served, base: &str) -> Value {
    let mut entry = standing(served, base);
    entry["in_flight"] = served.in_flight().into();
    entry["sessions"] = served.sessions().into();
    entry["figures"] = figures(served);
    entry
}

/// The same entry without figures: what changes seldom, and is told when it does.
pub fn standing(served: &Served, base: &str) -> Value {
    let status = served.server.status();
    json!({
        "name": served.spec.name,
        "kind": served.kind(),
        "url": format!("{base}/{}", served.spec.name),
        "port": served.port(),
        "state": status.state.to_string(),
        "reason": status.reason.as_ref().map(ToString::to_string),
        "health": status.health.to_string(),
        "since": rfc3339(status.since),
        "restarts": status.restarts,
        "last_error": status.last_error,
        "children": children(served, &status),
    })
}

/// What a server has done since its name is served, and what its processes take, as far as
/// [`crate::fleet::Fleet::measure`] has looked.
pub fn figures(served: &Served) -> Value {
    let (meter, status) = (served.server.meter(), served.server.status());
    let (calls, errors) = meter.calls();
    let used = meter.usage.last();
    let since = status.since.elapsed().ok().filter(|_| status.state == State::Ready);
    let quantile = |part| meter.durations.quantile(part).map(|time| rounded(time.as_secs_f64() * 1e3));
    json!({
        "calls": calls,
        "errors": errors,
        "in_flight": served.in_flight(),
        "sessions": served.sessions(),
        "p50_ms": quantile(0.5),
        "p99_ms": quantile(0.99),
        "memory_bytes": used.map(|used| used.memory_bytes),
        "cpu_percent": used.and_then(|used| used.cpu_percent).map(rounded),
        "processes": used.map_or(0, |used| used.processes),
        "uptime_seconds": since.map(|since| rounded(since.as_secs_f64())),
    })
}

/// More than three digits behind the point say nothing.
fn rounded(number: f64) -> f64 {
    (number * 1e3).round() / 1e3
}

fn children(served: &Served, status: &Status) -> Vec<Value> {
    let unknown = |pid: &u32| json!({ "pid": pid, "era": null, "session": null });
    match served.bridge.forward() {
        None => served.bridge.children().iter().map(child).collect(),
        Some(_) => status.pid.iter().map(unknown).collect(),
    }
}

fn child(child: &ChildReport) -> Value {
    let era = child.era.map(|era| match era {
        Era::Legacy => "legacy",
        Era::Modern => "modern",
    });
    json!({ "pid": child.pid, "era": era, "session": child.session })
}

/// A moment, in UTC.
pub fn rfc3339(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time).to_string()
}

/// The start-up table: name, kind, URL, port, state; then what was left out and why.
pub fn table(serving: &Serving, base: &str) -> String {
    let mut rows = vec![["NAME", "KIND", "URL", "PORT", "STATE"].map(String::from)];
    rows.extend(serving.servers.values().map(|served| {
        let port = served.port().map_or("-".to_string(), |port| port.to_string());
        let url = format!("{base}/{}", served.spec.name);
        [served.spec.name.clone(), served.kind().to_string(), url, port, state(&served.server.status())]
    }));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2), width(3)];
    let line = |row: &[String; 5]| {
        let cells =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}  ")).collect::<String>();
        format!("  {cells}{}\n", row[4])
    };
    let mut text: String = rows.iter().map(line).collect();
    if serving.servers.is_empty() {
        text = "  no server is running; put one into the servers folder (see README.md)\n".into();
    }
    for out in &serving.left_out {
        let words = format!("left out: {} ({}): {}; {}", out.name, out.place, out.reason, out.remedy);
        text += &format!("  {}\n", printable(&words));
    }
    text
}

/// In the table: `ready`, `asleep`, `stopped (crash-loop)`.
fn state(status: &Status) -> String {
    match &status.reason {
        Some(reason) if status.rests() && status.state == State::Stopped => reason.to_string(),
        Some(reason) => format!("{} ({reason})", status.state),
        None => status.state.to_string(),
    }
}
