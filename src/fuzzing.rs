//! What the fuzz targets (`fuzz/`) reach beside the public modules. Built with `--cfg fuzzing` only.

pub use crate::auth::{Credential, out_of_path};
pub use crate::config::dotenv::parse as dotenv;
pub use crate::discovery::fuzzing::{Look, jsonc, look, servers};
pub use crate::front::Route;
pub use crate::ledger::{Ledger, Owner};
pub use crate::protocol::{handshake, json, message, mirror, modern, modernize, revision, skim, sse};
