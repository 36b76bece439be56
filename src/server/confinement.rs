//! What surrounds a child: its user, its limits, its folders.

use super::cgroup::{Delegated, Group};
use super::folders::{Seen, Walls};
use super::os::{self, Cell};
use super::usage::{Allowance, Watch, Watched};
use super::users::Account;
use crate::config::spec::ChildSpec;
use crate::config::{Confinement, secret_file};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// Readies the command: whatever it starts is confined. `path` is the child's PATH, `label` what tells it from other
/// children of this proxy. The group that was made for it is kept until it has ended.
///
/// # Errors
/// It cannot be confined as it is to be, and so must not be started.
pub(super) fn confine(
    command: &mut Command,
    confinement: &Confinement,
    account: Option<&Account>,
    path: &str,
    label: &str,
) -> Result<Option<Group>, String> {
    let (group, entrance) = group(confinement, label).unzip();
    let cell = Cell {
        walls: walls(confinement, path, &command.get_program().to_string_lossy())?,
        allow_privileges: confinement.allow_privileges,
        max_open_files: confinement.max_open_files,
        // The kernel counts by user: of one that others share, it would count theirs too.
        max_processes: confinement.max_processes.filter(|_| account.is_some()),
        group: entrance,
    };
    if let Some(account) = account {
        command.uid(account.uid).gid(account.gid); // and no other groups
    }
    os::isolate(command, cell);
    Ok(group)
}

/// A control group for one whose memory is limited, if the kernel keeps any for us; else its memory is watched.
fn group(confinement: &Confinement, label: &str) -> Option<(Group, OwnedFd)> {
    let memory = confinement.memory_limit?;
    let made = Delegated::ours()?.group(label, memory);
    made.inspect_err(
        |error| log::warn!(event = "no-cgroup"; "no control group {label}: {error}; memory is watched"),
    )
    .ok()
}

/// What goes on beside a confined child, for as long as it runs.
pub(super) struct Warden {
    /// The kernel's limit on its memory, in bytes.
    group: Option<(Group, u64)>,
    _watch: Option<Watch>,
}

impl Warden {
    /// Watches what the kernel does not.
    ///
    /// # Errors
    /// No thread can be started.
    pub(super) fn new(
        confinement: &Confinement,
        group: Option<Group>,
        watched: Watched<'_>,
    ) -> io::Result<Warden> {
        let group = group.zip(confinement.memory_limit);
        let allowance = Allowance::of(confinement, group.is_some());
        Ok(Warden { group, _watch: allowance.map(|allowed| allowed.watch(watched)).transpose()? })
    }

    /// Once it has ended: the limit that the kernel ended it for, in words.
    pub(super) fn excess(&self) -> Option<String> {
        let (_, memory) = self.group.as_ref().filter(|(group, _)| group.ran_out())?;
        Some(format!("memory_limit_bytes = {memory} (the kernel said so)"))
    }
}

/// Its folders, and whether the kernel keeps it in them.
///
/// # Errors
/// They cannot be kept.
pub(super) fn walls(confinement: &Confinement, path: &str, program: &str) -> Result<Option<Walls>, String> {
    let Some(folders) = &confinement.folders else { return Ok(None) };
    if confinement.allow_privileges {
        let remedy = "keep either allow_privileges or read_only and writable";
        return Err(format!("more privileges would lead out of its folders; {remedy}"));
    }
    Walls::around(&Seen::of(folders, path, program)?).map(Some)
}

/// Why a file of secrets is not safe, for each that others can read.
fn open_files(child: &ChildSpec) -> Vec<String> {
    let files = child.env_file.iter().chain(child.env_from_files.values());
    let open = files.filter(|file| secret_file::is_open_to_others(file));
    open.map(|file| open_file(file)).collect()
}

fn open_file(file: &Path) -> String {
    let shown = file.display();
    format!("{shown} can be read by other users; chmod 600 {shown}")
}

/// Whether the files of secrets are as private as they are to be; a warning each where that is only advised.
///
/// # Errors
/// `strict_permissions` is set and one is not.
pub(super) fn check_files(child: &ChildSpec) -> Result<Vec<String>, String> {
    match open_files(child) {
        open if child.confinement.strict_permissions && !open.is_empty() => {
            Err(format!("strict_permissions: {}", open.join("; ")))
        }
        open => Ok(open),
    }
}
