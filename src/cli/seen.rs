//! Paths as whoever runs a command would open them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::diag::{Label, Problem, SourceFile};

/// Problems whose files are named from where the command was run: paths in the directory are joined with `dir` as it was written. A
/// configuration file that was named is `named`, and is already told as it was written.
pub fn seen(problems: Vec<Problem>, dir: &Path, named: Option<&Path>) -> Vec<Problem> {
    let mut files = Files { dir, named: named.map(|path| path.display().to_string()), known: BTreeMap::new() };
    problems.into_iter().map(|problem| files.problem(problem)).collect()
}

/// The files of all problems: one with ten thousand problems is copied once.
struct Files<'a> {
    dir: &'a Path,
    named: Option<String>,
    known: BTreeMap<String, Arc<SourceFile>>,
}

impl Files<'_> {
    fn problem(&mut self, problem: Problem) -> Problem {
        let (primary, related) =
            (self.label(problem.primary), problem.related.into_iter().map(|label| self.label(label)).collect());
        Problem { primary, related, ..problem }
    }

    fn label(&mut self, label: Label) -> Label {
        Label { file: self.file(&label.file), ..label }
    }

    fn file(&mut self, file: &SourceFile) -> Arc<SourceFile> {
        if let Some(known) = self.known.get(&file.path) {
            return known.clone();
        }
        let shown = if self.named.as_ref() == Some(&file.path) { file.path.clone() } else { from_here(self.dir, &file.path) };
        let shown = Arc::new(SourceFile { path: shown, text: file.text.clone() });
        self.known.insert(file.path.clone(), shown.clone());
        shown
    }
}

/// `releases/` and `a.yaml` make `releases/a.yaml`; a `./` before it would say nothing, and keep GitHub from finding the file.
fn from_here(dir: &Path, file: &str) -> String {
    let path = dir.join(file);
    path.strip_prefix(".").unwrap_or(&path).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Severity;

    #[test]
    fn files_are_named_from_where_the_command_was_run() {
        for (dir, want) in [
            ("releases", "releases/shop/a.yaml"),
            ("releases/", "releases/shop/a.yaml"),
            ("./releases", "releases/shop/a.yaml"),
            (".", "shop/a.yaml"),
            ("../releases", "../releases/shop/a.yaml"),
            ("/srv/releases", "/srv/releases/shop/a.yaml"),
        ] {
            assert_eq!(from_here(Path::new(dir), "shop/a.yaml"), want, "{dir}");
        }
    }

    #[test]
    fn every_place_is_told_so_but_a_file_that_was_named() {
        let file = |path: &str| Arc::new(SourceFile { path: path.into(), text: "service: a\n".into() });
        let label = |path: &str| Label { file: file(path), span: 0..7, text: String::new() };
        let problem = |primary, related: &[&str]| Problem {
            code: "T001",
            severity: Severity::Error,
            title: String::new(),
            primary: label(primary),
            related: related.iter().map(|path| label(path)).collect(),
            help: None,
        };
        let problems = vec![problem("a.yaml", &["b.yaml"]), problem("../gate.yaml", &[]), problem("a.yaml", &[])];
        let seen = seen(problems, Path::new("releases"), Some(Path::new("../gate.yaml")));
        let path = |label: &Label| label.file.path.clone();
        assert_eq!((path(&seen[0].primary), path(&seen[0].related[0])), ("releases/a.yaml".into(), "releases/b.yaml".into()));
        assert_eq!((path(&seen[1].primary), seen[0].primary.file.text.as_str()), ("../gate.yaml".into(), "service: a\n"));
        assert!(Arc::ptr_eq(&seen[0].primary.file, &seen[2].primary.file));
    }
}
