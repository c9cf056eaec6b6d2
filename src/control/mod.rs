//! The single writer: one thread owns what is served, and everyone else reads what it publishes.
//!
//! A generation of files comes in; each file that changed is read and translated; what is good is written to the store, then
//! published; what is broken or refused keeps its last good content. `assembly` decides, purely, and `touched` does where only some files need
//! to be looked at for it; this module does the rest.
//! Called by: `serve`. The faces read `ServerStatus`, the streams read the `Snapshot`.

mod answer;
mod assembly;
mod away;
mod compare;
mod compile;
mod desk;
mod doors;
mod edits;
mod engine;
mod errands;
mod history;
mod kept;
mod leaving;
mod orders;
mod publish;
mod reading;
mod recall;
mod refusal;
mod rollouts;
mod run;
mod settings;
mod status;
mod statuses;
mod touched;
mod wants;
mod world;
mod writer;

pub use compare::{Comparison, Side, Standing, UnknownState, Unserved, compare};
pub use compile::{Compiled, compile};
pub use desk::{Desk, HistoryPage, OrderError, Ordered, Served};
pub use errands::{Errands, Told};
pub use history::HistoryEntry;
pub use orders::Orders;
pub use run::Inbox;
pub use status::{FileState, RolloutStatus, ServerStatus, ServiceStatus, VersionStatus};
pub use world::World;
pub use writer::{Control, Options, Outputs};

#[cfg(test)]
mod settings_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod touched_tests;
