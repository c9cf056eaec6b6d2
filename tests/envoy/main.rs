//! The whole of it, from the file that is saved to the packet that arrives, on real Envoys.
//!
//! Every test has a directory, a server and Envoys of its own, on ports that the system picks, and is bounded in time. One that
//! fails shows what the server says of itself and the end of Envoy's log.

mod ages;
mod backends;
mod changes;
mod cutovers;
mod fleets;
mod many_hosts;
#[path = "../common/pki.rs"]
mod pki;
mod proxy;
mod relay;
mod releases;
mod reports;
mod restart;
mod rollouts;
mod rules;
mod run;
mod scale;
mod scopes;
mod server;
mod splits;
mod tls;
mod trouble;
mod upstream;
mod warming;
