//! Servers that do what a test says, byte by byte.

mod answers;
mod connections;
mod heads;
mod requests;
mod site;
