//! An embedded HTTP/1.1 server on `std::net`.
