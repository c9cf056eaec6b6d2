//! Problems as GitHub workflow commands, which become annotations on a pull request.

use super::{Problem, Severity};

/// One line a problem: `::error file=…,line=…,col=…,endLine=…,endColumn=…,title=…::text`, escaped as workflow commands ask.
pub fn to_github(problems: &[Problem]) -> String {
    problems.iter().map(command).collect()
}

fn command(problem: &Problem) -> String {
    let word = match problem.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let ((line, column), (end_line, end_column)) = (problem.primary.start(), problem.primary.end());
    format!(
        "::{word} file={},line={line},col={column},endLine={end_line},endColumn={end_column},title={}::{}\n",
        property(&problem.primary.file.path),
        property(problem.code),
        message(&text(problem)),
    )
}

/// Title, other places and the way out, a line each.
fn text(problem: &Problem) -> String {
    let mut lines = vec![problem.title.clone()];
    for label in &problem.related {
        let (line, column) = label.start();
        lines.push(format!("{}:{line}:{column}: {}", label.file.path, label.text));
    }
    lines.extend(problem.help.iter().map(|help| format!("help: {help}")));
    lines.join("\n")
}

fn message(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    message(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::diag::{Label, SourceFile};

    #[test]
    fn escapes_what_commands_cannot_hold() {
        let file = Arc::new(SourceFile { path: "a,b.yaml".into(), text: "split: {v1: 90%}\n".into() });
        let found = Problem {
            code: "T040",
            severity: Severity::Error,
            title: "shares add up to 90%".into(),
            primary: Label { file: file.clone(), span: 7..16, text: String::new() },
            related: vec![Label { file, span: 0..5, text: "this split".into() }],
            help: Some("write\nrest".into()),
        };
        assert_eq!(
            to_github(&[found]),
            "::error file=a%2Cb.yaml,line=1,col=8,endLine=1,endColumn=17,title=T040::\
             shares add up to 90%25%0Aa,b.yaml:1:1: this split%0Ahelp: write%0Arest\n"
        );
    }
}
