//! What survives a restart: for every file, the content that was served last, and the journal of rollouts.
//!
//! A broken file keeps its last good version, and that must hold across a restart too: Envoys that reconnect would otherwise be told
//! that the service is gone. So every content that is taken in is written here before it is served; and with it, in one transaction,
//! where each rollout is and what happened to it, so that none of them is ever ahead of another. One redb file; a file of a newer
//! schema or a damaged one is refused and never overwritten. States and entries are texts: the store does not know what they say.
//! Called by: the one writer in `control`; readers of the history, while it writes; `tidegate journal`, on a copy.

mod copy;
mod database;
mod error;
mod history;
mod record;
mod rollouts;
mod texts;

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use redb::{Database, ReadableDatabase};

pub use copy::{Copied, Row};
pub use database::SCHEMA;
pub use error::StoreError;
pub use history::{Entry, KEPT};
pub use record::Damage;
pub use texts::Texts;

/// The store. Its methods block for the disk; clones share one file, which is closed with the last of them.
#[derive(Debug, Clone)]
pub struct Store {
    database: Arc<Database>,
    path: Arc<Path>,
}

/// What is written together: all of it is there after a crash, or none.
#[derive(Debug, Clone, Copy, Default)]
pub struct Changes<'a> {
    /// Contents that are served: by path, a text, or `None` for a file that is served no more.
    pub texts: &'a [(&'a str, Option<&'a str>)],
    /// States of rollouts: by service, a text, or `None` for one that is forgotten.
    pub rollouts: &'a [(&'a str, Option<String>)],
    /// What happened, in its order: the service and a text.
    pub history: &'a [(String, String)],
}

impl Changes<'_> {
    fn is_empty(&self) -> bool {
        self.texts.is_empty() && self.rollouts.is_empty() && self.history.is_empty()
    }
}

impl Store {
    /// Opens the store in a folder, made if it is not there. A file of an older schema is brought to this one.
    ///
    /// # Errors
    /// Each names the way out; nothing is overwritten.
    pub fn open(folder: &Path) -> Result<Store, StoreError> {
        std::fs::create_dir_all(folder).map_err(|source| StoreError::Folder { path: folder.to_path_buf(), source })?;
        let path = folder.join(database::FILE);
        let database = database::prepared(|| Database::create(&path), &path)?;
        Ok(Store { database: Arc::new(database), path: path.into() })
    }

    /// The contents that were served last.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn last_good(&self) -> Result<Texts, StoreError> {
        self.with(|| texts::read(&self.database.begin_read()?))
    }

    /// The states of rollouts that were written last, by service.
    ///
    /// # Errors
    /// The file is damaged, or one of these records is.
    pub fn rollouts(&self) -> Result<BTreeMap<String, String>, StoreError> {
        self.with(|| rollouts::read(&self.database.begin_read()?))
    }

    /// The newest entries of the history, newest first: of one service or of all, those before a number, `limit` at most.
    ///
    /// # Errors
    /// The file is damaged, or one of these records is.
    pub fn history(&self, service: Option<&str>, before: Option<u64>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.with(|| {
            let read = self.database.begin_read()?;
            match service {
                Some(service) => history::newest_of(&read, service, before, limit),
                None => history::newest(&read, before, limit),
            }
        })
    }

    /// Writes changes, all or none; durable when it returns. The numbers that the entries were given, in their order. Of each
    /// service the newest [`KEPT`] entries are kept.
    ///
    /// # Errors
    /// The disk is full or broken, or a record that would be written over is damaged; what was written before still stands.
    pub fn write(&self, changes: &Changes<'_>) -> Result<Vec<u64>, StoreError> {
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        self.with(|| {
            let write = self.database.begin_write()?;
            // A table costs something to open, also if nothing is done with it.
            if !changes.texts.is_empty() {
                texts::change(&write, changes.texts)?;
            }
            if !changes.rollouts.is_empty() {
                rollouts::change(&write, changes.rollouts)?;
            }
            let given = if changes.history.is_empty() { Vec::new() } else { history::append(&write, changes.history, KEPT)? };
            write.commit()?;
            Ok(given)
        })
    }

    /// Changes the contents that are served alone: by path, a text or `None` for a file that is served no more. Durable when it
    /// returns.
    ///
    /// # Errors
    /// The disk is full or broken; what was written before still stands.
    pub fn keep(&self, texts: &[(&str, Option<&str>)]) -> Result<(), StoreError> {
        self.write(&Changes { texts, ..Changes::default() }).map(drop)
    }

    /// The error for a state whose text its reader cannot read.
    pub fn unreadable(&self, service: &str, reason: &dyn std::fmt::Display) -> StoreError {
        let reason = format!("the rollout of {service} is not what this tidegate writes: {reason}");
        StoreError::Damaged { path: self.path.to_path_buf(), reason }
    }

    fn with<T>(&self, work: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, StoreError> {
        database::guarded(&self.path, work)
    }
}
