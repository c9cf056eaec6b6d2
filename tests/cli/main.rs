//! The command line as it is used: the real binary against an admin server with a hand-made status, against files, and against
//! itself.

mod admin;
mod fixture;
mod offline;
mod orders;
#[path = "../common/pki.rs"]
mod pki;
mod plan;
mod reflection;
mod rollouts;
mod serving;
mod simulating;
mod texts;
mod tls;
mod verbs;
mod watching;
