//! Resolved configuration: flag, environment, `proxy.toml`, default, in this order.
//!
//! `Config::default()`, serialised, is the only list of keys there is: types, defaults, environment twins,
//! spelling suggestions and the reference `proxy.toml` are all checked against it.

mod auth;
mod bounds;
mod confinement;
mod document;
pub(crate) mod dotenv;
mod error;
mod fields;
mod load;
mod nearest;
mod nets;
mod pattern;
pub(crate) mod redact;
pub(crate) mod secret_file;
mod sections;
mod server_table;
pub mod spec;
mod stamp;
mod state_dir;
mod tools;
mod twins;
mod values;

pub use auth::{AuthMode, AuthSection};
pub use confinement::{Confinement, Folders};
pub use document::{Document, MAX_FILE_BYTES, open_regular, read_small};
pub use error::ConfigError;
pub use load::{Flags, Loaded, load};
pub use nearest::nearest;
pub use nets::Nets;
pub use pattern::Pattern;
pub(crate) use pattern::fits;
pub use sections::{Broken, Config, Defaults, Health, LogSection, ProxySection, Restart, TlsSection};
pub use server_table::{ServerTable, text_map};
pub use stamp::Stamp;
pub use state_dir::{
    clear_unfinished, is_private, lock_beside, replace, state_dir, sync_folder_of, take_place, write_beside,
};
pub use tools::ToolRules;
pub use twins::{Environment, environment};
pub(crate) use values::http_url;
pub use values::{LogFormat, LogLevel, Ports};
