//! One problem, and the places it is about.

use std::ops::Range;
use std::sync::Arc;

use super::place::line_column;

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

impl Severity {
    /// The word for it: `warning` or `error`.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
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

impl Label {
    /// Line and column where it begins, both counted from 1, columns in characters.
    pub fn start(&self) -> (usize, usize) {
        line_column(&self.file.text, self.span.start)
    }

    /// Line and column behind its last character.
    pub fn end(&self) -> (usize, usize) {
        line_column(&self.file.text, self.span.end.max(self.span.start))
    }
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
        self.primary.start()
    }

    /// The problem in one line: `file:line:col: title`.
    pub fn one_line(&self) -> String {
        let (line, column) = self.position();
        format!("{}:{line}:{column}: {}", self.primary.file.path, self.title)
    }

    /// Whether the file is refused for it.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}
