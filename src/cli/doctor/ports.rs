//! The port that clients connect to, and those of the bridges.

use super::{Finding, Patient};
use crate::config::spec::{Launch, ServerSpec};
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

const SUBJECT: &str = "ports";

pub(super) fn look(patient: &Patient) -> Vec<Finding> {
    let ours = ours(patient);
    let taken = patient.found.servers.iter().filter_map(|spec| taken(spec, &ours));
    [front(patient), bridges(patient, &ours)].into_iter().chain(taken).collect()
}

/// A server that asks for a certain port, which another program has.
fn taken(spec: &ServerSpec, ours: &BTreeSet<u16>) -> Option<Finding> {
    let Launch::Child(child) = &spec.launch else { return None };
    let port = child.port.filter(|port| !ours.contains(port) && !is_free(*port))?;
    let cure = format!("ss -ltnp 'sport = :{port}' says whose it is: stop that, or choose another `port`");
    Some(Finding::wrong(
        SUBJECT,
        format!("{} asks for port {port}, which another program has", spec.name),
        cure,
    ))
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).is_ok()
}

fn front(patient: &Patient) -> Finding {
    let listen = patient.loaded.config.proxy.listen;
    if let Some((control, _)) = &patient.running {
        return Finding::ok(SUBJECT, format!("{} is the proxy's", control.proxy.address));
    }
    let port = listen.port();
    match TcpListener::bind(listen) {
        Ok(_) => Finding::ok(SUBJECT, format!("{listen} is free")),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            let cure = format!(
                "ss -ltnp 'sport = :{port}' says whose it is: stop that, or choose another with --listen"
            );
            Finding::wrong(SUBJECT, format!("{listen} is taken by another program"), cure)
        }
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            let cure = "choose a port from 1024 on, have systemd hand the socket over (docs/operations.md), or: setcap cap_net_bind_service=+ep on the program";
            Finding::wrong(SUBJECT, format!("{listen} is not for this user"), cure)
        }
        Err(error) => {
            let cure = "name an address of this machine with --listen; `ip address` shows them";
            Finding::wrong(SUBJECT, format!("{listen} cannot be listened on: {error}"), cure)
        }
    }
}

/// Each server that is a process of ours has one of the range.
fn bridges(patient: &Patient, ours: &BTreeSet<u16>) -> Finding {
    let children =
        patient.found.servers.iter().filter(|spec| matches!(spec.launch, Launch::Child(_))).count();
    let range = patient.loaded.config.proxy.ports.range();
    if *range.end() == 0 {
        return Finding::ok(SUBJECT, "servers get any free port");
    }
    let free = |port: &u16| ours.contains(port) || is_free(*port);
    let (first, last) = (*range.start(), *range.end());
    let all = range.clone().count();
    let usable = range.filter(free).count();
    let found = format!(
        "{usable} of {all} ports from {first} to {last} are free or ours, {children} servers need one each"
    );
    match usable < children {
        true => Finding::wrong(
            SUBJECT,
            found,
            "widen `ports` in [proxy] of proxy.toml, or stop what listens there",
        ),
        false => Finding::ok(SUBJECT, found),
    }
}

/// Those that the running proxy's servers have.
fn ours(patient: &Patient) -> BTreeSet<u16> {
    let servers = patient.running.iter().flat_map(|(_, said)| said["servers"].as_array()).flatten();
    servers.filter_map(|server| u16::try_from(server["port"].as_u64()?).ok()).collect()
}
