//! The stdio bridge as clients and children meet it, through the built program.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../harness/mod.rs"]
mod harness;

/// What the tests of the bridge share.
mod rig;

mod asks;
mod bad_bodies;
mod call_limits;
mod cancellation;
mod child_input;
mod child_output;
mod crash;
mod endpoint_rules;
mod fidelity;
mod handshake;
mod ids_and_progress;
mod logging;
mod revival;
mod sessions;
mod slow_clients;
mod start;
mod subscriptions_and_lists;
