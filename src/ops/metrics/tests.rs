//! What is written is what docs/metrics.md says, and nothing else.

use super::*;
use crate::meter::{Direction, Exit, Label, Method, Outcome, Rejection, StatusClass, StreamKind, Visit};
use std::collections::BTreeSet;

const DOCS: &str = include_str!("../../../docs/metrics.md");

fn page() -> String {
    let (serving, http, refusals) = (Serving::default(), Stats::default(), Counts::default());
    let (wrong_passwords, lockouts, begun) = (1, 2, SystemTime::now());
    text(&Sources { serving: &serving, http: &http, refusals: &refusals, wrong_passwords, lockouts, begun })
}

/// Rows of the tables whose first cell is code that begins with this.
fn rows(beginning: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_string()).collect();
    DOCS.lines().filter(|line| line.starts_with(&format!("| `{beginning}"))).map(cells).collect()
}

#[test]
fn every_metric_is_documented_and_no_other() {
    let page = page();
    let written = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let written: BTreeSet<String> = written.map(str::to_string).collect();
    let documented = rows("mcp_proxy_").into_iter().map(|row| {
        let name = row[0].trim_matches('`').split('{').next().unwrap().to_string();
        format!("{name} {}", row[1])
    });
    assert_eq!(written, documented.collect());
    let helps = page.lines().filter(|line| line.starts_with("# HELP ")).count();
    assert_eq!(helps, written.len(), "each is begun once");
}

fn values<L: Label>() -> BTreeSet<String> {
    L::ALL.iter().map(|label| label.name().to_string()).collect()
}

#[test]
fn every_value_of_a_label_is_documented_and_no_other() {
    let sets = [
        ("requests_total` `method", values::<Method>()),
        ("requests_total` `outcome", values::<Outcome>()),
        ("session_events_total` `event", values::<Visit>()),
        ("server_streams` `kind", values::<StreamKind>()),
        ("server_bytes_total` `direction", values::<Direction>()),
        ("http_responses_total` `status", values::<StatusClass>()),
        ("rejections_total` `queue", values::<Rejection>()),
        ("exits_total` `reason", values::<Exit>()),
        ("auth_failures_total` `reason", values::<Refusal>()),
    ];
    for (place, values) in sets {
        let rows = rows(place);
        let documented = rows.iter().map(|row| row[1].trim_matches('`').to_string());
        assert_eq!(documented.collect::<BTreeSet<_>>(), values, "{place}");
    }
}

#[test]
fn a_label_cannot_be_broken_out_of() {
    let mut page = Page::default();
    page.metric(page::Kind::Gauge, "x", "X.").of("a\"b\\c\nd").put(&[("k", "v")], 1.5);
    let expected = "# HELP mcp_proxy_x X.\n# TYPE mcp_proxy_x gauge\nmcp_proxy_x{server=\"a\\\"b\\\\c\\nd\",k=\"v\"} 1.5\n";
    assert_eq!(page.into_text(), expected);
}

#[test]
fn what_belongs_to_no_server_is_there_from_the_start() {
    let page = page();
    let has = |line: &str| page.lines().any(|it| it == line);
    assert!(has("mcp_proxy_connections 0") && has("mcp_proxy_lockouts_total 2"), "{page}");
    assert!(has("mcp_proxy_auth_failures_total{reason=\"password\"} 1"), "{page}");
    assert!(has("mcp_proxy_http_responses_total{status=\"5xx\"} 0"), "{page}");
    assert!(!cfg!(target_os = "linux") || page.contains("\nmcp_proxy_open_fds "), "{page}");
}
