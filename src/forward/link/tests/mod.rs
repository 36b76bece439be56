//! Each rule against a scripted HTTP server.

mod event_stream;
mod modern;
mod nature;
mod rig;
mod streamable;
