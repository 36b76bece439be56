//! The text format of Prometheus.

use crate::meter::{Counts, Label};
use std::fmt::{Display, Write};

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts in buckets, with a sum.
    Histogram,
}

/// A page of metrics, each of which is begun once.
#[derive(Default)]
pub(super) struct Page(String);

impl Page {
    pub(super) fn into_text(self) -> String {
        self.0
    }

    /// Begins a metric. Its full name begins with `mcp_proxy_`.
    pub(super) fn metric(&mut self, kind: Kind, name: &'static str, help: &str) -> Metric<'_> {
        let word = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let _ = writeln!(self.0, "# HELP mcp_proxy_{name} {help}\n# TYPE mcp_proxy_{name} {word}");
        Metric { page: &mut self.0, name, server: None }
    }

    /// A metric of one value.
    pub(super) fn one(&mut self, kind: Kind, name: &'static str, help: &str, value: impl Display) {
        self.metric(kind, name, help).put(&[], value);
    }
}

/// A metric, to which samples are added.
pub(super) struct Metric<'p> {
    page: &'p mut String,
    name: &'static str,
    server: Option<&'p str>,
}

impl Metric<'_> {
    /// The same metric, for samples of that server.
    pub(super) fn of<'s>(&'s mut self, server: &'s str) -> Metric<'s> {
        Metric { page: self.page, name: self.name, server: Some(server) }
    }

    /// A sample with these labels.
    pub(super) fn put(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.put_as("", labels, value);
    }

    /// A sample of a histogram: its name goes on with this.
    pub(super) fn put_as(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl Display) {
        let _ = write!(self.page, "mcp_proxy_{}{suffix}", self.name);
        let server = self.server.map(|server| ("server", server));
        let mut before = '{';
        for (name, text) in server.iter().chain(labels) {
            let _ = write!(self.page, "{before}{name}=\"{}\"", Escaped(text));
            before = ',';
        }
        let end = if before == ',' { "}" } else { "" };
        let _ = writeln!(self.page, "{end} {value}");
    }

    /// A sample for each value of a label.
    pub(super) fn put_all<L: Label>(&mut self, label: &str, counts: &Counts<L>) {
        counts.all().for_each(|(value, count)| self.put(&[(label, value.name())], count));
    }

    /// The same, without those that have not happened.
    pub(super) fn put_counted<L: Label>(&mut self, label: &str, counts: &Counts<L>) {
        let counted = counts.all().filter(|(_, count)| *count > 0);
        counted.for_each(|(value, count)| self.put(&[(label, value.name())], count));
    }
}

/// The value of a label.
struct Escaped<'t>(&'t str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.chars().try_for_each(|letter| match letter {
            '\\' => f.write_str("\\\\"),
            '"' => f.write_str("\\\""),
            '\n' => f.write_str("\\n"),
            other => f.write_char(other),
        })
    }
}
