//! A release played from start to end on a clock of its own, in a world that follows a script.
//!
//! Owns: what the world does ([`Scenario`]), the playing ([`run`]), and what is told of it: a [`Timeline`], as text and as JSON. What
//! decides is the engine that runs real rollouts, so what is shown is what would happen.
//! Called by: `cli simulate`, tests. Does no I/O, reads no clock: a rollout of weeks takes as long as its events take to be worked out.

mod json;
mod play;
mod recorder;
mod scenario;
mod text;
mod timeline;
mod way_back;
mod world;

pub use json::to_json;
pub use play::{NothingToDo, run};
pub use scenario::{Kind, NoScenario, Pace, Scenario};
pub use text::to_text;
pub use timeline::{Ended, Entry, Rollback, Summary, Timeline, Waiting};
