//! What both fakes are: an MCP server that does what a test tells it to: answers, asks, waits, floods, lies, dies.
//!
//! `fake_stdio` gives it lines, `fake_http` requests; either tells it where the answers go (an [`Outlet`]). What it
//! does in a call is in `tools.rs`, what it does before the first call in `settings.rs`. In the modern era
//! (2026-07-28) it is strict: it refuses what that revision lets a server refuse.

// Each fake is a crate of its own and uses what it needs of this.
#![allow(dead_code, unused_imports)]

mod ask;
mod journal;
mod lists;
mod logs;
mod modern;
mod peer;
mod server;
mod settings;
mod tasks;
mod tools;
mod wire;

pub(crate) use modern::{CLAIM, REVISION};
pub(crate) use peer::Peer;
pub(crate) use server::Server;
pub(crate) use settings::Settings;
pub(crate) use tools::linger;
pub(crate) use wire::{Era, Out, Outlet, Reply};
