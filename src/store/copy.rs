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
    // Goes when the database is closed.
    folder: TempDir,
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
        let (folder, file) = duplicate(&path)?;
        // `create` would make a new store of a file that is empty.
        let database = database::prepared(|| Database::open(&file), &path)?;
        Ok(Copied { database, path, folder })
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
        database::guarded(&self.path, || match self.visit_rows(&mut each) {
            Err(Stop::Redb(error)) => Err(error),
            Err(Stop::Each(error)) => Ok(Err(error)),
            Ok(()) => Ok(Ok(())),
        })?
    }

    /// Whether every page of the file is as it was written, those that hold no record of the journal too. Closes the copy, which by
    /// itself finds some kinds of damage.
    ///
    /// # Errors
    /// It is not.
    pub fn close(self) -> Result<(), StoreError> {
        let Copied { mut database, path, folder } = self;
        let whole = database::guarded(&path, || {
            let whole = database.check_integrity()?;
            drop(database);
            Ok(whole)
        })?;
        drop(folder);
        if whole {
            return Ok(());
        }
        let reason = "pages of it are not as they were written, and what was newest may be missing".to_owned();
        Err(StoreError::Damaged { path, reason })
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
