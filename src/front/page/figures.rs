//! Figures as a person reads them. Pure.

use serde_json::Value;
use std::time::SystemTime;

/// What is not known.
const NONE: &str = "–";

/// `850 B`, `12 KiB`, `3.4 MiB`
pub(super) fn bytes(value: &Value) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let Some(bytes) = value.as_f64() else { return NONE.into() };
    let mut unit = 0;
    let mut size = bytes;
    while size >= 1024.0 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    format!("{} {}", short(size), UNITS[unit])
}

/// `0.4 ms`, `12 ms`, `3.4 s`
pub(super) fn milliseconds(value: &Value) -> String {
    match value.as_f64() {
        None => NONE.into(),
        Some(time) if time < 1000.0 => format!("{} ms", short(time)),
        Some(time) => format!("{} s", short(time / 1000.0)),
    }
}

/// `2.1 %`
pub(super) fn percent(value: &Value) -> String {
    value.as_f64().map_or(NONE.into(), |part| format!("{} %", short(part)))
}

/// A whole number.
pub(super) fn count(value: &Value) -> String {
    value.as_u64().map_or(NONE.into(), |number| number.to_string())
}

/// How long a server has been ready: `40 s`, `12 min`, `5 h 3 min`, `2 d 4 h`.
pub(super) fn uptime(entry: &Value, now: SystemTime) -> String {
    let since = || {
        let since = humantime::parse_rfc3339(entry["since"].as_str()?).ok()?;
        (entry["state"] == "ready").then(|| now.duration_since(since).map_or(0, |time| time.as_secs()))
    };
    match entry["figures"]["uptime_seconds"].as_u64().or_else(since) {
        None => NONE.into(),
        Some(seconds) => duration(seconds),
    }
}

fn duration(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{minutes} min"),
        3600..86400 => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

/// Two digits or more, and no more than is of use.
fn short(value: f64) -> String {
    let text = if value >= 10.0 { format!("{value:.0}") } else { format!("{value:.1}") };
    text.strip_suffix(".0").map(String::from).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::time::Duration;

    #[test]
    fn figures_are_short() {
        let all = [0_u64, 850, 12_288, 3_565_158, 5_000_000_000].map(|size| bytes(&json!(size)));
        assert_eq!(all, ["0 B", "850 B", "12 KiB", "3.4 MiB", "4.7 GiB"]);
        let all = [0.42, 2.98, 12.3, 3400.0].map(|time| milliseconds(&json!(time)));
        assert_eq!(all, ["0.4 ms", "3 ms", "12 ms", "3.4 s"]);
        assert_eq!((percent(&json!(2.14)), percent(&json!(104))), ("2.1 %".into(), "104 %".into()));
        let all = [0, 59, 60, 3599, 3600, 86399, 86400, 190_000].map(duration);
        assert_eq!(all, ["0 s", "59 s", "1 min", "59 min", "1 h 0 min", "23 h 59 min", "1 d 0 h", "2 d 4 h"]);
        for unknown in
            [bytes(&Value::Null), milliseconds(&json!("x")), percent(&json!({})), count(&json!(-1))]
        {
            assert_eq!(unknown, NONE);
        }
    }

    #[test]
    fn only_what_is_ready_is_up() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(7200);
        let entry = |state: &str| json!({"state": state, "since": "1970-01-01T01:00:00.000Z"});
        assert_eq!(uptime(&entry("ready"), now), "1 h 0 min");
        assert_eq!(uptime(&entry("stopped"), now), NONE);
        assert_eq!(uptime(&json!({"figures": {"uptime_seconds": 5}}), now), "5 s");
    }
}
