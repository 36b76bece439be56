//! Values with a meaning of their own: checked where they are read, so that nobody checks them again.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use std::net::SocketAddr;
use std::ops::RangeInclusive;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
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
    let address: SocketAddr = numeric.parse().map_err(|_| {
        D::Error::custom(format!(
            "`{text}` is not an address to listen on; write IP:PORT like 127.0.0.1:3000"
        ))
    })?;
    if !address.ip().is_loopback() {
        return Err(D::Error::custom(format!(
            "refused: {address} is reachable from the network and there is no authentication yet; use 127.0.0.1"
        )));
    }
    Ok(address)
}

/// Reads the URL under which clients reach the proxy: empty, or http(s) with a host.
pub(super) fn public_url<'de, D: Deserializer<'de>>(input: D) -> Result<String, D::Error> {
    let text = String::deserialize(input)?;
    if !text.is_empty() {
        http_url(&text).map_err(D::Error::custom)?;
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
