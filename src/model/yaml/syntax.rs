//! Text that is no YAML: what the parser says, and what usually is behind it.

use super::parse::missing_space;
use crate::model::code;
use crate::model::notes::Notes;

/// Notes that the parser gave up at byte `at` of the file for that reason.
pub(super) fn note(notes: &mut Notes, file: &str, at: usize, reason: &str) {
    let at = (0..=at.min(file.len())).rev().find(|at| file.is_char_boundary(*at)).unwrap_or(0);
    let tab = indenting_tab(file, at);
    if let Some(tab) = tab {
        notes
            .error(code::TAB, &(tab..tab + 1), "a tab indents this line")
            .help("YAML is indented with spaces only: put two spaces for each tab");
        return;
    }
    if let Some((span, meant)) = cramped(file, at) {
        notes.error(code::SYNTAX, &span, "a space is missing after `:`").help(format!("write `{meant}`"));
        return;
    }
    let span = place(file, at);
    let help = hint(file, at, reason);
    notes.error(code::SYNTAX, &span, "this is not YAML").label(reason.to_owned()).maybe_help(help);
}

/// The first tab in the indentation of the line of `at` or of the line before.
fn indenting_tab(file: &str, at: usize) -> Option<usize> {
    let line = file[..at].rfind('\n').map_or(0, |i| i + 1);
    let before = file[..line.saturating_sub(1)].rfind('\n').map_or(0, |i| i + 1);
    [line, before].into_iter().find_map(|start| {
        let indent = file[start..].find(|c| c != ' ' && c != '\t').unwrap_or(0);
        file[start..start + indent].find('\t').map(|i| start + i)
    })
}

/// A line that begins with `key:value`, at the line of `at` or the one before, and how it is meant.
fn cramped(file: &str, at: usize) -> Option<(std::ops::Range<usize>, String)> {
    let line = file[..at].rfind('\n').map_or(0, |i| i + 1);
    let before = file[..line.saturating_sub(1)].rfind('\n').map_or(0, |i| i + 1);
    [before, line].into_iter().find_map(|start| {
        let text = file[start..].lines().next()?;
        let word = text.split_whitespace().next()?;
        let meant = missing_space(word).filter(|_| !word.contains(['"', '\'']))?;
        let start = start + text.find(word)?;
        Some((start..start + word.len(), meant))
    })
}

/// Something to underline: the word at the place, or at the end of the file the last one.
fn place(file: &str, at: usize) -> std::ops::Range<usize> {
    let rest = &file[at..];
    let word = rest.find(|c: char| c.is_whitespace()).unwrap_or(rest.len());
    if rest.trim().is_empty() {
        let end = file.trim_end().len();
        return end..end;
    }
    at..at + word
}

fn hint(file: &str, at: usize, reason: &str) -> Option<String> {
    let line_start = file[..at].rfind('\n').map_or(0, |i| i + 1);
    let line = file[line_start..].lines().next().unwrap_or_default();
    let rest = &file[at..];
    let help = if rest.starts_with('*') || reason.contains("alias") || reason.contains("anchor") {
        "a text that begins with `*` or `&` needs quotes: \"*.example.com\""
    } else if line.contains("[::") || line.contains("]:") {
        "an IPv6 address needs quotes: \"[::1]:8080\""
    } else if rest.starts_with(['@', '`', '%']) {
        "a text that begins with `@`, `%` or a backquote needs quotes"
    } else if rest.trim().is_empty() {
        "the file ends too early: look for a bracket or a quote that is not closed"
    } else if reason.contains("quoted scalar") {
        "look for a quote that is not closed"
    } else if reason.contains("indentation") {
        "look above for a bracket that is not closed, and for lines that are indented unevenly"
    } else if reason.contains("mapping values") && line.matches(": ").count() < 2 {
        "look at the indentation: the keys of one mapping stand straight under each other"
    } else if line.matches(": ").count() > 1 && !line.contains('{') {
        "a text that holds `: ` needs quotes, and a key needs a line of its own"
    } else {
        return None;
    };
    Some(help.to_owned())
}
