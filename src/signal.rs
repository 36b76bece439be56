//! Signals, as events for the main thread.

use crate::thread;
use crossbeam_channel::Sender;
use signal_hook::consts::{SIGHUP, SIGTERM};
use signal_hook::iterator::Signals;
use std::io::{self, IsTerminal};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// INT or TERM, HUP where a terminal was closed, or PWR (Linux): the power fails, or a container is shut down.
    Stop,
    /// HUP where there is no terminal.
    Reload,
}

/// Sends an event for each signal from now on. Once nobody receives them the proxy is at its very end, and a signal
/// means that this takes too long.
///
/// # Errors
/// The handlers cannot be set, or no thread can be started.
pub fn listen<E: From<Signal> + Send + 'static>(events: Sender<E>) -> io::Result<()> {
    let on_interrupt = events.clone();
    ctrlc::set_handler(move || tell(&on_interrupt, Signal::Stop)).map_err(io::Error::other)?;
    #[cfg(target_os = "linux")]
    let mut signals = Signals::new([SIGTERM, SIGHUP, libc::SIGPWR])?;
    #[cfg(not(target_os = "linux"))]
    let mut signals = Signals::new([SIGTERM, SIGHUP])?;
    let on_terminal = io::stdin().is_terminal();
    thread::spawn("signals", move || {
        for number in signals.forever() {
            let signal = if number == SIGHUP && !on_terminal { Signal::Reload } else { Signal::Stop };
            tell(&events, signal);
        }
    })?;
    Ok(())
}

fn tell<E: From<Signal>>(events: &Sender<E>, signal: Signal) {
    if events.send(signal.into()).is_err() {
        std::process::exit(1);
    }
}
