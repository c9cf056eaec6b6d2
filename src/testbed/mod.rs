//! Real parts on this machine: an Envoy, toy services, a paced client.
//!
//! Owns: finding or installing Envoy, running it, and what it says of itself on its admin port; HTTP services that answer with
//! their version; a load whose pace no slow answer can change. Called by: `demo` and the end-to-end tests. Everything listens on
//! 127.0.0.0/8, on ports that the system picks, and is gone when its value is dropped.

mod admin;
mod backend;
mod client;
mod envoy;
mod install;
mod latency;
mod load;
mod totals;
mod watchdog;

pub use admin::{Admin, AdminError};
pub use backend::Backend;
pub use client::{Client, RequestError, Response};
pub use envoy::{EnvoyError, EnvoyProcess};
pub use install::{DEFAULT_VERSION, InstallError, OLDEST_VERSION, cache_folder, ensure};
pub use latency::Latency;
pub use load::{Load, LoadOptions};
pub use totals::{Failure, Totals};
pub use watchdog::Watchdog;
