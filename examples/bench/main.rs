//! Our proxy and others in front of the same server, under the same load, in turns.
//!
//!     bench --ours PATH [--peer PATH] [--nginx PATH] [--mode legacy|modern|forwarded|scale]
//!           [--seconds 3] [--rounds 3] [--connections 1,16,64]
//!
//! - `legacy`: a stdio server, a session; beside `examples/floor`, the least there can be, and the peer if there is one
//! - `modern`: the same server, requests of 2026-07-28, which the peer does not know
//! - `forwarded`: an HTTP server, beside nginx if there is one
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
use std::path::PathBuf;
use std::time::Duration;

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Legacy,
    Modern,
    Forwarded,
    Scale,
}

/// Servers and sessions of `--mode scale`; the first is what the others are compared with.
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
    let calls = proxies.iter().map(|proxy| match options.mode {
        Mode::Modern => Ok(vec![Call::modern(proxy)]),
        _ => Call::in_sessions(proxy),
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

/// Ours first, then those it is compared with.
fn start(options: &Options) -> Result<Vec<Proxy>, Box<dyn Error>> {
    let ours = |server: String| Proxy::ours(&options.ours, &server);
    if options.mode == Mode::Forwarded {
        let server = echo::start()?;
        let ours = ours(format!("url = \"http://{server}/mcp\"\n"))?;
        let nginx = options.nginx.iter().map(|program| Proxy::nginx(program, server));
        return std::iter::once(Ok(ours)).chain(nginx).collect();
    }
    let command = proxy::example("fake_stdio")?;
    let server = format!("command = {command:?}\nenv = {{ FAKE_ERAS = \"both\" }}\n");
    if options.mode == Mode::Scale {
        return SHAPES
            .iter()
            .map(|&(servers, sessions)| scaled(options, &server, servers, sessions))
            .collect();
    }
    let ours = ours(server)?;
    let peer =
        options.peer.iter().filter(|_| options.mode == Mode::Legacy).map(|program| Proxy::peer(program));
    [Ok(ours), Proxy::floor()].into_iter().chain(peer).collect()
}

fn scaled(options: &Options, server: &str, servers: usize, sessions: usize) -> Result<Proxy, Box<dyn Error>> {
    let mut proxy = Proxy::ours_with(&options.ours, server, servers, sessions)?;
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
                    "scale" => Mode::Scale,
                    other => return Err(format!("--mode {other}: legacy, modern, forwarded or scale").into()),
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
