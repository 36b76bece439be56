//! Our proxy and others in front of the same server, under the same load, in turns.
//!
//!     bench --ours PATH [--peer PATH] [--nginx PATH] [--mode legacy|modern|forwarded|eras|scale]
//!           [--seconds 3] [--rounds 3] [--connections 1,16,64]
//!
//! - `legacy`: a stdio server, a session; beside `examples/floor`, the least there can be, and the peer if there is one
//! - `modern`: the same server, requests of 2026-07-28, which the peer does not know
//! - `forwarded`: an HTTP server, beside nginx if there is one
//! - `eras`: ours alone, clients and servers of each era, native and translated
//! - `scale`: ours alone with more and more servers and sessions, the calls in all of them by turns
//!
//! All are up all the time and the rounds interleave, so that the machine's noise falls on all alike.
//! The table shows medians. CPU is that of the proxy's own processes: the child's is left out.

mod call;
mod echo;
mod load;
mod proxy;
mod table;
mod usage;

use call::Call;
use load::Round;
use proxy::Proxy;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(Clone, Copy)]
enum Mode {
    Legacy,
    Modern,
    Forwarded,
    Eras,
    Scale,
}

/// The proxies of `--mode eras`: whether their clients are modern, and what their servers speak.
const ERAS: [(&str, bool, &str); 4] = [
    ("legacy", false, "legacy"),
    ("modern", true, "modern"),
    ("modern client, legacy server", true, "legacy"),
    ("legacy client, modern server", false, "modern"),
];

/// Servers and sessions of `--mode scale`.
const SHAPES: [(usize, usize); 8] =
    [(1, 1), (1, 100), (1, 1_000), (1, 10_000), (10, 100), (40, 400), (99, 990), (99, 9_900)];

struct Options {
    ours: PathBuf,
    peer: Option<PathBuf>,
    nginx: Option<PathBuf>,
    mode: Mode,
    seconds: u64,
    rounds: usize,
    connections: Vec<usize>,
}

/// What one round at one proxy showed.
pub(crate) struct Measured {
    pub(crate) round: Round,
    pub(crate) cpu: Duration,
    pub(crate) peak_kib: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = options()?;
    let proxies = start(&options)?;
    table::idle(&proxies);
    let calls = proxies.iter().map(|proxy| match proxy.is_modern {
        true => Ok(vec![Call::modern(proxy)]),
        false => Call::in_sessions(proxy),
    });
    let calls = calls.collect::<Result<Vec<_>, _>>()?;
    table::head(&proxies);
    let mut wrong = 0;
    for &connections in &options.connections {
        let mut columns: Vec<Vec<Measured>> = proxies.iter().map(|_| Vec::new()).collect();
        for _ in 0..options.rounds {
            for ((proxy, call), column) in proxies.iter().zip(&calls).zip(&mut columns) {
                column.push(measure(proxy, call, connections, Duration::from_secs(options.seconds))?);
            }
        }
        wrong += columns.iter().flatten().map(|it| it.round.wrong).sum::<u64>();
        table::rows(connections, &proxies, &columns);
    }
    if wrong > 0 {
        Err(format!("{wrong} answers were wrong: the figures mean nothing").into())
    } else {
        Ok(())
    }
}

type Proxies = Result<Vec<Proxy>, Box<dyn Error>>;

/// The first is what the others are compared with.
fn start(options: &Options) -> Proxies {
    match options.mode {
        Mode::Legacy => beside_others(options, options.peer.as_deref()),
        Mode::Modern => {
            let mut all = beside_others(options, None)?;
            all.iter_mut().for_each(|proxy| proxy.is_modern = true);
            Ok(all)
        }
        Mode::Forwarded => beside_nginx(options),
        Mode::Eras => ERAS.iter().map(|era| of_eras(options, era)).collect(),
        Mode::Scale => SHAPES.iter().map(|shape| scaled(options, *shape)).collect(),
    }
}

/// What the server.toml of the fake server says.
fn fake(eras: &str) -> Result<String, Box<dyn Error>> {
    Ok(format!("command = {:?}\nenv = {{ FAKE_ERAS = \"{eras}\" }}\n", proxy::example("fake_stdio")?))
}

fn beside_others(options: &Options, peer: Option<&Path>) -> Proxies {
    let ours = Proxy::ours(&options.ours, &fake("both")?);
    [ours, Proxy::floor()].into_iter().chain(peer.map(Proxy::peer)).collect()
}

fn beside_nginx(options: &Options) -> Proxies {
    let server = echo::start()?;
    let ours = Proxy::ours(&options.ours, &format!("url = \"http://{server}/mcp\"\n"));
    let nginx = options.nginx.iter().map(|program| Proxy::nginx(program, server));
    std::iter::once(ours).chain(nginx).collect()
}

fn of_eras(options: &Options, (name, is_modern, eras): &(&str, bool, &str)) -> Result<Proxy, Box<dyn Error>> {
    let mut proxy = Proxy::ours(&options.ours, &fake(eras)?)?;
    (proxy.name, proxy.is_modern) = (name.to_string(), *is_modern);
    Ok(proxy)
}

fn scaled(options: &Options, (servers, sessions): (usize, usize)) -> Result<Proxy, Box<dyn Error>> {
    let mut proxy = Proxy::ours_with(&options.ours, &fake("both")?, servers, sessions)?;
    proxy.name = format!("{servers} × {}", sessions / servers);
    Ok(proxy)
}

fn options() -> Result<Options, Box<dyn Error>> {
    use lexopt::prelude::*;
    let mut options = Options {
        ours: PathBuf::new(),
        peer: None,
        nginx: None,
        mode: Mode::Legacy,
        seconds: 3,
        rounds: 3,
        connections: vec![1, 16, 64],
    };
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        match arg {
            Long("ours") => options.ours = args.value()?.into(),
            Long("peer") => options.peer = Some(args.value()?.into()),
            Long("nginx") => options.nginx = Some(args.value()?.into()),
            Long("mode") => {
                options.mode = match args.value()?.string()?.as_str() {
                    "legacy" => Mode::Legacy,
                    "modern" => Mode::Modern,
                    "forwarded" => Mode::Forwarded,
                    "eras" => Mode::Eras,
                    "scale" => Mode::Scale,
                    other => {
                        let modes = "legacy, modern, forwarded, eras or scale";
                        return Err(format!("--mode {other}: {modes}").into());
                    }
                }
            }
            Long("seconds") => options.seconds = args.value()?.parse()?,
            Long("rounds") => options.rounds = args.value()?.parse()?,
            Long("connections") => {
                let list = args.value()?.string()?;
                options.connections = list.split(',').map(str::parse).collect::<Result<_, _>>()?;
            }
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(options)
}

fn measure(
    proxy: &Proxy,
    calls: &[Call],
    connections: usize,
    time: Duration,
) -> Result<Measured, Box<dyn Error>> {
    let before = usage::cpu(proxy.pid());
    let mut peak_kib = 0;
    let watch = |running: &dyn Fn() -> bool| {
        while running() {
            peak_kib = usage::pss_kib(proxy.pid()).max(peak_kib);
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    let round = load::run(&proxy.address, calls, connections, time, watch)?;
    Ok(Measured { round, cpu: usage::cpu(proxy.pid()).saturating_sub(before), peak_kib })
}
