//! What belongs to no one server: the program, its door, its listener.

use super::Sources;
use super::page::Kind::{Counter, Gauge};
use super::page::Page;
use crate::http::Stats;
use crate::meter::{Label, Refusal, StatusClass};

pub(super) fn write(page: &mut Page, sources: &Sources<'_>) {
    let build = [
        ("version", env!("CARGO_PKG_VERSION")),
        ("os", std::env::consts::OS),
        ("arch", std::env::consts::ARCH),
        ("tls", if cfg!(feature = "tls") { "yes" } else { "no" }),
    ];
    page.metric(Gauge, "build_info", "Always 1; the labels say what runs.").put(&build, 1);
    let serving = sources.serving;
    page.one(Gauge, "servers", "Servers that are served.", serving.servers.len());
    page.one(Gauge, "servers_left_out", "Folders that hold no usable server.", serving.left_out.len());
    door(page, sources);
    connections(page, sources.http);
    requests(page, sources.http);
}

fn door(page: &mut Page, sources: &Sources<'_>) {
    let mut refused =
        page.metric(Counter, "auth_failures_total", "Requests and passwords refused at the door.");
    for (reason, count) in sources.refusals.all() {
        // These do not pass the door: the authorization server counts them.
        let passwords = if reason == Refusal::Password { sources.wrong_passwords } else { 0 };
        refused.put(&[("reason", reason.name())], count + passwords);
    }
    page.one(
        Counter,
        "lockouts_total",
        "Times an address was locked out for wrong secrets.",
        sources.lockouts,
    );
}

fn connections(page: &mut Page, http: &Stats) {
    page.one(Gauge, "connections", "Open connections of clients.", http.connections);
    page.one(Gauge, "streams", "Long-lived streams to clients.", http.streams);
    page.one(Counter, "connections_total", "Connections accepted.", http.accepted);
    let help = "Requests and connections answered 503 because all connections were busy.";
    page.one(Counter, "connections_refused_total", help, http.refused);
    let help = "Connections closed to make room for newer ones.";
    page.one(Counter, "connections_evicted_total", help, http.evicted);
    let help = "Connections cut because too much waited for clients that did not read.";
    page.one(Counter, "connections_cut_total", help, http.cut);
    page.one(Counter, "tls_handshake_failures_total", "TLS handshakes that failed.", http.handshakes);
}

fn requests(page: &mut Page, http: &Stats) {
    page.one(Counter, "http_requests_total", "HTTP requests with an acceptable head.", http.requests);
    let mut answers =
        page.metric(Counter, "http_responses_total", "HTTP answers, by the class of their status.");
    for (class, count) in StatusClass::all().iter().zip(http.answers) {
        answers.put(&[("status", class.name())], count);
    }
    let help = "What was no acceptable request, or too slow, failed handshakes included.";
    page.one(Counter, "http_malformed_total", help, http.malformed);
    page.one(Counter, "http_panics_total", "Requests that met a bug of the proxy.", http.panics);
    page.one(Counter, "http_received_bytes_total", "Bytes from clients, before TLS.", http.received);
    page.one(Counter, "http_sent_bytes_total", "Bytes to clients, before TLS.", http.sent);
}
