//! What the service manager is told that started us (sd_notify(3)): lines, in a datagram to the socket that
//! NOTIFY_SOCKET names. Where none is named nobody is told.

use crate::config::Environment;
use rustix::time::{ClockId, clock_gettime};
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// What a manager that does not read may cost.
const PATIENCE: Duration = Duration::from_secs(1);

/// The service manager, if there is one that listens.
pub(super) struct Manager {
    address: Option<SocketAddr>,
    /// It wants to hear `alive` at least this often.
    pub(super) watchdog: Option<Duration>,
}

impl Manager {
    /// The one that this environment names.
    pub(super) fn of(environment: &Environment) -> Manager {
        let address = environment.get("NOTIFY_SOCKET").and_then(|name| address(name));
        Manager { address, watchdog: watchdog(environment) }
    }

    /// Clients are served; also after a reload.
    pub(super) fn ready(&self, status: &str) {
        self.tell(&format!("READY=1\nSTATUS={status}"));
    }

    /// A reload has begun. The time tells the manager that it is the one it has asked for (`Type=notify-reload`).
    pub(super) fn reloading(&self) {
        let now = Duration::try_from(clock_gettime(ClockId::Monotonic)).unwrap_or_default();
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={}", now.as_micros()));
    }

    /// The end has begun.
    pub(super) fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=stopping");
    }

    /// What has to be said in time is said.
    pub(super) fn alive(&self) {
        self.tell("WATCHDOG=1");
    }

    fn tell(&self, state: &str) {
        let Some(address) = &self.address else { return };
        // A socket for each time: the manager may have made its own anew.
        let sent = UnixDatagram::unbound().and_then(|socket| {
            socket.set_write_timeout(Some(PATIENCE))?;
            socket.send_to_addr(state.as_bytes(), address)
        });
        if let Err(error) = sent {
            log::warn!(event = "manager-deaf"; "the service manager at NOTIFY_SOCKET cannot be told {state:?}: {error}");
        }
    }
}

/// A path, or with `@` before it a name that is none (Linux).
fn address(name: &str) -> Option<SocketAddr> {
    match name.strip_prefix('@') {
        #[cfg(target_os = "linux")]
        Some(name) => SocketAddr::from_abstract_name(name).ok(),
        #[cfg(not(target_os = "linux"))]
        Some(_) => None,
        None => SocketAddr::from_pathname(name).ok(),
    }
}

/// Unless it is meant for another process.
fn watchdog(environment: &Environment) -> Option<Duration> {
    let number = |name: &str| environment.get(name)?.parse::<u64>().ok();
    let is_ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
    let microseconds = number("WATCHDOG_USEC").filter(|microseconds| is_ours && *microseconds > 0)?;
    Some(Duration::from_micros(microseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        variables.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    }

    #[test]
    fn a_watchdog_is_heeded_if_it_is_meant_for_us() {
        let own = std::process::id().to_string();
        for (pid, usec, expected) in [
            (own.as_str(), "3000000", Some(Duration::from_secs(3))),
            ("1", "3000000", None),
            (&own, "0", None),
            (&own, "soon", None),
        ] {
            let variables = environment(&[("WATCHDOG_PID", pid), ("WATCHDOG_USEC", usec)]);
            assert_eq!(watchdog(&variables), expected, "{pid} {usec}");
        }
        assert_eq!(watchdog(&environment(&[("WATCHDOG_USEC", "1000")])), Some(Duration::from_millis(1)));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_name_that_is_no_path_is_found() {
        let name = format!("mcp-proxy-test-{}", std::process::id());
        let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        Manager::of(&environment(&[("NOTIFY_SOCKET", &format!("@{name}"))])).alive();
        let mut told = [0; 64];
        let length = socket.recv(&mut told).unwrap();
        assert_eq!(&told[..length], b"WATCHDOG=1");
    }
}
