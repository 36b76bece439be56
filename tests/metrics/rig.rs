//! Reads `/metrics` as Prometheus does, only stricter.

use crate::harness::{DEADLINE, Proxy, request, within};
use std::collections::BTreeMap;

/// A page: the samples by name and labels, as they are written.
pub struct Page(pub BTreeMap<String, f64>);

impl Page {
    /// One sample; 0 if it is not there.
    pub fn get(&self, sample: &str) -> f64 {
        self.0.get(&format!("mcp_proxy_{sample}")).copied().unwrap_or_default()
    }

    /// Requests of `a` with this method and outcome.
    pub fn requests(&self, method: &str, outcome: &str) -> f64 {
        self.get(&format!("requests_total{{server=\"a\",method=\"{method}\",outcome=\"{outcome}\"}}"))
    }
}

#[track_caller]
pub fn text(proxy: &Proxy) -> String {
    let response = request("GET", &proxy.url("metrics"), &[("Authorization", &proxy.operator())], b"");
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(response.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    response.text()
}

/// What is there now.
#[track_caller]
pub fn scrape(proxy: &Proxy) -> Page {
    parse(&text(proxy))
}

/// Every line is a help, a type or a sample of the metric that was begun last, and no sample comes twice.
#[track_caller]
pub fn parse(text: &str) -> Page {
    let (mut samples, mut metric) = (BTreeMap::new(), String::new());
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ").or_else(|| line.strip_prefix("# TYPE ")) {
            metric = rest.split(' ').next().unwrap().to_string();
            continue;
        }
        let (sample, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
        let name = sample.split('{').next().unwrap();
        let suffix = name.strip_prefix(&metric).unwrap_or_else(|| panic!("{line} under {metric}"));
        assert!(["", "_bucket", "_sum", "_count"].contains(&suffix), "{line} under {metric}");
        let value = value.parse().unwrap_or_else(|_| panic!("{line}"));
        assert_eq!(samples.insert(sample.to_string(), value), None, "twice: {line}");
    }
    Page(samples)
}

/// Waits until a sample has that value.
#[track_caller]
pub fn wait(proxy: &Proxy, sample: &str, value: f64) {
    let mut last = f64::NAN;
    let came = within(DEADLINE, || {
        last = scrape(proxy).get(sample);
        last == value
    });
    assert!(came, "{sample} is {last}, not {value}");
}
