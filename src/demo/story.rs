//! The story, as data.

use super::file::{NEW, OLD, Says};

/// One step of it: an edit of the file, and what the traffic is to become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    /// What happens, in a line.
    pub title: &'static str,
    /// What the file is to say.
    pub says: Says,
    /// The new version's share of everybody's traffic, in per cent.
    pub share: u8,
    /// Its share of the testers' traffic, once there are testers.
    pub testers: Option<u8>,
}

impl Step {
    const fn new(title: &'static str, says: Says, share: u8) -> Step {
        Step { title, says, share, testers: None }
    }

    const fn with_testers(self, share: u8) -> Step {
        Step { testers: Some(share), ..self }
    }
}

const fn stable(stable: &'static str) -> Says {
    Says { stable, split: None, testers: false }
}

const fn split(share: u8) -> Says {
    Says { stable: OLD, split: Some(share), testers: false }
}

const TESTERS: Says = Says { stable: OLD, split: None, testers: true };

/// What the file says at the beginning.
pub(super) const BEGINNING: Step = Step::new("everything on the stable version", stable(OLD), 0);

/// The steps after the beginning.
pub(super) const STEPS: [Step; 7] = [
    Step::new("a canary by percentages: 5 %", split(5), 5),
    Step::new("25 %", split(25), 25),
    Step::new("50 %", split(50), 50),
    Step::new("100 %", split(100), 100),
    Step::new("and back again, by the same file", stable(OLD), 0),
    Step::new("a canary for testers alone, by a header", TESTERS, 0).with_testers(100),
    Step::new("a blue-green cutover: `stable` changes, everybody moves", stable(NEW), 100).with_testers(100),
];
