//! Values with a meaning of their own: checked where they are read, so that nobody checks them again.

use crate::log::{Form, is_journal};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use std::net::SocketAddr;
use std::ops::RangeInclusive;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// As for journald where stderr is its stream, else for people.
    #[default]
    Auto,
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
    /// For journald: the priority in front, no time.
    Journal,
}

impl LogFormat {
    /// What it comes to in this process.
    pub fn form(self) -> Form {
        match self {
            LogFormat::Json => Form::Json,
            LogFormat::Journal => Form::Journal,
            LogFormat::Auto if is_journal() => Form::Journal,
            LogFormat::Auto | LogFormat::Text => Form::Text,
        }
    }
}

/// The least important lines that are still logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// What failed.
    Error,
    /// What needs attention.
    Warn,
    /// What happened.
    #[default]
    Info,
    /// Why it happened.
    Debug,
    /// Every step.
    Trace,
}

impl From<LogLevel> for log::LevelFilter {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Off => log::LevelFilter::Off,
            LogLevel::Error => log::LevelFilter::Error,
            LogLevel::Warn => log::LevelFilter::Warn,
            LogLevel::Info => log::LevelFilter::Info,
            LogLevel::Debug => log::LevelFilter::Debug,
            LogLevel::Trace => log::LevelFilter::Trace,
        }
    }
}

/// The ports that servers are given: `3001-3099`, one port, or 0 for any free one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Ports(RangeInclusive<u16>);

impl Ports {
    /// The range; `0..=0` means any free port.
    pub fn range(&self) -> RangeInclusive<u16> {
        self.0.clone()
    }

    /// Whether the operating system is to choose.
    pub fn any_free(&self) -> bool {
        *self.0.end() == 0
    }
}

impl Default for Ports {
    fn default() -> Self {
        Ports(3001..=3099)
    }
}

impl TryFrom<String> for Ports {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (first, last) = text.split_once('-').unwrap_or((&text, &text));
        match (first.trim().parse::<u16>(), last.trim().parse::<u16>()) {
            (Ok(first), Ok(last)) if first <= last && (first > 0 || last == 0) => Ok(Ports(first..=last)),
            _ => Err(format!(
                "`{text}` is no range of ports; write first-last like 3001-3099, or 0 for any free one"
            )),
        }
    }
}

impl From<Ports> for String {
    fn from(ports: Ports) -> Self {
        let (first, last) = ports.0.into_inner();
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    }
}

/// Reads a listen address: `IP:PORT`, or `localhost:PORT`.
pub(super) fn listen<'de, D: Deserializer<'de>>(input: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(input)?;
    let numeric =
        text.strip_prefix("localhost:").map_or_else(|| text.clone(), |port| format!("127.0.0.1:{port}"));
    numeric.parse().map_err(|_| {
        D::Error::custom(format!(
            "`{text}` is not an address to listen on; write IP:PORT like 127.0.0.1:3000"
        ))
    })
}

/// Reads an address or none. Nothing is served there, so it may be any.
pub(super) fn redirect_listen<'de, D: Deserializer<'de>>(input: D) -> Result<String, D::Error> {
    let text = String::deserialize(input)?;
    if !text.is_empty() && text.parse::<SocketAddr>().is_err() {
        return Err(D::Error::custom(format!(
            "`{text}` is not an address to listen on; write IP:PORT like 0.0.0.0:80"
        )));
    }
    Ok(text)
}

/// Where a prefix would hide paths of the proxy's own, which health checks and commands ask without it.
const NO_PREFIX: [&str; 11] = [
    ".well-known",
    "api",
    "authorize",
    "health",
    "login",
    "logout",
    "metrics",
    "ready",
    "register",
    "servers",
    "token",
];

/// Reads the URL under which clients reach the proxy: empty, or http(s) with a host; its path is a prefix of all ours.
pub(super) fn public_url<'de, D: Deserializer<'de>>(input: D) -> Result<String, D::Error> {
    let text = String::deserialize(input)?;
    if !text.is_empty() {
        let url = http_url(&text).map_err(D::Error::custom)?;
        if url.query().is_some() || url.path().contains("//") {
            return Err(D::Error::custom("it ends with a plain path, like https://host/mcp"));
        }
        let first = url.path().split('/').nth(1).unwrap_or_default();
        if NO_PREFIX.contains(&first) {
            let text =
                format!("/{first} is a path of the proxy's own; choose another, like https://host/mcp");
            return Err(D::Error::custom(text));
        }
    }
    Ok(text)
}

/// Checks that `text` is an absolute http(s) URL. The message does not repeat it: it may hold a token.
pub(crate) fn http_url(text: &str) -> Result<http::Uri, String> {
    text.parse::<http::Uri>()
        .ok()
        .filter(|url| {
            matches!(url.scheme_str(), Some("http" | "https"))
                && url.host().is_some_and(|host| !host.is_empty())
        })
        .ok_or_else(|| "not a URL; write it in full, like http://host:8080/mcp".to_string())
}

#[cfg(test)]
mod tests {
    use super::{Ports, http_url};

    fn ports(text: &str) -> Result<Ports, String> {
        Ports::try_from(text.to_string())
    }

    #[test]
    fn port_ranges() {
        assert_eq!(ports("3001-3099").unwrap(), Ports::default());
        assert_eq!(String::from(ports("4000").unwrap()), "4000");
        assert!(ports("0").unwrap().any_free());
        for wrong in ["", "a", "3099-3001", "0-5", "1-70000", "-1"] {
            assert!(ports(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn urls() {
        assert!(http_url("https://example.org/mcp?x=1").is_ok());
        for wrong in ["example.org", "ftp://example.org", "/mcp", "http://", ""] {
            assert!(http_url(wrong).is_err(), "{wrong}");
        }
    }
}
