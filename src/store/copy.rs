//! The store of a server that does not run, looked at without a change to it.
//!
//! redb repairs a file when it opens it after a crash, and a file that is open keeps a server from starting. So what is looked at is
//! a copy in the folder for temporary files; while it is made, a server is kept out by a lock.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use redb::{Database, ReadableDatabase};
use tempfile::TempDir;

use super::database::{self, FILE};
use super::error::StoreError;
use super::history::{self, Entry};
use super::record::Damage;
use super::rollouts;

/// A copy of a store.
#[derive(Debug)]
pub struct Copied {
    database: Database,
    /// Where the original is.
    path: PathBuf,
    /// Whether redb found every page as it was written.
    whole: bool,
    // Goes when the database is closed.
    _folder: TempDir,
}

/// What the journal has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// The state of a rollout.
    Rollout {
        /// Its service.
        service: String,
        /// The state, as it was given.
        text: String,
    },
    /// Something that happened.
    Entry(Entry),
}

impl Copied {
    /// Copies the store in a state folder.
    ///
    /// # Errors
    /// There is none, a server uses it, it is newer than this tidegate, it is damaged beyond reading, or there is no room for a copy.
    pub fn of(folder: &Path) -> Result<Copied, StoreError> {
        let path = folder.join(FILE);
        let (copy, file) = duplicate(&path)?;
        // A file that is empty would be made into a new one by `create`.
        let mut opened = Database::open(&file);
        let whole = opened.as_mut().map_or(Ok(true), Database::check_integrity).map_err(|error| database::refused(error, &path))?;
        Ok(Copied { database: database::prepared(opened, &path)?, path, whole, _folder: copy })
    }

    /// Where the original is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives all that the journal has: rollouts by service, then the history, oldest first, and all that is damaged.
    ///
    /// # Errors
    /// Those of `each`, and damage that allows no further reading.
    pub fn visit<E: From<StoreError>>(&self, mut each: impl FnMut(Result<Row, Damage>) -> Result<(), E>) -> Result<(), E> {
        if !self.whole {
            each(Err(Damage::new("the file", "has pages that are not as they were written: what was newest may be missing")))?;
        }
        self.visit_rows(&mut each).map_err(|stop| match stop {
            Stop::Redb(error) => database::damaged(error, &self.path).into(),
            Stop::Each(error) => error,
        })
    }

    fn visit_rows<E>(&self, each: &mut impl FnMut(Result<Row, Damage>) -> Result<(), E>) -> Result<(), Stop<E>> {
        let read = self.database.begin_read().map_err(redb::Error::from)?;
        rollouts::visit(&read, |service, text| {
            let row = text.map(|text| Row::Rollout { service: service.to_owned(), text: text.to_owned() });
            each(row).map_err(Stop::Each)
        })?;
        history::visit(&read, |entry| each(entry.map(Row::Entry)).map_err(Stop::Each))?;
        history::contradictions(&read)?.into_iter().try_for_each(|damage| each(Err(damage)).map_err(Stop::Each))
    }
}

/// What ends a visit before its end.
enum Stop<E> {
    Redb(redb::Error),
    Each(E),
}

impl<E> From<redb::Error> for Stop<E> {
    fn from(error: redb::Error) -> Stop<E> {
        Stop::Redb(error)
    }
}

/// A folder for temporary files, and the copy in it.
fn duplicate(path: &Path) -> Result<(TempDir, PathBuf), StoreError> {
    let failed = |source| StoreError::Copy { path: path.to_owned(), source };
    let mut original = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => StoreError::Missing(path.to_owned()),
        _ => failed(error),
    })?;
    original.try_lock_shared().map_err(|error| match error {
        TryLockError::WouldBlock => StoreError::InUse(path.to_owned()),
        TryLockError::Error(error) => failed(error),
    })?;
    let folder = tempfile::tempdir().map_err(failed)?;
    let file = folder.path().join(FILE);
    io::copy(&mut original, &mut File::create(&file).map_err(failed)?).map_err(failed)?;
    Ok((folder, file))
}
