//! MCP Proxy: one process that finds MCP servers, keeps them alive and serves them on one HTTP port.

mod app;
mod bridge;
pub mod cli;
pub mod config;
pub mod discovery;
mod fleet;
mod forward;
mod front;
pub mod http;
pub mod limits;
mod log;
mod ops;
pub mod protocol;
mod server;
mod signal;
pub mod thread;
