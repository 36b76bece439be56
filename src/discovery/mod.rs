//! From folders to server specifications.
