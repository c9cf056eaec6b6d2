//! As much of HTTP/2 as a client needs that holds one gRPC stream open on a connection.
//!
//! Headers of responses are not decoded: only that the stream ends matters. A client that shares its machine with the server it
//! measures must be cheap.

mod frames;
mod link;

pub use link::Link;
