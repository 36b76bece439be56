//! The command line.

pub mod arguments;
pub mod check;
pub mod help;
mod redact;

use std::process::ExitCode;

/// Runs the program.
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}
