//! Problems for programs.

use serde_json::{Value, json};

use super::{Label, Problem};

/// Problems as a JSON array. Lines and columns are counted from 1, columns in characters, the end behind the last character.
pub fn to_json(problems: &[Problem]) -> Value {
    problems.iter().map(problem).collect()
}

fn problem(problem: &Problem) -> Value {
    let mut value = json!({"code": problem.code, "severity": problem.severity.as_str()});
    append(&mut value, place(&problem.primary));
    let related: Vec<Value> = problem.related.iter().map(related).collect();
    append(&mut value, json!({"title": problem.title, "label": problem.primary.text, "help": problem.help, "related": related}));
    value
}

fn related(label: &Label) -> Value {
    let mut value = place(label);
    append(&mut value, json!({"text": label.text}));
    value
}

fn place(label: &Label) -> Value {
    let ((line, column), (end_line, end_column)) = (label.start(), label.end());
    json!({"file": label.file.path, "line": line, "column": column, "end_line": end_line, "end_column": end_column})
}

fn append(value: &mut Value, more: Value) {
    if let (Value::Object(into), Value::Object(from)) = (value, more) {
        into.extend(from);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::diag::{Severity, SourceFile};

    #[test]
    fn says_everything_a_program_needs() {
        let file = Arc::new(SourceFile { path: "a.yaml".into(), text: "service: x\nstabel: v1\n".into() });
        let label = |span, text: &str| Label { file: file.clone(), span, text: text.into() };
        let found = Problem {
            code: "T010",
            severity: Severity::Warning,
            title: "unknown key".into(),
            primary: label(11..17, "here"),
            related: vec![label(0..7, "there")],
            help: None,
        };
        assert_eq!(
            to_json(&[found]),
            json!([{
                "code": "T010", "severity": "warning",
                "file": "a.yaml", "line": 2, "column": 1, "end_line": 2, "end_column": 7,
                "title": "unknown key", "label": "here", "help": null,
                "related": [{"file": "a.yaml", "line": 1, "column": 1, "end_line": 1, "end_column": 8, "text": "there"}],
            }])
        );
    }
}
