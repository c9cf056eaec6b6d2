//! What the store has: the files from which everything that is served was read.

use std::sync::Arc;

use imbl::ordmap::DiffItem;

use super::assembly::{Assembly, Served};
use super::reading::{Files, Reading};
use crate::diag::SourceFile;
use crate::store::{Changes, Store, StoreError};

/// The store keeps the configuration file beside the release files, under a path that none of those can have.
const CONFIG_MARK: &str = "config:";

/// The store, and what it has.
#[derive(Debug)]
pub struct Kept {
    store: Store,
    files: Files,
    /// Where in `files` the configuration is.
    config: Option<String>,
}

impl Kept {
    /// What was kept before the start.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn recall(store: Store) -> Result<Kept, StoreError> {
        let file = |(path, text): (String, String)| (path.clone(), Arc::new(SourceFile { path, text }));
        let files: Files = store.last_good()?.into_iter().map(file).collect();
        let config = files.keys().find(|path| path.starts_with(CONFIG_MARK)).cloned();
        Ok(Kept { store, files, config })
    }

    /// The store itself.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The files, by path.
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// Path and text of the configuration file.
    pub fn config(&self) -> Option<(&str, &str)> {
        let path = self.config.as_ref()?;
        Some((path.strip_prefix(CONFIG_MARK)?, &self.files.get(path)?.text))
    }

    /// Writes down what is to be served instead of `before`, which is what was written last, and the configuration, by path and text.
    /// With it, in one go, what this does to rollouts, and what happened; the numbers of that. Durable when it returns. Only what changed is
    /// written.
    ///
    /// # Errors
    /// The disk is full or broken; what was written before still stands.
    pub fn keep(
        &mut self,
        before: &Served,
        made: &Assembly,
        config: Option<&(String, String)>,
        rollouts: &[(&str, Option<String>)],
        history: &[(String, String)],
    ) -> Result<Vec<u64>, StoreError> {
        let path = config.map(|(path, _)| format!("{CONFIG_MARK}{path}"));
        let known = if path == self.config { self.edited(before, made) } else { None };
        let mut files = known.unwrap_or_else(|| made.served.values().flat_map(|reading| sources(reading)).collect());
        if let (Some(path), Some((_, text))) = (&path, config)
            && files.get(path).is_none_or(|file| file.text != *text)
        {
            files.insert(path.clone(), Arc::new(SourceFile { path: path.clone(), text: text.clone() }));
        }
        let changes = self.files.diff(&files).map(|change| match change {
            DiffItem::Remove(path, _) => (path.as_str(), None),
            DiffItem::Add(path, file) | DiffItem::Update { new: (path, file), .. } => (path.as_str(), Some(file.text.as_str())),
        });
        let texts = changes.collect::<Vec<_>>();
        let numbers = self.store.write(&Changes { texts: &texts, rollouts, history })?;
        (self.files, self.config) = (files, path);
        Ok(numbers)
    }

    /// The files after a generation in which only some were touched; `None` if one of these has endpoint files, which others may have,
    /// too.
    fn edited(&self, before: &Served, made: &Assembly) -> Option<Files> {
        let mut files = self.files.clone();
        for path in made.touched.as_ref()? {
            let (old, new) = (before.get(path), made.served.get(path));
            if old.into_iter().chain(new).any(|reading| !reading.document.endpoint_files.is_empty()) {
                return None;
            }
            match new {
                Some(new) => drop(files.insert(path.clone(), new.document.file.clone())),
                None => drop(files.remove(path)),
            }
        }
        Some(files)
    }
}

fn sources(reading: &Reading) -> impl Iterator<Item = (String, Arc<SourceFile>)> {
    reading.sources().map(|(path, file)| (path.to_owned(), file.clone()))
}
