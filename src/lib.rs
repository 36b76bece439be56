//! MCP Proxy: one process that finds MCP servers, keeps them alive and serves them on one HTTP port.

pub mod bridge;
pub mod cli;
pub mod config;
pub mod discovery;
pub mod forward;
pub mod http;
pub mod limits;
pub mod protocol;
pub mod server;
pub mod thread;
