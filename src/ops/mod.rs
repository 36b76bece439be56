//! What the operator sees: the health of servers, the reports on them and their changes, and figures.

pub mod feed;
pub mod health;
pub mod metrics;
pub mod report;
pub mod watchdog;
