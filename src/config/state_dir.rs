//! Where the proxy keeps what must outlive it.

use super::{Config, ConfigError, Environment};
use std::path::{Path, PathBuf};

/// The state folder: `state_dir` (relative to `config_dir`), else `$XDG_STATE_HOME/mcp-proxy`, else
/// `~/.local/state/mcp-proxy`. It need not exist.
///
/// # Errors
/// Nothing says where: no key, no XDG_STATE_HOME and no HOME.
pub fn state_dir(
    config: &Config,
    config_dir: &Path,
    environment: &Environment,
) -> Result<PathBuf, ConfigError> {
    if !config.proxy.state_dir.is_empty() {
        return Ok(config_dir.join(&config.proxy.state_dir));
    }
    // Relative values are to be ignored, says the XDG specification; of HOME it is only wise.
    let absolute = |name| environment.get(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_STATE_HOME")
        .or_else(|| Some(absolute("HOME")?.join(".local/state")))
        .map(|base| base.join("mcp-proxy"))
        .ok_or_else(|| {
            ConfigError::one("no state folder: HOME is not set; name one with --state-dir".to_string())
        })
}
