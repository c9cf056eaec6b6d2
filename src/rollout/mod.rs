//! The engine that moves traffic, as pure functions.
//!
//! Owns: what a release does with its candidate ([`Program`]), how far that is ([`State`]), and everything that may change it: the
//! passing of time and the facts of the fleet ([`reconcile`]), an edit of the file ([`edit`]), and what people say ([`command`]). All of
//! them take the release, the state, the facts and the time, and give a new state with what happened ([`Event`]). What is served follows
//! from the state alone ([`traffic`]), so a state that was written down and read again serves the same.
//! Called by: `control`, which writes states down before anything is published, and `cli simulate`. Does no I/O, reads no clock.
//!
//! ```text
//!                 edit ┐
//!              command ├─▶ State ─▶ traffic() ─▶ model::Traffic ─▶ translate
//!  facts, time: reconcile ┘   │
//!                             ├─▶ calls(), probed(), draining(): what is to be found out for it
//!                             └─▶ View: what there is to say of it
//! ```

mod advance;
mod back;
mod begin;
mod bridge;
mod command;
mod draft;
mod edit;
mod event;
mod facts;
mod failure;
mod gate;
mod judge;
mod keys;
mod onward;
mod program;
mod roll;
mod split;
mod state;
mod traffic;
mod view;
mod wait;
mod wanted;
mod wave;
mod waves_back;

pub use advance::{may_drain, reconcile};
pub use bridge::{all_in_service, bridge};
pub use command::{Command, Refused, Verb, command};
pub use draft::Outcome;
pub use edit::{NotNow, edit};
pub use event::{Actor, Event, Happened};
pub use facts::{Answer, Facts, Fleet, Idle, Judgement, Lagging};
pub use program::{Program, Step};
pub use roll::{Roll, WaveStage};
pub use state::{Approval, At, Calling, Drained, Instead, Off, Paused, Phase, Rollout, Stage, State};
pub use traffic::{share_now, traffic};
pub use view::{Rung, RungState, View};
pub use wait::Wait;
pub use wanted::{HookCall, calls, draining, probed};

#[cfg(test)]
mod tests;
