//! Calls to somebody else by HTTP: gates and upgrades that ask whether to go on, and notifications that only tell.
//!
//! Owns: one call and what its answer means, how long to wait before the next try, what a notification says in each format, and the
//! task that sends notifications. Called by: `serve`, which passes answers on to the writer. Decides nothing about a rollout, and
//! keeps nothing: whoever asks keeps the token, so that a call that is made again after a restart is known to be the same.

mod answer;
mod backoff;
mod call;
mod caller;
mod counts;
mod delivery;
mod notice;
mod queue;
mod sender;

pub use answer::Answer;
pub use backoff::backoff;
pub use call::Call;
pub use caller::Caller;
pub use counts::Counts;
pub use notice::{Notice, body, content_type};
pub use sender::Sender;

#[cfg(test)]
mod tests;
