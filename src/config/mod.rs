//! Resolved configuration: flag, environment, `proxy.toml`, default, in this order.
//!
//! `Config::default()`, serialised, is the only list of keys there is: types, defaults, environment twins,
//! spelling suggestions and the reference `proxy.toml` are all checked against it.

mod bounds;
mod confinement;
mod document;
pub(crate) mod dotenv;
mod error;
mod fields;
mod load;
mod nearest;
pub(crate) mod redact;
pub(crate) mod secret_file;
mod sections;
mod server_table;
pub mod spec;
mod state_dir;
mod twins;
mod values;

pub use confinement::{Confinement, Folders};
pub use document::{Document, MAX_FILE_BYTES, open_regular, read_small};
pub use error::ConfigError;
pub use load::{Flags, Loaded, load};
pub use nearest::nearest;
pub use sections::{Broken, Config, Defaults, Health, LogSection, ProxySection, Restart};
pub use server_table::{ServerTable, text_map};
pub use state_dir::{state_dir, write_beside};
pub use twins::{Environment, environment};
pub(crate) use values::http_url;
pub use values::{LogFormat, LogLevel, Ports};
