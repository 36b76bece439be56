//! Tests of the parts without I/O, and properties they keep for any input.

mod chunked;
mod encode;
mod head;
mod link;
mod pool;
