//! One problem, and the places it is about.

use std::ops::Range;
use std::sync::Arc;

/// A file as it was read, kept so that snippets can be drawn at any later time.
#[derive(Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// The path as users know it.
    pub path: String,
    /// Its text; invalid UTF-8 is replaced before it gets here.
    pub text: String,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth a look; the file is served all the same.
    Warning,
    /// The file is not served as it stands.
    Error,
}

/// A place in a file with a word about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The file.
    pub file: Arc<SourceFile>,
    /// Byte range in its text; empty for "here".
    pub span: Range<usize>,
    /// What is to be said at this place; may be empty.
    pub text: String,
}

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Stable code, for example `T012`; documented in `docs/problems.md`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The problem in one line, without the place.
    pub title: String,
    /// Where it is.
    pub primary: Label,
    /// Other places that matter, for example where a thing was first defined.
    pub related: Vec<Label>,
    /// The way out, in one sentence.
    pub help: Option<String>,
}

impl Problem {
    /// Line and column of the primary place, both counted from 1, columns in characters.
    pub fn position(&self) -> (usize, usize) {
        let text = &self.primary.file.text;
        let mut at = self.primary.span.start.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        let before = &text[..at];
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}
