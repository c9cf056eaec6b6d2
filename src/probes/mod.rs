//! The health of endpoints as seen from here, where a rollout has to know it: before a cutover, and between waves.
//!
//! Owns: how an endpoint is asked (as Envoy would ask it, so that both come to the same), when it counts as healthy, and the task that
//! asks. Called by: `serve`, which says whom to ask and passes the facts on to the writer. Without anybody to ask about there is no
//! traffic.

mod facts;
mod health;
mod probe;
mod prober;
mod target;

pub use prober::Prober;
pub use target::{How, Target, Way};

#[cfg(test)]
mod tests;
