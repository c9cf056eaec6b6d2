//! What is told from the files that changed, against what is told from all.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::assembly::{Assembly, Served, assemble};
use super::reading::Files;
use super::touched::Last;
use crate::diag::SourceFile;
use crate::model::{self, Config};
use crate::translate::ServiceObjects;

const PATHS: [&str; 4] = ["a.yaml", "b.yaml", "c.yaml", "endpoints.json"];

/// What a file says: something good, something with a say in what becomes of others, something broken.
fn text(path: usize, content: usize) -> String {
    let good = |host: &str, more: &str| {
        format!(
            "service: s{path}\nhosts: [{host}]\nversions: {{v1: [\"127.0.1.11:80\"], v2: [\"127.0.1.12:80\"]}}\nstable: v1\n{more}\n"
        )
    };
    match content {
        _ if path == 3 => format!("[{{\"targets\": [\"127.0.1.11:{}\"]}}]", 80 + content),
        0 => good(&format!("h{path}"), "split: {v1: 90%, v2: 10%}"),
        1 => good(&format!("h{path}"), "split: {v1: 80%, v2: 20%}"),
        2 => good("shared", ""),
        3 => good(&format!("h{path}"), "fleets: [nowhere]"),
        4 => format!("service: s{path}\nhosts: [h{path}]\nversions: {{v1: {{file: endpoints.json}}}}\nstable: v1\n"),
        5 => good("\"*.shared\"", ""),
        7 => good(&format!("h{path}"), "upstream: {connect_timeout: 7s}"),
        8 => good(&format!("h{path}"), "").replace("127.0.1.12", "127.0.1.13"),
        _ => "service: [".to_owned(),
    }
}

fn file(path: usize, content: usize) -> (String, Arc<SourceFile>) {
    let text = text(path, content);
    (PATHS[path].to_owned(), Arc::new(SourceFile { path: PATHS[path].to_owned(), text }))
}

#[derive(Debug, Default)]
struct Desk {
    files: Files,
    served: Served,
    read: Served,
    last: Option<Last>,
    config: Arc<Config>,
}

impl Desk {
    fn edit(&mut self, path: usize, content: Option<usize>) {
        match content {
            Some(content) => {
                let (path, file) = file(path, content);
                self.files.insert(path, file);
            }
            None => drop(self.files.remove(PATHS[path])),
        }
    }

    fn next(&self) -> Option<Assembly> {
        self.last.as_ref()?.next(&self.files, None, &self.config, &|_| None)
    }

    fn all(&self) -> Assembly {
        let releases: Vec<&str> = self.files.keys().map(String::as_str).filter(|path| model::is_release_file(path)).collect();
        assemble(&self.files, &releases, &self.served, &self.read, Some(&self.config), &|_| None)
    }

    fn accept(&mut self, made: Assembly) {
        (self.served, self.read) = (made.served.clone(), made.read.clone());
        self.last = Some(Last { files: self.files.clone(), config_path: None, config: self.config.clone(), made });
    }
}

type Shown<'a> = BTreeMap<&'a String, (&'a SourceFile, Option<&'a ServiceObjects>)>;

fn shown(served: &Served) -> Shown<'_> {
    served.iter().map(|(path, reading)| (path, (&*reading.document.file, reading.service.as_ref().map(|s| s.objects())))).collect()
}

fn assert_same(next: &Assembly, all: &Assembly) {
    assert_eq!(shown(&next.served), shown(&all.served));
    assert_eq!(shown(&next.read), shown(&all.read));
    assert_eq!(shown(&next.noted), shown(&all.noted));
    assert_eq!((&next.problems, &next.stale, &next.endpoint_files), (&all.problems, &all.stale, &all.endpoint_files));
    assert_eq!(next.agreed, all.agreed);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_changed_tells_what_all_files_would(
        steps in proptest::collection::vec((0..4_usize, proptest::option::weighted(0.9, 0..9_usize), any::<bool>()), 1..16),
    ) {
        let mut desk = Desk::default();
        for (path, content, further) in steps {
            desk.edit(path, content);
            // Sometimes several files change at once.
            if further {
                continue;
            }
            let all = desk.all();
            let made = match desk.next() {
                Some(next) => {
                    assert_same(&next, &all);
                    next
                }
                None => all,
            };
            desk.accept(made);
        }
    }
}

#[test]
fn an_edit_that_claims_nothing_new_is_told_from_itself() {
    let mut desk = Desk::default();
    (0..3).for_each(|path| desk.edit(path, Some(0)));
    desk.accept(desk.all());
    for (content, told) in [(Some(1), true), (Some(6), true), (Some(0), true), (Some(2), false), (Some(4), false), (None, true)] {
        desk.edit(1, content);
        let next = desk.next();
        assert_eq!(next.is_some(), told, "{content:?}");
        let all = desk.all();
        desk.accept(next.unwrap_or(all));
        if !told {
            desk.edit(1, Some(0));
            desk.accept(desk.all());
        }
    }
}
