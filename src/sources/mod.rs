//! Where release files come from: today a directory.
//!
//! Owns: reading a directory as one generation, and noticing when it changed. Called by: `control` ([`watch`]), `cli` ([`scan`]).
//! It is I/O and decides nothing about meaning: which files a release needs beside itself comes in as `extra`.
//!
//! What holds of every [`Generation`]:
//! - It is the state of all files at one moment. Files are looked at, and those that changed are read. One look is enough if these are
//!   known to have been so since before it; else all are looked at again, and if anything differs the reading is thrown away. While Git rewrites the work tree (its `index.lock` exists) nothing is taken.
//! - A file that was emptied keeps its content for a second, and a file that went is believed gone after a fifth of one, because
//!   that is how saving looks from outside.
//! - What cannot be read is in [`Generation::unreadable`], and is not missing.
//!
//! Events tell when to look, and never what is there: an event that is lost, or a file system that sends none, costs latency only,
//! because the poll looks as well.

mod anchors;
mod beside;
mod events;
mod generation;
mod git;
mod options;
mod pulse;
mod reader;
mod scanner;
mod settling;
mod tree;
mod watching;

pub use beside::beside_config;
pub use generation::{DirectoryState, Files, Generation};
pub use options::Options;
pub use scanner::scan;
pub use watching::watch;
