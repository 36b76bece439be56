//! `/metrics`: what the proxy has done and is at, in the text format of Prometheus (version 0.0.4). docs/metrics.md
//! lists all of it, and a test compares the two.

mod page;
mod process;
mod proxy;
mod servers;
#[cfg(test)]
mod tests;

use crate::fleet::Serving;
use crate::http::Stats;
use crate::meter::{Counts, Refusal};
use page::Page;
use std::time::SystemTime;

/// What is shown.
pub struct Sources<'s> {
    /// The servers, each with its meter.
    pub serving: &'s Serving,
    /// What the listener says.
    pub http: &'s Stats,
    /// Who was refused at the door.
    pub refusals: &'s Counts<Refusal>,
    /// Wrong passwords of the owner's.
    pub wrong_passwords: u64,
    /// How often an address was locked out.
    pub lockouts: u64,
    /// When the proxy was started.
    pub begun: SystemTime,
}

/// Body of `/metrics`.
pub fn text(sources: &Sources<'_>) -> String {
    let mut page = Page::default();
    proxy::write(&mut page, sources);
    servers::write(&mut page, sources.serving);
    process::write(&mut page, sources.begun);
    page.into_text()
}
