//! How many files may be open: each connection is one, and so are pipes.

use super::{Finding, Patient};
use crate::http::RESERVE;
use rustix::process::{Resource, getrlimit};
use std::fs;

const SUBJECT: &str = "open files";

pub(super) fn look(patient: &Patient) -> Vec<Finding> {
    let wanted = patient.loaded.config.limits.max_connections;
    let running = patient.running.as_ref().and_then(|(control, _)| limit_of(control.proxy.pid));
    // The proxy raises its own limit as far as it may.
    let limit = running.or_else(|| getrlimit(Resource::Nofile).maximum);
    let Some(files) = limit.and_then(|files| usize::try_from(files).ok()) else {
        return vec![Finding::ok(SUBJECT, "as many as anybody wants")];
    };
    // As the proxy reckons it at its start.
    let most = (files / 4 * 3).saturating_sub(RESERVE);
    vec![match most < wanted {
        false => Finding::ok(SUBJECT, format!("{files}, enough for {wanted} connections and the servers")),
        true => Finding::warning(
            SUBJECT,
            format!(
                "{files} may be open: that is enough for {most} connections, not for {wanted} (max_connections)"
            ),
            "LimitNOFILE=65536 in the systemd unit, `ulimit -n 65536` before the start, or a smaller max_connections",
        ),
    }]
}

/// What the running proxy may open.
fn limit_of(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/limits")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}
