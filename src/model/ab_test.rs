//! A/B test: variants side by side, users kept apart by who they are.

use super::{Match, Share};

/// An experiment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AbTest {
    /// Who a user is.
    pub id: Identity,
    /// Part of the draw: the same salt draws the same people.
    pub salt: String,
    /// Whom it is for, in the disjunctive form of [`super::Rule`]; empty for everybody.
    pub audience: Vec<Vec<Match>>,
    /// The share of the audience that takes part; the others get stable.
    pub share: Share,
    /// At least two, their shares adding up to 100 %.
    pub variants: Vec<Variant>,
}

/// One way of doing it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// Its name.
    pub name: String,
    /// The version it is sent to.
    pub send: String,
    /// Of those who take part.
    pub share: Share,
    /// Headers that tell the version which variant it is.
    pub headers: Vec<(String, String)>,
}

/// Who a user is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// A cookie.
    Cookie {
        /// Its name.
        name: String,
        /// If there is none yet, one is issued that lives so long; `None` issues none.
        mint: Option<std::time::Duration>,
    },
    /// A request header, name in lower case.
    Header(String),
}
