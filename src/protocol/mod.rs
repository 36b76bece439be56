//! The protocol itself: pure, no I/O, no threads.
