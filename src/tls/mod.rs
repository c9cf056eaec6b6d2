//! TLS: what a port shows and asks for, made from PEM texts, and who a certificate says that its holder is.
//!
//! Owns: the only use of rustls. Called by: `control` (makes a door of what the configuration says), `serve` (handshakes). Does no
//! I/O: files come in as texts.

mod acceptor;
mod door;
mod identities;

pub use acceptor::{Acceptor, BadFile, Part};
pub use door::{Door, Doors};
pub use identities::identities;
