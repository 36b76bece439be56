//! Who asks and what they may use: tokens, what a request brings as one, who guesses too often, an authorization server
//! for clients that can be given no token; visits to the status page; and the record of what was called.

mod access;
mod audit;
mod book;
mod caller;
pub mod calls;
mod credential;
mod digest;
mod filter;
mod lockout;
pub mod oauth;
mod owner;
mod password;
mod tokens;
mod visits;

pub use access::{Access, Denial, Entry, admit};
pub use audit::Audit;
pub use book::{Book, Token as TokenEntry};
pub use caller::{Caller, Scope};
#[cfg(fuzzing)]
pub use credential::Credential;
pub use credential::out_of_path;
pub use filter::{Filter, unreadable};
pub use lockout::Lockout;
pub use owner::{Attempt, Owner};
pub use password::{Password, Verdict};
pub use tokens::Tokens;
pub use visits::{LINK_SECONDS, VISIT_SECONDS, Visits};
