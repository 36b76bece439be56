//! MCP Proxy: one process that finds MCP servers, keeps them alive and serves them on one HTTP port.
//!
//! # The house
//! Layers, each importing only what stands below it (`tests/architecture.rs` checks that):
//!
//! ```text
//! cli                       the command line, the commands to a running proxy
//! app                       composition, the main thread's events, the order of the end
//! front   ops               routes, guards and pages │ health thread and reports
//! signal  watch             INT, TERM, HUP │ what changes in the servers folder
//! fleet                     the servers that are served, by name
//! bridge                    clients meet the children of a stdio server, or links to an HTTP server
//! forward                   HTTP servers: requests passed on, sessions under ids of ours; links, which stand in for a child's pipes
//! server  discovery         supervisor, child, pipes, ports │ from folders to specifications
//! auth                      who asks, and what they may use
//! ledger                    sessions that outlive the process: signed ids, records, which were ended
//! config  http              resolved configuration │ an embedded HTTP/1.1 server, with TLS, that knows nothing of MCP
//! protocol                  JSON-RPC envelopes, revisions, events: pure
//! log                       how it speaks, and which request it speaks of
//! thread  limits  meter     how threads begin, how much of anything there may be, what is counted
//! secrets                   what is never shown; imports nothing of ours
//! ```
//!
//! The bridge is the largest, and has rooms: `children` (which child serves whom), `peer` (one child: the calls in
//! flight there, where its lines go), `session` (clients that begin with `initialize`), `stateless` (requests that
//! stand for themselves, 2026-07-28), `stream` (what belongs to a client: kept, rendered, written).
//!
//! # Invariants
//! - Only `http` accepts sockets; only `forward`, `ops::health`, `ops::watchdog`, the commands of `cli`
//!   and `auth::oauth::document` make HTTP requests.
//! - Only `server::reaper` starts processes; only `thread` starts threads; unsafe code stands in `server::os` alone.
//! - Only a server's supervisor changes its state. Others tell it what happened and read its board.
//! - `protocol`, the rules of `discovery`, the restart policy and the routes are pure.
//! - No lock is held while waiting for a client or a child. (One is held across `fork` and `exec`, so that no exit
//!   can come before its process is known.)
//! - No message body is logged, no secret shown: what is printed passes through `secrets::mask`. Nothing that came
//!   from outside is unwrapped.
//!
//! # Threads
//! `main` · `accept` · `conn-N` (a bounded pool, one request each) · for each server `sup:NAME`, and while a child runs
//! `in:NAME`, `out:NAME`, `err:NAME`, until it is ready `find:NAME`, which looks for HTTP, and `use:NAME` if what it
//! may take is limited, and `list:NAME` while it is asked for its lists · for each link to an HTTP server `post:NAME`,
//! another one for each request in flight there, and `get:NAME` where it reads a stream of the server's · `sse:NAME`
//! for each call of a client of 2024-11-05 · `reaper` · `health`, with an `ask:NAME` for each server it asks ·
//! `signals` · `log` if there are log files · `reload` · `watchdog`, if a service manager wants to hear that the proxy
//! answers · with `--dev` `watch` and its `bell` · `table` and `stop`, once each · `sweep`, if an earlier run has left
//! containers. Long-lived ones have one inbox each.
//!
//! # A start
//! What a server is, its folder does not tell: most that can speak HTTP speak on their pipes unless asked otherwise. So
//! a specification holds *ways* to start it, the likeliest first, and the supervisor finds out the rest. It writes
//! `initialize` on stdin; meanwhile `find:NAME` watches where the child and what descends from it listens, and asks
//! there for MCP (`forward::link::sight`). The first proper answer decides. A child that ends without one has the next
//! attempt follow: further arguments, then another way (`server::attempts`); what it said explains why
//! (`server::diagnosis`). What was found out is kept in the state folder (`server::learnt`) and comes first next time.
//!
//! # A call
//! The connection thread reads the request and passes the guards, finds the session (a modern request is one of its
//! own) and its child, puts the call on the list under a number of its own and writes the line into the child's stdin,
//! in the child's era, without waiting: what the pipe does not take is left to `in:NAME`. It then waits at the call's
//! mailbox. `out:NAME` reads the answer, finds the call by its number and leaves the text in the mailbox; who waits
//! there restores the client's id and era. So a plain call costs one read and one write on either side and one
//! wake-up, and no thread ever waits for a client but the one that serves it.

mod app;
mod auth;
mod bridge;
pub mod cli;
pub mod config;
mod discovery;
mod fleet;
mod forward;
mod front;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
pub mod http;
mod ledger;
pub mod limits;
mod log;
mod meter;
mod ops;
mod protocol;
mod secrets;
mod server;
mod signal;
mod thread;
mod watch;
