//! Gives each accepted socket its place and its thread, or turns it away.

use super::connection::Connection;
use super::door::Door;
use super::link::{Link, Times};
use super::pool::Pool;
use super::refusal::RETRY_AFTER_SECONDS;
use super::roster::Place;
use super::scheme::Scheme;
use super::seldom::Seldom;
use super::shared::{Shared, count};
use super::turn::Turn;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};

/// The way from `accept` to a connection's thread.
pub(crate) struct Admission {
    pub(crate) shared: Arc<Shared>,
    pub(crate) pool: Arc<Pool<Connection>>,
    pub(crate) next_id: u64,
    pub(crate) no_thread_told: Seldom,
}

impl Admission {
    /// Takes a socket in. Never waits.
    pub(crate) fn admit(&mut self, stream: TcpStream, peer: SocketAddr, door: Arc<Door>, scheme: Scheme) {
        count(&self.shared.counts.accepted);
        self.next_id += 1;
        let now = self.shared.now();
        let limits = &self.shared.limits;
        let link = Arc::new(Link {
            id: self.next_id,
            turn: Turn::waiting_since(now),
            door,
            scheme,
            peer,
            times: Times { idle: limits.keep_alive(), write: limits.write_timeout() },
            stream: Arc::new(stream),
            backlog: Arc::clone(&self.shared.backlog),
            traffic: Arc::clone(&self.shared.traffic),
            session: OnceLock::new(),
            sent: AtomicU64::new(0),
            field: OnceLock::new(),
        });
        let (place, gone) = self.shared.roster.admit(&link, now);
        if let Some(gone) = gone {
            count(&self.shared.counts.evicted);
            gone.shut();
        }
        match place {
            Place::Full => self.turn_away(&link),
            Place::Regular | Place::Reserve => self.start(link, place),
        }
    }

    fn start(&mut self, link: Arc<Link>, place: Place) {
        let connection = Connection::new(self.shared.clone(), link.clone(), place);
        if let Err((connection, error)) = self.pool.give(connection) {
            if self.no_thread_told.is_due() {
                log::warn!(event = "no-thread"; "no thread for a connection, answered 503: {error}; raise the limit of processes (ulimit -u) or lower max_connections");
            }
            self.turn_away(&link);
            drop(connection);
        }
    }

    /// 503 without reading the request; the client may see a reset instead, and does where a handshake would come first.
    fn turn_away(&self, link: &Link) {
        count(&self.shared.counts.refused);
        if let Scheme::Https(_) = link.scheme {
            return link.shut();
        }
        let body = r#"{"error":"every connection of this proxy is busy; try again in a few seconds"}"#;
        let answer = format!(
            "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: {RETRY_AFTER_SECONDS}\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        link.send_at_once(answer.as_bytes());
        link.shut_write();
    }
}
