//! What a proxy holds at a moment.

use super::*;
use std::fs;
use std::path::Path;

/// All there may be too much of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Processes of the test beside the proxy, by what marks them or where they work.
    processes: usize,
    /// Direct children of the proxy, zombies included.
    children: usize,
    zombies: usize,
    threads: usize,
    /// Sockets, pipes and files, as `/metrics` counts them.
    descriptors: usize,
    /// In the state folder and the folder for temporary ones.
    files: Vec<String>,
}

impl Figures {
    pub fn of(proxy: &Proxy) -> Figures {
        let stats = stats();
        let children = stats.iter().filter(|(parent, _)| *parent == proxy.pid());
        Figures {
            processes: proxy.descendants().len(),
            children: children.clone().count(),
            zombies: children.filter(|(_, state)| *state == 'Z').count(),
            threads: threads(proxy),
            descriptors: metric(proxy, "mcp_proxy_open_fds"),
            files: files(proxy),
        }
    }

    /// Waits until the proxy holds no more than this. Threads of connections stay a while for the next one, so nobody
    /// connects until they are gone.
    #[track_caller]
    pub fn wait(&self, proxy: &Proxy, event: &str) {
        eventually(2 * DEADLINE, || threads(proxy) <= self.threads);
        let mut now = Figures::of(proxy);
        let end = std::time::Instant::now() + DEADLINE;
        while !now.is_within(self) && std::time::Instant::now() < end {
            now = Figures::of(proxy);
        }
        assert!(now.is_within(self), "after {event}: {now:#?}\nbefore: {self:#?}");
    }

    fn is_within(&self, before: &Figures) -> bool {
        let exact = |it: &Figures| (it.processes, it.children, it.zombies, it.files.clone());
        exact(self) == exact(before)
            && self.threads <= before.threads
            && self.descriptors <= before.descriptors
    }
}

fn threads(proxy: &Proxy) -> usize {
    fs::read_dir(format!("/proc/{}/task", proxy.pid())).unwrap().count()
}

/// One number of `/metrics`.
#[track_caller]
pub fn metric(proxy: &Proxy, name: &str) -> usize {
    let page = request("GET", &proxy.url("metrics"), &[], b"").text();
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {page}")).parse().unwrap()
}

/// Files and folders that a proxy keeps, or its servers left where temporary ones go.
pub fn files(proxy: &Proxy) -> Vec<String> {
    let mut all = Vec::new();
    for folder in [proxy.site.state_dir(), proxy.site.folder().join("tmp")] {
        below(&folder, &mut all);
    }
    all.sort();
    all
}

fn below(folder: &Path, all: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        all.push(entry.path().display().to_string());
        below(&entry.path(), all);
    }
}

/// Parent and state of every process.
fn stats() -> Vec<(u32, char)> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let texts = entries.filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok());
    let parse = |text: String| {
        let mut fields = text.rsplit_once(')')?.1.split_whitespace();
        let state = fields.next()?.chars().next()?;
        Some((fields.next()?.parse().ok()?, state))
    };
    texts.filter_map(parse).collect()
}
