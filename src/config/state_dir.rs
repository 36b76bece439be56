//! Where the proxy keeps what must outlive it.

use super::{Config, ConfigError, Environment};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Writes what is to become `file` into another one beside it, mode 0600, in a folder that only its owner may enter.
/// Renaming that to `file` takes its place at once, so nobody ever reads half of it.
///
/// # Errors
/// The folder cannot be made, or the file not be written.
pub fn write_beside(file: &Path, content: &[u8]) -> io::Result<(File, PathBuf)> {
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let beside = file.with_extension(format!("{}.tmp", std::process::id()));
    let mut out = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    out.write_all(content)?;
    Ok((out, beside))
}

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
