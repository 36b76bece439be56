//! The figures, as a Markdown table.

use crate::proxy::Proxy;
use crate::{Measured, usage};

/// Memory before any session.
pub(crate) fn idle(proxies: &[Proxy]) {
    for proxy in proxies {
        println!("{}: idle PSS {:.1} MiB", proxy.name, mib(usage::pss_kib(proxy.pid())));
    }
}

/// Memory with the sessions, and the head of the table.
pub(crate) fn head(proxies: &[Proxy]) {
    for proxy in proxies {
        let memory = mib(usage::pss_kib(proxy.pid()));
        println!("{}: {} sessions, PSS {memory:.1} MiB", proxy.name, proxy.sessions);
    }
    println!("\n| connections | proxy | calls/s | CPU µs/call | p50 µs | p99 µs | peak PSS MiB | wrong |");
    println!("|---|---|---|---|---|---|---|---|");
}

/// A row for each proxy, and one with the first's share of each other's.
pub(crate) fn rows(connections: usize, proxies: &[Proxy], columns: &[Vec<Measured>]) {
    let figures: Vec<[f64; 5]> = columns.iter().map(|column| medians(column)).collect();
    for ((proxy, column), [rate, cpu, p50, p99, peak]) in proxies.iter().zip(columns).zip(&figures) {
        let wrong: u64 = column.iter().map(|it| it.round.wrong).sum();
        let name = &proxy.name;
        println!(
            "| {connections} | {name} | {rate:.0} | {cpu:.1} | {p50:.0} | {p99:.0} | {peak:.1} | {wrong} |"
        );
    }
    let [ours, others @ ..] = &figures[..] else { return };
    for (other, proxy) in others.iter().zip(&proxies[1..]) {
        let ratio: Vec<String> =
            ours.iter().zip(other).map(|(ours, other)| format!("{:.2}×", ours / other)).collect();
        println!("| {connections} | {} ÷ {} | {} | |", proxies[0].name, proxy.name, ratio.join(" | "));
    }
}

fn medians(column: &[Measured]) -> [f64; 5] {
    let of = |figure: &dyn Fn(&Measured) -> f64| median(column.iter().map(figure).collect());
    [
        of(&|it| it.round.calls as f64 / it.round.elapsed.as_secs_f64()),
        of(&|it| it.cpu.as_secs_f64() * 1e6 / it.round.calls.max(1) as f64),
        of(&|it| f64::from(it.round.percentile(50))),
        of(&|it| f64::from(it.round.percentile(99))),
        of(&|it| mib(it.peak_kib)),
    ]
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}
