//! Rollouts from start to end, on real Envoys under load.

mod blue_green;
mod canary;
mod checkout;
mod copies;
mod crash;
mod edits;
mod history;
mod hybrids;
mod in_place;
mod many;
mod notices;
mod places;
mod puppet;
mod receiver;
mod rejected;
mod rolling;
mod steering;
mod way_back;

/// Requests a second. A build without optimisation on a machine that does other things besides cannot carry more.
pub const RATE: u32 = if cfg!(debug_assertions) { 400 } else { 800 };

/// Whether there is time to do everything as often as is promised.
pub fn is_long() -> bool {
    std::env::var_os("TIDEGATE_LONG").is_some()
}
