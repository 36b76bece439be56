//! What the operator sees: the health of servers and the reports on them.

pub mod health;
pub mod report;
