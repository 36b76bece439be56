//! Our proxy and another one in front of the same stdio child, under the same load, in turns.
//!
//!     bench [--ours PATH] [--peer PATH] [--seconds 3] [--rounds 3] [--connections 1,16,64]
//!
//! Both proxies are up all the time and the rounds interleave, so that the machine's noise falls on both alike.
//! The table shows medians. CPU is that of the proxy's own processes: the child's is left out.

mod load;
mod proxy;
mod table;
mod usage;

use load::Round;
use proxy::Proxy;
use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

struct Options {
    ours: Option<PathBuf>,
    peer: Option<PathBuf>,
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
    let ours = options.ours.iter().map(|program| Proxy::ours(program));
    let peer = options.peer.iter().map(|program| Proxy::peer(program));
    let proxies = ours.chain(peer).collect::<Result<Vec<_>, _>>()?;
    table::head(&proxies);
    let mut wrong = 0;
    for &connections in &options.connections {
        let mut columns: Vec<Vec<Measured>> = proxies.iter().map(|_| Vec::new()).collect();
        for _ in 0..options.rounds {
            for (proxy, column) in proxies.iter().zip(&mut columns) {
                column.push(measure(proxy, connections, Duration::from_secs(options.seconds))?);
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

fn options() -> Result<Options, Box<dyn Error>> {
    use lexopt::prelude::*;
    let mut options = Options { ours: None, peer: None, seconds: 3, rounds: 3, connections: vec![1, 16, 64] };
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        match arg {
            Long("ours") => options.ours = Some(args.value()?.into()),
            Long("peer") => options.peer = Some(args.value()?.into()),
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

fn measure(proxy: &Proxy, connections: usize, time: Duration) -> Result<Measured, Box<dyn Error>> {
    let before = usage::cpu(proxy.pid());
    let mut peak_kib = 0;
    let watch = |running: &dyn Fn() -> bool| {
        while running() {
            peak_kib = usage::pss_kib(proxy.pid()).max(peak_kib);
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    let round = load::run(&proxy.address, &proxy.path, &proxy.tool, connections, time, watch)?;
    Ok(Measured { round, cpu: usage::cpu(proxy.pid()).saturating_sub(before), peak_kib })
}
