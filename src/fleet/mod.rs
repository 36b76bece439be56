//! The servers that are served: by name, each with its supervisor, its face and its port.

mod door;
mod served;

use crate::bridge::Bridge;
use crate::config::spec::{ChildSpec, Instances, Launch, ServerSpec, Start, Transport};
use crate::discovery::LeftOut;
use crate::forward::link::sight::Prober;
use crate::forward::{Forward, Target};
use crate::http;
use crate::meter::Meter;
use crate::server::ports::{Lease, Ports};
use crate::server::{Census, Changes, Context, Face, Probe, Role, Server};
use door::{Door, Doorkeeper};
pub use served::Served;
use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// All servers. Readers get a snapshot; [`Fleet::apply`] replaces it.
pub struct Fleet {
    context: Arc<Context>,
    ports: Arc<Ports>,
    serving: RwLock<Arc<Serving>>,
    census: Census,
    /// One change at a time; true once all was stopped for good.
    changing: Mutex<bool>,
}

/// What servers leave to those of the same name that come after them.
#[derive(Default)]
struct Bequest {
    leases: BTreeMap<String, Lease>,
    /// Those that ran.
    ran: BTreeSet<String>,
}

/// What is served and what is not, at one moment.
#[derive(Default)]
pub struct Serving {
    /// By name.
    pub servers: BTreeMap<String, Arc<Served>>,
    /// What was found and cannot be served.
    pub left_out: Vec<LeftOut>,
}

impl Fleet {
    /// A fleet without servers.
    pub fn new(context: Arc<Context>, ports: Arc<Ports>) -> Fleet {
        let (serving, census, changing) = (RwLock::default(), Census::default(), Mutex::default());
        Fleet { context, ports, serving, census, changing }
    }

    /// What is served now.
    pub fn serving(&self) -> Arc<Serving> {
        Arc::clone(&self.serving.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Told of every change of what is served and of its state.
    pub fn changes(&self) -> &Changes {
        &self.context.changes
    }

    /// The server of that name.
    pub fn get(&self, name: &str) -> Option<Arc<Served>> {
        self.serving().servers.get(name).cloned()
    }

    /// Looks at what the processes of all servers take, unless that was done a moment ago.
    pub fn measure(&self) {
        let leaders = |served: &Arc<Served>| (Arc::clone(served.server.meter()), served.pids());
        self.census.take(&self.context.guard, || self.serving().servers.values().map(leaders).collect());
    }

    /// Serves these and no others: what is equal to what runs is left alone, and so is what runs and has a mistake
    /// in its files now.
    pub fn apply(&self, specs: Vec<ServerSpec>, left_out: Vec<LeftOut>, http: &Arc<http::Server>) {
        let closed = self.changing();
        if *closed {
            return;
        }
        let old = self.serving();
        let mut servers = BTreeMap::new();
        let mut fresh = Vec::new();
        for spec in specs {
            match old.servers.get(&spec.name) {
                Some(same) if *same.spec == spec => drop(servers.insert(spec.name.clone(), Arc::clone(same))),
                _ => fresh.push(spec),
            }
        }
        for out in &left_out {
            if let Some(running) = old.servers.get(&out.name) {
                log::warn!(server = out.name.as_str(), event = "kept"; "goes on as it was; its files cannot be used: {}", out.reason);
                servers.insert(out.name.clone(), Arc::clone(running));
            }
        }
        // A changed server stays known until its successor takes over: clients do not recover from 404.
        let gone = old.servers.values().filter(|served| !servers.contains_key(&served.spec.name));
        let gone: Vec<&Arc<Served>> = gone.collect();
        self.withdraw(&gone, &fresh);
        let ran = gone.iter().filter(|served| !served.server.is_down());
        let ran: BTreeSet<String> = ran.map(|served| served.spec.name.clone()).collect();
        let mut next = Serving { servers, left_out };
        // Who is new need not wait until others have ended, unless it is for their ports.
        if !fresh.iter().any(asks_for_port) {
            let is_new = |spec: &mut ServerSpec| !old.servers.contains_key(&spec.name);
            let new: Vec<ServerSpec> = fresh.extract_if(.., is_new).collect();
            self.serve_all(new, Bequest::default(), http, &mut next);
            let mut now = self.serving().servers.clone();
            now.extend(next.servers.clone());
            self.publish(now, old.left_out.clone());
        }
        let mut leases = close_all(gone.iter().copied());
        leases.retain(|name, lease| keeps_port(lease, old.servers.get(name), &fresh));
        // Who asks for a certain port comes before those who take any.
        fresh.sort_by_key(|spec| !asks_for_port(spec));
        self.serve_all(fresh, Bequest { leases, ran }, http, &mut next);
        self.publish(next.servers, next.left_out);
        // Not before: their clients come back at once, and are to meet the successor, or hear that there is none.
        for served in gone {
            served.bridge.end_streams();
            served.bridge.clear();
        }
    }

    /// Ends the streams that no call waits for, so that stopping need not wait for them.
    pub fn end_streams(&self) {
        self.serving().servers.values().for_each(|served| served.bridge.end_streams());
    }

    /// Waits at most `patience` until no call is in flight.
    pub fn drain(&self, patience: Duration) {
        let deadline = Instant::now() + patience;
        for served in self.serving().servers.values() {
            served.bridge.drain(deadline);
        }
    }

    /// Ends the calls that are left: their clients are told.
    pub fn end_calls(&self) {
        for served in self.serving().servers.values() {
            served.bridge.end_calls();
        }
    }

    /// Stops everything and waits until it is gone; nothing is served any more, whatever is applied later.
    pub fn close(&self) {
        let mut closed = self.changing();
        *closed = true;
        let serving = self.serving();
        drop(close_all(serving.servers.values()));
        serving.servers.values().for_each(|served| served.bridge.clear());
    }

    /// Waits at most `patience` until every server has ended its first start, well or badly.
    pub fn settle(&self, patience: Duration) {
        let deadline = Instant::now() + patience;
        for served in self.serving().servers.values() {
            served.server.wait_settled(deadline.saturating_duration_since(Instant::now()));
        }
    }

    /// What has no successor is not served any more, however long its child may take to end.
    fn withdraw(&self, gone: &[&Arc<Served>], fresh: &[ServerSpec]) {
        let old = self.serving();
        let ends = |name: &String| {
            gone.iter().any(|served| served.spec.name == *name)
                && !fresh.iter().any(|spec| spec.name == *name)
        };
        let kept = old.servers.iter().filter(|(name, _)| !ends(name));
        let kept: BTreeMap<_, _> = kept.map(|(name, served)| (name.clone(), Arc::clone(served))).collect();
        self.publish(kept, old.left_out.clone());
    }

    /// Serves these as well; those that cannot be served are left out.
    fn serve_all(
        &self,
        specs: Vec<ServerSpec>,
        mut left: Bequest,
        http: &Arc<http::Server>,
        next: &mut Serving,
    ) {
        for spec in specs {
            let (name, origin) = (spec.name.clone(), spec.origin.clone());
            match self.serve(spec, left.leases.remove(&name), left.ran.contains(&name), http) {
                Ok(served) => drop(next.servers.insert(name, Arc::new(served))),
                Err(reason) => {
                    log::warn!(server = name.as_str(), event = "left-out"; "{reason}");
                    let remedy = "mend it, then: mcp-proxy reload".to_string();
                    next.left_out.push(LeftOut { name, place: origin, reason, remedy });
                }
            }
        }
    }

    fn publish(&self, servers: BTreeMap<String, Arc<Served>>, left_out: Vec<LeftOut>) {
        let serving = Arc::new(Serving { servers, left_out });
        *self.serving.write().unwrap_or_else(PoisonError::into_inner) = serving;
        self.context.changes.note();
    }

    fn serve(
        &self,
        spec: ServerSpec,
        kept: Option<Lease>,
        ran: bool,
        http: &Arc<http::Server>,
    ) -> Result<Served, String> {
        let spec = Arc::new(spec);
        let lease = self.lease(&spec, kept)?;
        let (server, seat) =
            Server::new(&self.meter(&spec.name), &self.context.limits, &self.context.changes);
        let bridge = self.bridge(&spec, &server)?;
        let door = lease.map(|(lease, socket)| self.door(&spec, lease, socket, http)).transpose()?;
        let face = bridge.face();
        let face: Arc<dyn Face> = match &door {
            Some(door) => Arc::new(Doorkeeper { door: Arc::clone(door), face }),
            None => face,
        };
        let context = Arc::clone(&self.context);
        let role = awake_if(ran, role(&spec, &context), &spec);
        server
            .run(seat, Arc::clone(&spec), face, context, role)
            .inspect_err(|_| door.iter().for_each(|door| drop(door.remove())))
            .map_err(|error| format!("no thread for it: {error}"))?;
        Ok(Served { spec, server, bridge, door })
    }

    /// The counters of that name: they go on where they were.
    fn meter(&self, name: &str) -> Arc<Meter> {
        let before = self.get(name).map(|served| Arc::clone(served.server.meter()));
        before.unwrap_or_else(|| Arc::new(Meter::new(name)))
    }

    /// A port, with the socket that proves it free; none for a server that runs elsewhere.
    fn lease(&self, spec: &ServerSpec, kept: Option<Lease>) -> Result<Option<(Lease, TcpListener)>, String> {
        let Launch::Child(child) = &spec.launch else { return Ok(None) };
        let renewed = kept.and_then(|lease| lease.renew().ok());
        renewed.map_or_else(|| self.ports.lease(child.port), Ok).map(Some)
    }

    /// Where its bridge is reached besides. An HTTP child listens there itself: for one the port is left free.
    fn door(
        &self,
        spec: &ServerSpec,
        lease: Lease,
        socket: TcpListener,
        http: &Arc<http::Server>,
    ) -> Result<Arc<Door>, String> {
        let door = Door::new(&spec.name, lease, asks_for_port(spec), Arc::clone(http));
        if !is_told_http(spec) {
            door.open_with(socket).map_err(|error| format!("its port cannot be served: {error}"))?;
        }
        Ok(Arc::new(door))
    }

    fn bridge(&self, spec: &Arc<ServerSpec>, server: &Arc<Server>) -> Result<Arc<Bridge>, String> {
        let context = Arc::clone(&self.context);
        let wait = Duration::from_secs(context.restart.restart_wait_seconds);
        let target = match &spec.launch {
            Launch::Remote(remote) => Some(Target::remote(remote)?),
            Launch::Child(_) => None,
        };
        let forward = may_speak_http(spec)
            .then(|| Forward::new(Arc::clone(server), target, spec.options.clone(), &context));
        Ok(Bridge::new(Arc::clone(server), forward, Arc::clone(spec), context, wait))
    }

    fn changing(&self) -> MutexGuard<'_, bool> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How its first child begins. A server elsewhere has no child to be started.
fn role(spec: &Arc<ServerSpec>, context: &Arc<Context>) -> Role {
    let Launch::Child(child) = &spec.launch else { return Role::default() };
    let prober = || Arc::new(Prober::new(child, &spec.options)) as Arc<dyn Probe>;
    let probe = may_speak_http(spec).then(prober);
    match is_told_http(spec) {
        true => Role { probe, asleep: spec.options.start == Start::OnDemand, ..Role::default() },
        false => Role { probe, ..Bridge::role(spec, context) },
    }
}

/// What ran goes on if it may: who has just changed how a server is treated wants to see it.
fn awake_if(ran: bool, role: Role, spec: &ServerSpec) -> Role {
    Role { asleep: role.asleep && !(ran && spec.options.meets_first()), ..role }
}

/// Whether it can turn out to be an HTTP server. One that has a child for each session keeps its sessions apart by
/// that, which an HTTP server does itself.
fn may_speak_http(spec: &ServerSpec) -> bool {
    match &spec.launch {
        Launch::Remote(_) => true,
        Launch::Child(ChildSpec { transport: Some(told), .. }) => *told == Transport::Http,
        Launch::Child(_) => spec.options.instances == Instances::Shared,
    }
}

fn is_told_http(spec: &ServerSpec) -> bool {
    matches!(&spec.launch, Launch::Child(child) if child.transport == Some(Transport::Http))
}

fn asks_for_port(spec: &ServerSpec) -> bool {
    wanted_port(spec).is_some()
}

/// Stops servers side by side. Their ports, by name, are free now but for what is returned.
fn close_all<'s>(servers: impl Iterator<Item = &'s Arc<Served>> + Clone) -> BTreeMap<String, Lease> {
    let close = |served: &Arc<Served>| {
        let lease = served.door.as_ref().and_then(|door| door.remove());
        served.close();
        Some((served.spec.name.clone(), lease?))
    };
    let leases = servers.clone().filter_map(close).collect();
    servers.for_each(|served| served.join());
    leases
}

/// Whether the port of a server that was stopped is for the one of the same name that comes after it.
fn keeps_port(lease: &Lease, old: Option<&Arc<Served>>, fresh: &[ServerSpec]) -> bool {
    let Some(old) = old else { return false };
    fresh.iter().find(|spec| spec.name == old.spec.name).is_some_and(|next| {
        wanted_port(next) == wanted_port(&old.spec) || wanted_port(next) == Some(lease.port)
    })
}

fn wanted_port(spec: &ServerSpec) -> Option<u16> {
    match &spec.launch {
        Launch::Child(child) => child.port,
        Launch::Remote(_) => None,
    }
}
