//! The xDS server.

mod board;

pub use board::{Board, Rejection, StreamStatus, TypeStatus, Variant};
