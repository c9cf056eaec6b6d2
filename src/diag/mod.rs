//! Problems that people can act on: a code, the place, the snippet, the reason and the way out.
//!
//! Owns: what a problem is and how it is drawn (terminal text, JSON, GitHub annotations). Called by: everything that reads what
//! users write. Knows nothing of releases.

mod draw;
mod github;
mod json;
mod place;
mod problem;

pub use draw::render;
pub use github::to_github;
pub use json::to_json;
pub use problem::{Label, Problem, Severity, SourceFile};
