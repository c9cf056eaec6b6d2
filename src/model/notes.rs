//! What is wrong with a file, as it is being read.

use std::sync::Arc;

use super::code;
use super::yaml::Span;
use crate::diag::{Label, Problem, Severity, SourceFile};

/// Problems beyond these are counted and not listed: nobody reads them, and each costs a snippet.
const MOST: usize = 200;

/// Collects the problems of one file.
#[derive(Debug)]
pub(crate) struct Notes {
    file: Arc<SourceFile>,
    problems: Vec<Problem>,
}

impl Notes {
    /// Nothing noted yet.
    pub fn new(file: &Arc<SourceFile>) -> Notes {
        Notes { file: file.clone(), problems: Vec::new() }
    }

    /// The file's text.
    pub fn text(&self) -> &str {
        &self.file.text
    }

    /// Notes an error: the file will not be served.
    pub fn error(&mut self, code: &'static str, span: &Span, title: impl Into<String>) -> Draft<'_> {
        self.note(code, Severity::Error, span, title.into())
    }

    /// Notes a warning.
    pub fn warning(&mut self, code: &'static str, span: &Span, title: impl Into<String>) -> Draft<'_> {
        self.note(code, Severity::Warning, span, title.into())
    }

    fn note(&mut self, code: &'static str, severity: Severity, span: &Span, title: String) -> Draft<'_> {
        let primary = self.label(span, String::new());
        self.problems.push(Problem { code, severity, title, primary, related: Vec::new(), help: None });
        Draft { at: self.problems.len() - 1, notes: self }
    }

    /// A place in the file. What spans lines is cut to the first, since the rest only hides the place.
    pub fn label(&self, span: &Span, text: String) -> Label {
        let written = self.file.text.get(span.clone()).unwrap_or_default();
        let first = written.split(['\r', '\n']).next().unwrap_or_default().trim_end();
        Label { file: self.file.clone(), span: span.start..span.start + first.len(), text }
    }

    /// Whether an error was noted.
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(Problem::is_error)
    }

    /// Takes over what was noted of another file.
    pub fn take(&mut self, other: Notes) {
        self.problems.extend(other.problems);
    }

    /// All problems: by file as they came up, within a file by place.
    pub fn finish(mut self) -> Vec<Problem> {
        let own = self.file.path.clone();
        let place = |p: &Problem| (p.primary.file.path != own, p.primary.file.path.clone(), p.primary.span.start);
        self.problems.sort_by_key(place);
        self.problems.dedup();
        self.cut();
        self.problems
    }

    /// Keeps the first problems, with a last one that stands for the others.
    fn cut(&mut self) {
        if self.problems.len() <= MOST {
            return;
        }
        let left = self.problems.split_off(MOST);
        let severity = left.iter().map(|problem| problem.severity).max().unwrap_or(Severity::Warning);
        let span = left[0].primary.span.clone();
        let title = format!("{} more problems from here on", left.len());
        let primary = Label { file: left[0].primary.file.clone(), span, text: String::new() };
        let help = Some("put the first ones right, and look again".to_owned());
        self.problems.push(Problem { code: code::MANY_MORE, severity, title, primary, related: Vec::new(), help });
    }
}

/// A problem that was noted and may be said more of.
pub(crate) struct Draft<'a> {
    notes: &'a mut Notes,
    at: usize,
}

impl Draft<'_> {
    fn problem(&mut self) -> &mut Problem {
        &mut self.notes.problems[self.at]
    }

    /// A word at the place itself.
    pub fn label(mut self, text: impl Into<String>) -> Self {
        self.problem().primary.text = text.into();
        self
    }

    /// The way out.
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.problem().help = Some(text.into());
        self
    }

    /// The way out, if there is one to name.
    pub fn maybe_help(mut self, text: Option<String>) -> Self {
        self.problem().help = text;
        self
    }

    /// Another place that matters.
    pub fn also(mut self, span: &Span, text: impl Into<String>) -> Self {
        let label = self.notes.label(span, text.into());
        self.problem().related.push(label);
        self
    }
}
