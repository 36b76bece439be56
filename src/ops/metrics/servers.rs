//! What is counted of each server.

use super::page::Kind::{self, Counter, Gauge, Histogram};
use super::page::{Metric, Page};
use crate::fleet::{Served, Serving};
use crate::meter::{Label, Meter, Method, Outcome};
use crate::server::{Health, State, Status, Target};

pub(super) fn write(page: &mut Page, serving: &Serving) {
    states(page, serving);
    calls(page, serving);
    clients(page, serving);
    children(page, serving);
    usage(page, serving);
}

/// Begins a metric, and adds the samples of each server.
fn each(
    page: &mut Page,
    serving: &Serving,
    (kind, name, help): (Kind, &'static str, &str),
    samples: impl Fn(&mut Metric<'_>, &Served, &Meter),
) {
    let mut metric = page.metric(kind, name, help);
    for (name, served) in &serving.servers {
        samples(&mut metric.of(name), served, served.server.meter());
    }
}

fn states(page: &mut Page, serving: &Serving) {
    let info = (Gauge, "server_info", "Always 1; the labels say what a server is and how it does.");
    each(page, serving, info, |metric, served, _| {
        let status = served.server.status();
        let (state, health) = (state(&status), status.health.to_string());
        metric.put(&[("kind", served.kind()), ("state", state), ("health", &health)], 1);
    });
    let up = (Gauge, "server_up", "1 if a server takes calls: it is ready, or asleep until the next one.");
    each(page, serving, up, |metric, served, _| metric.put(&[], u8::from(is_up(&served.server.status()))));
    let wanted = (Gauge, "server_wanted", "1 if a server is to run, 0 if it was stopped by command.");
    each(page, serving, wanted, |metric, served, _| {
        metric.put(&[], u8::from(served.server.status().target == Target::Up));
    });
}

fn is_up(status: &Status) -> bool {
    (status.state == State::Ready || status.rests()) && status.health != Health::Unhealthy
}

fn state(status: &Status) -> &'static str {
    use crate::server::status::Reason;
    match (&status.reason, status.state) {
        (Some(Reason::Asleep), State::Stopped) => "asleep",
        (Some(Reason::CrashLoop), _) => "crash_loop",
        (_, State::Stopped) => "stopped",
        (_, State::Starting) => "starting",
        (_, State::Ready) => "ready",
        (_, State::Stopping) => "stopping",
    }
}

fn calls(page: &mut Page, serving: &Serving) {
    let requests = (Counter, "requests_total", "Requests to a server that have ended.");
    each(page, serving, requests, |metric, _, meter| {
        for (method, outcome) in pairs() {
            let count = meter.requests.get(method, outcome);
            if count > 0 {
                metric.put(&[("method", method.name()), ("outcome", outcome.name())], count);
            }
        }
    });
    let help = "How long calls took: tools/call, resources/read, prompts/get, completion/complete.";
    each(page, serving, (Histogram, "call_duration_seconds", help), durations);
    let in_flight = (Gauge, "in_flight", "Calls and requests under way.");
    each(page, serving, in_flight, |metric, served, _| metric.put(&[], served.in_flight()));
}

fn pairs() -> impl Iterator<Item = (Method, Outcome)> {
    Method::ALL.iter().flat_map(|method| Outcome::ALL.iter().map(|outcome| (*method, *outcome)))
}

fn durations(metric: &mut Metric<'_>, _: &Served, meter: &Meter) {
    for outcome in Outcome::ALL {
        let (buckets, total) = meter.durations.cumulative(*outcome);
        if total == 0 {
            continue;
        }
        let outcome_label = ("outcome", outcome.name());
        for (bound, count) in buckets {
            metric.put_as("_bucket", &[outcome_label, ("le", &bound.to_string())], count);
        }
        metric.put_as("_bucket", &[outcome_label, ("le", "+Inf")], total);
        metric.put_as("_sum", &[outcome_label], meter.durations.sum(*outcome));
        metric.put_as("_count", &[outcome_label], total);
    }
}

fn clients(page: &mut Page, serving: &Serving) {
    let sessions = (Gauge, "sessions", "Sessions in memory; an HTTP server keeps its own.");
    each(page, serving, sessions, |metric, served, _| metric.put(&[], served.sessions()));
    let events = (Counter, "session_events_total", "What came of sessions.");
    each(page, serving, events, |metric, _, meter| metric.put_all("event", &meter.sessions));
    let streams = (Gauge, "server_streams", "Long-lived streams to clients, by what they are for.");
    each(page, serving, streams, |metric, _, meter| metric.put_all("kind", &meter.streams));
    let bytes = (Counter, "server_bytes_total", "Bytes of messages to a server and from it.");
    each(page, serving, bytes, |metric, _, meter| metric.put_all("direction", &meter.bytes));
    let answers =
        (Counter, "server_http_responses_total", "Answers of an HTTP server, by the class of their status.");
    each(page, serving, answers, |metric, _, meter| metric.put_counted("status", &meter.answers));
    let rejections = (Counter, "rejections_total", "What found no room in a queue or under a limit.");
    each(page, serving, rejections, |metric, _, meter| metric.put_all("queue", &meter.rejections));
}

fn children(page: &mut Page, serving: &Serving) {
    let running = (Gauge, "children", "Processes of a server that the proxy has started and that run.");
    each(page, serving, running, |metric, served, _| metric.put(&[], served.pids().len()));
    let starts = (Counter, "starts_total", "Processes started.");
    each(page, serving, starts, |metric, _, meter| metric.put(&[], meter.starts.get()));
    let restarts =
        (Counter, "restarts_total", "Processes started because the one before had ended, or by command.");
    each(page, serving, restarts, |metric, _, meter| metric.put(&[], meter.restarts.get()));
    let wakes = (Counter, "wakes_total", "Starts of a server that was asleep.");
    each(page, serving, wakes, |metric, _, meter| metric.put(&[], meter.wakes.get()));
    let exits = (Counter, "exits_total", "Processes that have ended, or could not be started, by how.");
    each(page, serving, exits, |metric, _, meter| metric.put_counted("reason", &meter.exits));
    let failures = (Counter, "health_failures_total", "Health checks that were not answered.");
    each(page, serving, failures, |metric, _, meter| metric.put(&[], meter.health_failures.get()));
}

fn usage(page: &mut Page, serving: &Serving) {
    let processes = (Gauge, "server_processes", "Processes of a server, with all that those have started.");
    each(page, serving, processes, |metric, _, meter| {
        meter.usage.last().into_iter().for_each(|used| metric.put(&[], used.processes));
    });
    let memory =
        (Gauge, "server_resident_memory_bytes", "Memory of those in RAM; what they share counts for each.");
    each(page, serving, memory, |metric, _, meter| {
        meter.usage.last().into_iter().for_each(|used| metric.put(&[], used.memory_bytes));
    });
    let cpu =
        (Counter, "server_cpu_seconds_total", "Processor time of those there were, as far as it was seen.");
    each(page, serving, cpu, |metric, _, meter| {
        meter.usage.last().into_iter().for_each(|used| metric.put(&[], used.cpu.as_secs_f64()));
    });
}
