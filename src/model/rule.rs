//! Rules: requests that match go to a version, or are split, whatever the service's own split says.
//!
//! A file writes conditions as a tree: everything side by side in `when` must hold, and of what is listed under `any` one. Reading
//! multiplies the tree out, so that `a, any: [b, c]` becomes the alternatives `a b` and `a c`; a rule has at most
//! [`Rule::MAX_ALTERNATIVES`] of them. Alternatives stand in file order.

use super::Split;

/// One rule. Conditions are kept in disjunctive form: the rule holds if every match of any one alternative holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The rule's name: as written, else `rule-N` by its place, counted from 1.
    pub name: String,
    /// Alternatives; each is a list of matches that must all hold. Never empty, and neither is an alternative.
    pub alternatives: Vec<Vec<Match>>,
    /// Where matching requests go. All to one version is a split of 100 %; every version of the service is listed once.
    pub send: Split,
}

impl Rule {
    /// The most alternatives that a rule may come to.
    pub const MAX_ALTERNATIVES: usize = 64;
}

/// One match on one property of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// What is looked at.
    pub subject: Subject,
    /// What it must satisfy.
    pub test: Test,
    /// Turns the answer round. A property that is absent does not satisfy a test, so its inversion holds.
    pub invert: bool,
}

/// The property of a request that a match looks at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A request header, name in lower case.
    Header(String),
    /// A cookie of the `cookie` header.
    Cookie(String),
    /// A query parameter; its first occurrence, not percent-decoded.
    Query(String),
    /// The path, without the query string.
    Path,
    /// The request method.
    Method,
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Subject::Header(name) => write!(f, "header `{name}`"),
            Subject::Cookie(name) => write!(f, "cookie `{name}`"),
            Subject::Query(name) => write!(f, "query parameter `{name}`"),
            Subject::Path => f.write_str("path"),
            Subject::Method => f.write_str("method"),
        }
    }
}

/// What a property must satisfy. Values are case-sensitive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// Equal to this text.
    Exact(String),
    /// Equal to one of these.
    In(Vec<String>),
    /// Begins with this text.
    Prefix(String),
    /// Ends with this text.
    Suffix(String),
    /// Contains this text.
    Contains(String),
    /// The whole of it matches this RE2 expression.
    Regex(String),
    /// Is there at all, with whatever value; absence is this test inverted.
    Present,
}
