//! What of a generation is served, at the price of the files that changed: what [`assemble`](super::assembly::assemble) comes to, when
//! it can be told without looking at the others.

use std::collections::BTreeSet;
use std::sync::Arc;

use imbl::ordmap::DiffItem;

use super::assembly::{Assembly, Refuse, Served, by_place};
use super::reading::{Files, Reading};
use crate::diag::{Problem, SourceFile};
use crate::model::{self, Config};

/// The generation that was accepted last.
#[derive(Debug)]
pub struct Last {
    /// Its files.
    pub files: Files,
    /// Path of its configuration.
    pub config_path: Option<String>,
    /// Its configuration.
    pub config: Arc<Config>,
    /// What came of it.
    pub made: Assembly,
}

impl Last {
    /// What comes of the next generation; `None` if all files are to be looked at. That is so if files are refused or warned of for
    /// what others say, if one claims what it did not before, or if files changed that are no releases.
    pub fn next(&self, files: &Files, config_path: Option<&str>, config: &Arc<Config>, refuse: Refuse<'_>) -> Option<Assembly> {
        if !self.made.agreed || self.config_path.as_deref() != config_path || !Arc::ptr_eq(&self.config, config) {
            return None;
        }
        let touched = self.touched(files)?;
        let made = &self.made;
        let mut next = Assembly {
            served: made.served.clone(),
            read: made.read.clone(),
            noted: made.noted.clone(),
            problems: Vec::new(),
            stale: made.stale.clone(),
            endpoint_files: made.endpoint_files.clone(),
            agreed: true,
            refused: BTreeSet::new(),
            touched: None,
        };
        for path in &touched {
            next.take(path, files, refuse)?;
        }
        next.problems = next.noted.values().flat_map(|reading| reading.problems.iter().cloned()).collect::<Vec<Problem>>();
        by_place(&mut next.problems);
        next.touched = Some(touched);
        Some(next)
    }

    /// The release files that changed; `None` if others did.
    fn touched(&self, files: &Files) -> Option<BTreeSet<String>> {
        let mut touched = BTreeSet::new();
        for change in self.files.diff(files) {
            let path = path(&change);
            if self.config_path.as_ref() == Some(path) {
                continue;
            }
            if !model::is_release_file(path) {
                return None;
            }
            touched.insert(path.clone());
        }
        Some(touched)
    }
}

fn path<'a>(change: &DiffItem<'a, 'a, String, Arc<SourceFile>>) -> &'a String {
    match change {
        DiffItem::Add(path, _) | DiffItem::Remove(path, _) | DiffItem::Update { old: (path, _), .. } => path,
    }
}

impl Assembly {
    /// Takes in one release file; `None` if others have a say in what becomes of it, or in what is asked for because of it.
    fn take(&mut self, path: &str, files: &Files, refuse: Refuse<'_>) -> Option<()> {
        let Some(file) = files.get(path) else { return self.take_out(path) };
        let (read, served) = (self.read.get(path).cloned(), self.served.get(path).cloned());
        let known = [&read, &served].into_iter().flatten().find(|reading| reading.is_of(file, files));
        let good = [&served, &read].into_iter().flatten().find(|reading| reading.release().is_some());
        let new = known.cloned().unwrap_or_else(|| Arc::new(Reading::after(good.map(Arc::as_ref), file, files)));
        if [&read, &served].into_iter().flatten().any(|old| old.document.endpoint_files != new.document.endpoint_files) {
            return None;
        }
        if new.release().is_some() && served.as_ref().is_none_or(|old| !Arc::ptr_eq(old, &new)) && refuse(&new).is_some() {
            return None;
        }
        match served {
            Some(old) if new.release().is_some() => {
                model::claims_alike(&old.document, &new.document).then_some(())?;
                self.served.insert(path.to_owned(), new.clone());
                self.stale.remove(path);
            }
            Some(_) => drop(self.stale.insert(path.to_owned(), new.first_error())),
            None if new.release().is_some() || read.is_none() => return None,
            None => {}
        }
        note(&mut self.noted, path, &new);
        self.read.insert(path.to_owned(), new);
        Some(())
    }

    /// A file that is gone takes nothing away from others.
    fn take_out(&mut self, path: &str) -> Option<()> {
        let gone = [self.read.remove(path), self.served.remove(path)];
        self.noted.remove(path);
        self.stale.remove(path);
        gone.iter().flatten().all(|reading| reading.document.endpoint_files.is_empty()).then_some(())
    }
}

fn note(noted: &mut Served, path: &str, reading: &Arc<Reading>) {
    if reading.problems.is_empty() {
        noted.remove(path);
    } else {
        noted.insert(path.to_owned(), reading.clone());
    }
}
