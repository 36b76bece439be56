//! Who can read and write what: the state folder, the servers, files with secrets.

use super::{Finding, Patient};
use crate::config::spec::{ChildSpec, Launch};
use crate::config::{is_private, secret_file};
use rustix::fs::{Access, access};
use std::fs;
use std::path::{Path, PathBuf};

const SUBJECT: &str = "permissions";

pub(super) fn look(patient: &Patient) -> Vec<Finding> {
    let mut all = vec![state(&patient.state_dir)];
    let servers = patient.loaded.dir.join(&patient.loaded.config.proxy.servers);
    if servers.exists() && access(&servers, Access::READ_OK | Access::EXEC_OK).is_err() {
        let cure = format!("chmod u+rx {}, or run the proxy as its owner", servers.display());
        all.push(Finding::wrong(SUBJECT, format!("{} cannot be read", servers.display()), cure));
    }
    let open: Vec<PathBuf> =
        secrets(patient).into_iter().filter(|file| secret_file::is_open_to_others(file)).collect();
    all.extend(open.iter().map(|file| {
        let file = file.display();
        Finding::warning(
            SUBJECT,
            format!("{file} holds secrets and others can read it"),
            format!("chmod 600 {file}"),
        )
    }));
    all
}

fn state(folder: &Path) -> Finding {
    let shown = folder.display();
    let Ok(metadata) = fs::metadata(folder) else {
        let parent = folder.ancestors().skip(1).find(|parent| parent.exists());
        let is_writable =
            parent.is_none_or(|parent| parent.is_dir() && access(parent, Access::WRITE_OK).is_ok());
        return match is_writable {
            true => Finding::ok(SUBJECT, format!("the state folder {shown} will be made")),
            false => {
                let cure = "make it for the proxy's user, or choose another with --state-dir";
                Finding::wrong(SUBJECT, format!("the state folder {shown} cannot be made"), cure)
            }
        };
    };
    if access(folder, Access::WRITE_OK | Access::EXEC_OK).is_err() {
        let cure = format!(
            "chown it to the proxy's user, or run this as that user: sudo -u USER mcp-proxy doctor; or choose another with --state-dir (now {shown})"
        );
        return Finding::wrong(SUBJECT, format!("the state folder {shown} cannot be written"), cure);
    }
    match is_private(&metadata) {
        true => Finding::ok(SUBJECT, format!("the state folder {shown} is for its owner only")),
        false => Finding::warning(
            SUBJECT,
            format!("the state folder {shown} is open to others; keys lie in it"),
            format!("chmod 700 {shown}"),
        ),
    }
}

/// The files that hold secrets of servers, and the proxy's own.
fn secrets(patient: &Patient) -> Vec<PathBuf> {
    let config = &patient.loaded.config;
    let own = [&config.auth.token_file, &config.proxy.session_key_file];
    let own = own.into_iter().filter(|file| !file.is_empty()).map(|file| patient.loaded.dir.join(file));
    let theirs = patient.found.servers.iter().filter_map(|spec| match &spec.launch {
        Launch::Child(child) => Some(files(child)),
        Launch::Remote(_) => None,
    });
    own.chain(theirs.flatten()).collect()
}

fn files(child: &ChildSpec) -> Vec<PathBuf> {
    child.env_file.iter().chain(child.env_from_files.values()).cloned().collect()
}
