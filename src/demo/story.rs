//! The story, as data.

use super::file::{Says, Way};
use crate::rollout::Verb;

/// One step of it: an edit of the file or a word of somebody, and what the traffic is to become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    /// What happens, in a line.
    pub title: &'static str,
    /// What is done.
    pub act: Act,
    /// Where the release comes to by itself.
    pub comes_to: Comes,
    /// A version, and its share of everybody's traffic in per cent.
    pub all: (&'static str, u8),
    /// The same of the testers' traffic, once there are testers.
    pub testers: Option<(&'static str, u8)>,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// The file is saved.
    Save(Says),
    /// Somebody says something to the server.
    Say {
        /// What.
        verb: Verb,
        /// Why.
        reason: &'static str,
        /// The version that gets nothing any more.
        leaves: &'static str,
    },
}

/// Where a release comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comes {
    /// There is none.
    Nowhere,
    /// It waits for people.
    Asking,
    /// Its candidate has everything.
    Done,
    /// It was called off.
    Off,
}

impl Step {
    const fn edit(title: &'static str, says: Says, comes_to: Comes, all: (&'static str, u8)) -> Step {
        Step { title, act: Act::Save(says), comes_to, all, testers: None }
    }

    const fn word(title: &'static str, verb: Verb, reason: &'static str, leaves: &'static str, all: (&'static str, u8)) -> Step {
        let comes_to = if matches!(verb, Verb::Approve) { Comes::Done } else { Comes::Off };
        Step { title, act: Act::Say { verb, reason, leaves }, comes_to, all, testers: None }
    }

    const fn with_testers(self, gets: (&'static str, u8)) -> Step {
        Step { testers: Some(gets), ..self }
    }
}

const fn stable(versions: [&'static str; 2], stable: &'static str) -> Says {
    Says { versions, stable, release: None }
}

const fn release(stable: &'static str, candidate: &'static str, way: Way) -> Says {
    Says { versions: [stable, candidate], stable, release: Some((candidate, way)) }
}

/// The version that is slow.
pub(super) const SLOW: &str = "v43";

/// What the file says at the beginning.
pub(super) const FIRST: Says = stable(["v41", "v42"], "v41");
/// The step at the beginning.
pub(super) const BEGINNING: Step = Step::edit("everything on v41", FIRST, Comes::Nowhere, ("v41", 100));

const CANARY: Says = release("v41", "v42", Way::Canary(&[5, 25, 50], None));
const BAD: Says = release("v42", SLOW, Way::Canary(&[5], Some(25)));
const BLUE_GREEN: Says = release("v42", "v44", Way::BlueGreen);

/// The steps after the beginning.
pub(super) const STEPS: [Step; 7] = [
    Step::edit("an automatic canary: one edit, and v42 takes over step by step", CANARY, Comes::Done, ("v42", 100)),
    Step::edit("the file catches up: `stable: v42`", stable(["v41", "v42"], "v42"), Comes::Nowhere, ("v42", 100)),
    Step::edit("a bad release: v43 is slow", BAD, Comes::Asking, (SLOW, 25)),
    Step::word("whoever is on call takes it back", Verb::Abort, "v43 is slow", SLOW, ("v42", 100)),
    Step::edit("a blue-green release: v44 for testers alone, by a header", BLUE_GREEN, Comes::Asking, ("v42", 100))
        .with_testers(("v44", 100)),
    Step::word(
        "testers are content: approved, and everybody moves at once",
        Verb::Approve,
        "testers are content",
        "v42",
        ("v44", 100),
    )
    .with_testers(("v44", 100)),
    Step::word("second thoughts: undo, and everybody is back at once", Verb::Undo, "second thoughts", "v44", ("v42", 100))
        .with_testers(("v42", 100)),
];
