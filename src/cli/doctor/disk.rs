//! Room for what must outlive the proxy.

use super::{Finding, Patient};
use rustix::fs::statvfs;

const SUBJECT: &str = "disk";
/// Sessions, tokens and what is learnt of servers take a few MB.
const ENOUGH_MB: u64 = 100;
const NEXT_TO_NOTHING_MB: u64 = 5;

pub(super) fn look(patient: &Patient) -> Vec<Finding> {
    let folder = patient.state_dir.ancestors().find(|folder| folder.is_dir());
    let Some((folder, disk)) = folder.and_then(|folder| Some((folder, statvfs(folder).ok()?))) else {
        return Vec::new();
    };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize) / 1_000_000;
    let found = format!("{free} MB free where {} lies", folder.display());
    let cure = "make room; sessions and tokens are lost where they cannot be written";
    vec![match free {
        ..NEXT_TO_NOTHING_MB => Finding::wrong(SUBJECT, found, cure),
        NEXT_TO_NOTHING_MB..ENOUGH_MB => Finding::warning(SUBJECT, found, cure),
        _ => Finding::ok(SUBJECT, found),
    }]
}
