//! Bytes as the text of a release file, or of `tidegate.yaml`.
//!
//! Whatever it is: no panic; every problem lies inside the text and can be drawn; there is a value if and only if there is no error;
//! and what is read can be translated, the same twice.

use std::collections::BTreeSet;
use std::sync::Arc;

use tidegate::diag::{Label, Problem, Severity, SourceFile};
use tidegate::model::{self, Config, Release, Traffic};
use tidegate::translate;

/// The first byte says which file the rest is: an even one (or a letter with such a code) a release, any other the configuration.
pub fn run(data: &[u8]) {
    let Some((which, text)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(text).into_owned();
    let file = Arc::new(SourceFile { path: "file.yaml".to_owned(), text });
    if which % 2 == 0 {
        // What a file refers to is the file itself: that is text as well.
        let document = model::read_release(&file, &|_| Some(file.clone()));
        check(&document.problems, document.value.is_some());
        document.value.iter().for_each(translated);
    } else {
        let document = model::read_config(&file);
        check(&document.problems, document.value.is_some());
        document.value.iter().for_each(configured);
    }
}

fn check(problems: &[Problem], value: bool) {
    let errors = problems.iter().any(|problem| problem.severity == Severity::Error);
    assert_eq!(value, !errors, "a value if and only if there is no error");
    for problem in problems {
        std::iter::once(&problem.primary).chain(&problem.related).for_each(inside);
        assert!(!problem.one_line().is_empty());
    }
}

fn inside(label: &Label) {
    assert!(label.file.text.get(label.span.clone()).is_some(), "{:?} is not a part of the text", label.span);
    assert!(label.start() <= label.end());
}

fn translated(release: &Release) {
    served(release, &Traffic::at_rest(release));
    Traffic::examples(release).iter().for_each(|traffic| served(release, traffic));
}

fn served(release: &Release, traffic: &Traffic) {
    let Ok(objects) = translate::service(release, traffic) else { return };
    assert_eq!(Ok(&objects), translate::service(release, traffic).as_ref(), "the same twice");
    let fleets: BTreeSet<String> = release.fleets.iter().cloned().collect();
    translate::fleet(&[&objects], &Config::default(), &fleets);
    translate::proxyless(&[&objects], &Config::default(), &fleets);
}

fn configured(config: &Config) {
    translate::fleet(&[], config, &BTreeSet::new());
}
