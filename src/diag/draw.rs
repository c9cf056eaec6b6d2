//! Problems as terminal text, in the form that compilers use.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Element, Group, Level, Origin, Renderer, Snippet};

use super::place::{BOM, boundary};
use super::{Label, Problem, Severity, SourceFile};

/// Lines longer than this together, in bytes, are not drawn; the place is named all the same.
const LONGEST: usize = 16 << 10;

/// Draws problems one after the other, each with its snippet, an empty line between them. Empty for no problem.
pub fn render(problems: &[Problem], color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let drawn: Vec<String> = problems.iter().map(|problem| renderer.render(&[group(problem)]) + "\n").collect();
    drawn.join("\n")
}

fn group(problem: &Problem) -> Group<'_> {
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(problem.title.as_str()).id(problem.code);
    let group = title.elements(snippets(problem));
    match &problem.help {
        Some(help) => group.element(Level::HELP.message(help.as_str())),
        None => group,
    }
}

/// One snippet a file: the primary place's first, then the others in the order in which they are named.
fn snippets(problem: &Problem) -> Vec<Element<'_>> {
    let mut files: Vec<&SourceFile> = vec![&problem.primary.file];
    for label in &problem.related {
        if !files.contains(&label.file.as_ref()) {
            files.push(&label.file);
        }
    }
    files.into_iter().map(|file| snippet(problem, file)).collect()
}

fn snippet<'a>(problem: &'a Problem, file: &'a SourceFile) -> Element<'a> {
    let primary = (problem.primary.file.as_ref() == file).then_some((&problem.primary, AnnotationKind::Primary));
    let related = problem.related.iter().filter(|label| label.file.as_ref() == file).map(|label| (label, AnnotationKind::Context));
    let labels: Vec<_> = primary.into_iter().chain(related).map(|(label, kind)| (label, kind, span(label))).collect();
    let lines = lines(shown(file), labels.iter().map(|(.., span)| span));
    if lines.len() > LONGEST {
        return origin(labels[0].0).into();
    }
    let above = shown(file)[..lines.start].matches('\n').count();
    let annotations = labels.into_iter().map(|(label, kind, span)| {
        let text = (!label.text.is_empty()).then_some(label.text.as_str());
        kind.span(span.start - lines.start..span.end - lines.start).label(text)
    });
    Snippet::source(&shown(file)[lines.clone()]).line_start(above + 1).path(file.path.as_str()).annotations(annotations).into()
}

fn origin(label: &Label) -> Origin<'_> {
    let (line, column) = label.start();
    Origin::path(label.file.path.as_str()).line(line).char_column(column)
}

/// The lines from the first to the last of these places: the drawing reads no more of a file, however large it is.
fn lines<'s>(text: &str, spans: impl Iterator<Item = &'s Range<usize>> + Clone) -> Range<usize> {
    let first = spans.clone().map(|span| span.start).min().unwrap_or_default();
    let last = spans.map(|span| span.end).max().unwrap_or_default();
    let start = text[..first].rfind('\n').map_or(0, |at| at + 1);
    let end = text[last..].find('\n').map_or(text.len(), |at| last + at + 1);
    start..end
}

/// The text without its byte order mark, which would count as a column.
fn shown(file: &SourceFile) -> &str {
    file.text.strip_prefix(BOM).unwrap_or(&file.text)
}

/// The label's span in [`shown`] text, on character boundaries.
fn span(label: &Label) -> Range<usize> {
    let skipped = label.file.text.len() - shown(&label.file).len();
    let text = shown(&label.file);
    let start = boundary(text, label.span.start.saturating_sub(skipped));
    let end = boundary(text, label.span.end.saturating_sub(skipped));
    start..end.max(start)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn file(path: &str, text: &str) -> Arc<SourceFile> {
        Arc::new(SourceFile { path: path.into(), text: text.into() })
    }

    fn problem(file: &Arc<SourceFile>, span: Range<usize>) -> Problem {
        Problem {
            code: "T010",
            severity: Severity::Error,
            title: "unknown key `stabel`".into(),
            primary: Label { file: file.clone(), span, text: "not known here".into() },
            related: Vec::new(),
            help: Some("did you mean `stable`?".into()),
        }
    }

    #[test]
    fn looks_like_a_compiler() {
        let release = file("checkout.yaml", "service: checkout\nstabel: v1\n");
        let other = file("other.yaml", "service: checkout\n");
        let mut found = problem(&release, 18..24);
        found.related.push(Label { file: release.clone(), span: 0..7, text: "of this service".into() });
        found.related.push(Label { file: other, span: 9..17, text: "and here".into() });
        let want = "\
error[T010]: unknown key `stabel`
 --> checkout.yaml:2:1
  |
1 | service: checkout
  | ------- of this service
2 | stabel: v1
  | ^^^^^^ not known here
  |
 ::: other.yaml:1:10
  |
1 | service: checkout
  |          -------- and here
  |
  = help: did you mean `stable`?
";
        assert_eq!(render(&[found], false), want);
    }

    #[test]
    fn places_agree_with_positions_whatever_the_text() {
        for (text, needle) in [
            ("\u{feff}stabel: v1\n", "stabel"),
            ("a: b\r\nstabel: v1\r\n", "stabel"),
            ("ä: [ö, \"stabel\"]\n", "\"stabel\""),
            ("a:\tstabel\n", "stabel"),
            ("stabel", "stabel"),
        ] {
            let source = file("a.yaml", text);
            let at = text.find(needle).expect("it is in there");
            let found = problem(&source, at..at + needle.len());
            let (line, column) = found.position();
            let drawn = render(&[found], false);
            assert!(drawn.contains(&format!("--> a.yaml:{line}:{column}\n")), "{text:?}\n{drawn}");
        }
    }

    #[test]
    fn endless_lines_are_named_and_not_drawn() {
        let text = format!("a: b\nc: [{}]\n", "x, ".repeat(10_000));
        let drawn = render(&[problem(&file("a.yaml", &text), 9_000..9_001)], false);
        assert!(drawn.contains("--> a.yaml:2:8996\n") && drawn.len() < 200, "{drawn}");
    }

    #[test]
    fn no_text_and_no_span_is_drawn_all_the_same() {
        let drawn = render(&[problem(&file("a.yaml", ""), 0..0)], false);
        assert!(drawn.starts_with("error[T010]"), "{drawn}");
        assert!(drawn.contains("a.yaml"), "{drawn}");
        let drawn = render(&[problem(&file("a.yaml", "ü"), 1..99)], true);
        assert!(drawn.contains('\u{1b}'), "{drawn}");
    }
}
