//! Whether the public URL leads to the proxy, and whether something on the way holds event streams back.

use super::{Finding, Patient, clock};
use std::io::Read;
use std::time::{Duration, Instant, SystemTime};
use ureq::Agent;
use ureq::http::Response;

const SUBJECT: &str = "public URL";
/// Names cannot be found, connections not be made, nothing be answered: soon enough.
const PATIENCE: Duration = Duration::from_secs(10);
/// The proxy's probe takes about twice as long from its first word to its last.
const SPREAD: Duration = Duration::from_millis(300);
const UNBUFFERED: &str = "nginx: proxy_buffering off, and no proxy_ignore_headers X-Accel-Buffering; Apache: flushpackets=on; Caddy: no `encode` on these paths; Cloudflare: a named tunnel, not a quick one; docs/edge.md has whole files";

pub(super) fn look(patient: &Patient) -> Vec<Finding> {
    let url = patient.loaded.config.proxy.public_url.trim_end_matches('/');
    match (url, &patient.running) {
        ("", _) => vec![Finding::ok(SUBJECT, "none is configured")],
        (url, None) => vec![Finding::warning(
            SUBJECT,
            format!("{url} was not tried: no proxy runs"),
            "start it, then: mcp-proxy doctor",
        )],
        (url, Some((control, _))) => ask(url, &control.proxy.address.to_string()),
    }
}

/// Twice, if the first time looks as if something held it back: this machine itself may be what was slow.
fn ask(url: &str, address: &str) -> Vec<Finding> {
    match probe(url, address) {
        Ok(Probe { spread, .. }) if spread < SPREAD => match probe(url, address) {
            Ok(again) => again.findings(url),
            Err(finding) => vec![finding],
        },
        Ok(well) => well.findings(url),
        Err(finding) => vec![finding],
    }
}

/// What came of one request.
struct Probe {
    /// From the first piece of the stream to its last.
    spread: Duration,
    date: Option<SystemTime>,
}

impl Probe {
    fn findings(self, url: &str) -> Vec<Finding> {
        let host = url.split("://").last().unwrap_or(url).split('/').next().unwrap_or_default().to_string();
        let first = match self.spread < SPREAD {
            true => {
                Finding::wrong(SUBJECT, format!("{url} leads here, but holds event streams back"), UNBUFFERED)
            }
            false => Finding::ok(SUBJECT, format!("{url} leads here and passes event streams on at once")),
        };
        let clock = self.date.and_then(|date| clock::beside(date, &host));
        std::iter::once(first).chain(clock).collect()
    }
}

fn probe(url: &str, address: &str) -> Result<Probe, Finding> {
    let agent: Agent = Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        .http_status_as_error(false)
        .max_redirects(0)
        .build()
        .into();
    let request = agent.get(format!("{url}/health")).header("accept", "text/event-stream");
    let response = request.call().map_err(|error| unreachable(url, address, &error))?;
    suits(url, address, &response)?;
    let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    let date = header("date").and_then(|date| httpdate::parse_http_date(date).ok());
    let mut reader = response.into_body().into_reader();
    let (mut buffer, mut first, mut last) = ([0; 512], None, Instant::now());
    while let Ok(1..) = reader.read(&mut buffer) {
        last = Instant::now();
        first.get_or_insert(last);
    }
    Ok(Probe { spread: first.map_or(Duration::ZERO, |first| last - first), date })
}

fn unreachable(url: &str, address: &str, error: &ureq::Error) -> Finding {
    let cure = format!(
        "is its name known here, does its certificate hold, and does whatever listens there pass on to {address}? docs/edge.md"
    );
    Finding::wrong(SUBJECT, format!("{url} cannot be reached from here: {error}"), cure)
}

/// Refuses what our own probe does not answer.
fn suits<T>(url: &str, address: &str, response: &Response<T>) -> Result<(), Finding> {
    let kind = response.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let cure = match response.status().as_u16() {
        200 if kind.starts_with("text/event-stream") => return Ok(()),
        502..=504 => format!("what listens there does not reach the proxy: have it pass on to {address}"),
        403 => "pass the Host on as it came, or name it in allowed_hosts".to_string(),
        300..400 => "name the address that it redirects to as public_url".to_string(),
        404 => format!("have its path passed on to {address}, with the prefix or without: docs/edge.md"),
        _ => format!("have it passed on to {address}: something else answers there"),
    };
    let status = response.status();
    Err(Finding::wrong(
        SUBJECT,
        format!("{url}/health answers {status} ({kind}), not the proxy's stream"),
        cure,
    ))
}
