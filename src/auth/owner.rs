//! The owner of the servers, wherever the password is asked for: at all places together an address may try no more
//! than at one.

use super::digest::Digest;
use super::{Lockout, Password, Verdict};
use std::net::IpAddr;
use std::path::Path;

/// Addresses whose failures are counted one by one.
const MOST_ADDRESSES: usize = 1000;

/// Knows the owner again.
pub struct Owner {
    password: Password,
    lockout: Lockout,
}

/// What comes of a password that was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// The owner it is.
    Owner,
    /// It is not.
    Wrong,
    /// This address has failed too often: so many seconds to wait.
    LockedOut(u64),
    /// Too many try at once.
    Busy,
    /// There is no password to compare with, or it cannot be read; the log says why.
    Broken,
}

impl Owner {
    /// The one of this state folder; there may be no password yet.
    pub fn of_folder(state_dir: &Path) -> Owner {
        Owner { password: Password::of_folder(state_dir), lockout: Lockout::new(MOST_ADDRESSES) }
    }

    /// Whether the owner can be asked.
    pub fn has_password(&self) -> bool {
        self.password.is_set()
    }

    /// Somebody at this address says to be the owner. Takes some tenths of a second.
    pub fn try_password(&self, password: &str, address: IpAddr) -> Attempt {
        if let Err(wait) = self.lockout.allow(address) {
            return Attempt::LockedOut(wait.as_secs() + 1);
        }
        match self.password.check(password) {
            Ok(Verdict::Right) => {
                self.lockout.succeeded(address);
                Attempt::Owner
            }
            Ok(Verdict::Wrong) => {
                let wait = if self.lockout.failed(address) { ", which has to wait now" } else { "" };
                log::warn!(event = "wrong-password"; "a wrong password from {address}{wait}");
                Attempt::Wrong
            }
            Ok(Verdict::Busy) => Attempt::Busy,
            Err(problem) => {
                log::error!(event = "no-password"; "{problem}");
                Attempt::Broken
            }
        }
    }

    /// Wrong passwords, and how often they have locked somebody out.
    pub fn guesses(&self) -> (u64, u64) {
        self.lockout.counts()
    }

    /// Another one with each password, and one where there is none.
    pub(super) fn stamp(&self) -> Digest {
        Digest::of(self.password.kept().as_bytes())
    }
}
