//! A port of the configured range for every server, kept for its life.

use rand::seq::SliceRandom;
use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Hands out ports of a range; `0..=0` means any port the system has.
pub struct Ports {
    range: RangeInclusive<u16>,
    taken: Mutex<BTreeSet<u16>>,
}

/// One server's port, given back when dropped.
pub struct Lease {
    /// The port, on 127.0.0.1.
    pub port: u16,
    ports: Arc<Ports>,
}

/// A socket that listens on a port of this machine's own.
///
/// # Errors
/// Somebody else does.
pub fn listen(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
}

impl Ports {
    /// The ports of `range`, both ends included.
    pub fn new(range: RangeInclusive<u16>) -> Arc<Ports> {
        Arc::new(Ports { range, taken: Mutex::default() })
    }

    /// A random port that nobody listens on, with the socket that proves it. `wanted` asks for that one only.
    ///
    /// # Errors
    /// Every port of the range is taken, or the wanted one is; the text says which and what to do.
    pub fn lease(self: &Arc<Self>, wanted: Option<u16>) -> Result<(Lease, TcpListener), String> {
        if let Some(port) = wanted {
            return self
                .take(port)
                .map_err(|error| format!("port {port} cannot be had ({error}); choose another"));
        }
        let mut candidates: Vec<u16> = self.range.clone().collect();
        candidates.shuffle(&mut rand::rng());
        candidates.into_iter().find_map(|port| self.take(port).ok()).ok_or_else(|| {
            let (first, last) = (self.range.start(), self.range.end());
            format!("no free port in {first}-{last}; widen `ports` in proxy.toml or stop what listens there")
        })
    }

    fn take(self: &Arc<Self>, port: u16) -> io::Result<(Lease, TcpListener)> {
        let mut taken = self.taken();
        if taken.contains(&port) {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "another server of ours has it"));
        }
        let socket = listen(port)?;
        let port = socket.local_addr()?.port();
        taken.insert(port);
        Ok((Lease { port, ports: Arc::clone(self) }, socket))
    }

    fn taken(&self) -> MutexGuard<'_, BTreeSet<u16>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    /// The same port once more, with the socket that proves it: for the next server of that name.
    ///
    /// # Errors
    /// Somebody else listens on it by now. The lease is given up.
    pub fn renew(self) -> io::Result<(Lease, TcpListener)> {
        let socket = listen(self.port)?;
        Ok((self, socket))
    }

    /// Another port of the same range, with the socket that proves it.
    ///
    /// # Errors
    /// All are taken.
    pub fn another(&self) -> Result<(Lease, TcpListener), String> {
        self.ports.lease(None)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.ports.taken().remove(&self.port);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_passed_over_and_an_empty_range_says_so() {
        let (first, socket) = Ports::new(0..=0).lease(None).unwrap();
        let ports = Ports::new(first.port..=first.port);
        let Err(full) = ports.lease(None) else { panic!("a port that somebody listens on was given out") };
        assert!(full.contains("no free port"), "{full}");
        drop(socket);
        let (lease, socket) = ports.lease(None).unwrap();
        drop(socket);
        assert!(ports.lease(None).is_err(), "a leased port stays taken even when nobody listens");
        let (lease, socket) = lease.renew().unwrap();
        drop(socket);
        drop(lease);
        assert!(ports.lease(Some(first.port)).is_ok());
    }
}
