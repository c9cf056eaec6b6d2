//! What people say.

use jiff::Timestamp;

use super::back::{abort, pause, resume, retry, undo};
use super::draft::{Draft, Outcome};
use super::event::Actor;
use super::onward::{approve, promote, promote_fully, skip};
use super::state::{Phase, Rollout, State};
use super::view::position;
use crate::model::Release;

/// Something that a person wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// What.
    pub verb: Verb,
    /// Who.
    pub by: Actor,
    /// Why.
    pub reason: Option<String>,
    /// The revision that the person has seen; `None` for whichever there is.
    pub revision: Option<u64>,
}

/// What can be wanted of a rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Do not wait for the step's time, approval or data any more.
    Promote {
        /// Nor for any after it: everything to the candidate, now.
        full: bool,
    },
    /// Approve of the step.
    Approve,
    /// Take no more steps.
    Pause,
    /// Go on.
    Resume,
    /// Everything back to stable.
    Abort,
    /// Begin a rollout that was called off again, or a step that is stuck.
    Retry,
    /// Pass over the step, test or not.
    Skip,
    /// Back to the version before, at once, also when the rollout is over.
    Undo,
}

impl Verb {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Verb::Promote { full: false } => "promote",
            Verb::Promote { full: true } => "promote --full",
            Verb::Approve => "approve",
            Verb::Pause => "pause",
            Verb::Resume => "resume",
            Verb::Abort => "abort",
            Verb::Retry => "retry",
            Verb::Skip => "skip",
            Verb::Undo => "undo",
        }
    }
}

/// Why something is not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It was meant for what is not any more.
    #[error("{what} since revision {meant}, and now it is revision {is}; look again, and say it for what there is now")]
    Stale {
        /// The revision it was meant for.
        meant: u64,
        /// The revision there is.
        is: u64,
        /// What there is now, in words.
        what: String,
    },
    /// It makes no sense now.
    #[error("{0}")]
    NotNow(String),
    /// Somebody else may.
    #[error("{0}")]
    NotYours(String),
}

/// Does what a person wants, if it can be done.
///
/// # Errors
/// Why it is not done; nothing has changed then.
pub fn command(release: &Release, state: &State, command: &Command, now: Timestamp) -> Result<Outcome, Refused> {
    if let Some(meant) = command.revision.filter(|meant| *meant != state.revision) {
        let what = format!("things have changed ({})", position(release, state));
        return Err(Refused::Stale { meant, is: state.revision, what });
    }
    let mut draft = Draft::new(release, state, now);
    match command.verb {
        Verb::Promote { full: false } => promote(&mut draft, command)?,
        Verb::Promote { full: true } => promote_fully(&mut draft, command)?,
        Verb::Approve => approve(&mut draft, command)?,
        Verb::Pause => pause(&mut draft, command)?,
        Verb::Resume => resume(&mut draft, command)?,
        Verb::Abort => abort(&mut draft, command)?,
        Verb::Retry => retry(&mut draft, command)?,
        Verb::Skip => skip(&mut draft, command)?,
        Verb::Undo => undo(&mut draft, command)?,
    }
    Ok(draft.done())
}

pub(super) fn not_now<T>(why: impl Into<String>) -> Result<T, Refused> {
    Err(Refused::NotNow(why.into()))
}

/// The rollout, if it is under way.
pub(super) fn running<'a>(draft: &'a mut Draft<'_>) -> Result<&'a mut Rollout, Refused> {
    let (where_it_is, way_out) = (position(draft.release, &draft.state), way_out(draft.release, &draft.state));
    match draft.state.rollout.as_mut().filter(|rollout| rollout.is_running()) {
        Some(rollout) => Ok(rollout),
        None => not_now(format!("no rollout is under way: {where_it_is}; {way_out}")),
    }
}

/// What can be done where nothing is under way.
pub(super) fn way_out(release: &Release, state: &State) -> String {
    let (stable, previous) = (&release.stable, state.previous.as_ref().filter(|previous| release.version(previous).is_some()));
    if state.instead.is_some() {
        return format!("`retry` lets {stable} serve again");
    }
    match state.rollout.as_ref().map(|rollout| (&rollout.phase, &rollout.stable)) {
        Some((Phase::Done { .. }, stable)) => format!("`undo` goes back to {stable}"),
        Some((Phase::Off(off), _)) if off.returning => "`retry` begins it again, once its endpoints are back".to_owned(),
        Some(_) => "`retry` begins it again".to_owned(),
        None => match previous {
            Some(previous) => format!("`undo` goes back to {previous}, and a `candidate` in the file is released"),
            None => "a `candidate` in the file is released".to_owned(),
        },
    }
}

/// Where to see what is waited for.
pub(super) fn see_status(draft: &Draft<'_>) -> String {
    format!("`tidegate status {}` says what it waits for", draft.release.service)
}

pub(super) fn by(command: &Command) -> Option<(&Actor, Option<&str>)> {
    Some((&command.by, command.reason.as_deref()))
}
