//! The thread `watchdog`: asks the proxy for its health as a client would, through the listener. Who supervises the
//! process hears no more of it when that is not answered.

use super::health;
use crate::thread;
use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// The handle on the thread, which ends with it.
pub struct Watchdog {
    _stop: Sender<()>,
}

impl Watchdog {
    /// Asks at once and then three times within each `deadline`, so that one slow answer is none too late; says so by
    /// `on_answer`. `control` is where plain requests from this machine are served.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start(
        control: SocketAddr,
        deadline: Duration,
        on_answer: impl Fn() + Send + 'static,
    ) -> io::Result<Watchdog> {
        let (stop, stopped) = bounded::<()>(0);
        let pause = deadline / 3;
        let (agent, url) = (health::agent(pause), format!("http://{control}/health"));
        thread::spawn("watchdog", move || {
            loop {
                // Any status: 503 says that servers are ill, and starting the proxy anew would not cure them.
                let answer = agent.get(&url).call();
                if answer.is_ok() {
                    on_answer();
                }
                if stopped.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
                if let Err(error) = answer {
                    log::warn!(event = "unanswered"; "the proxy does not answer itself on {control}: {error}");
                }
            }
        })?;
        Ok(Watchdog { _stop: stop })
    }
}
