//! What survives a restart: for every file, the content that was served last.
//!
//! A broken file keeps its last good version, and that must hold across a restart too: Envoys that reconnect would otherwise be told
//! that the service is gone. So every content that is taken in is written here before it is served. One redb file; a file of a
//! newer schema or a damaged one is refused and never overwritten.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

/// Schema written by this version. The journal of rollouts will share the file; a reader refuses what is newer than itself.
const SCHEMA: u64 = 1;
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
const LAST_GOOD: TableDefinition<'_, &str, &str> = TableDefinition::new("last_good");

/// A text by the path under which the sources know it.
pub type Texts = BTreeMap<String, String>;

/// The store. Its methods block for a disk write and are called by the one writer.
#[derive(Debug)]
pub struct Store {
    database: Database,
    path: PathBuf,
}

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder cannot be made.
    #[error("cannot make the state folder {path}: {source}; give another by --state")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Another server has it open.
    #[error("{0} is in use by another tidegate; stop that one, or give this one a folder of its own by --state")]
    InUse(PathBuf),
    /// A newer tidegate wrote it.
    #[error(
        "{path} was written by a newer tidegate (schema {found}, this one knows {SCHEMA}); use that version, or another --state folder"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: u64,
    },
    /// It is damaged, or the disk is.
    #[error("{path} cannot be read or written: {reason}; move it away to start from the release files alone")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What redb says.
        reason: String,
    },
}

impl Store {
    /// Opens the store in a folder, made if it is not there.
    ///
    /// # Errors
    /// Each names the way out; nothing is overwritten.
    pub fn open(folder: &Path) -> Result<Store, StoreError> {
        std::fs::create_dir_all(folder).map_err(|source| StoreError::Folder { path: folder.to_path_buf(), source })?;
        let path = folder.join("tidegate.redb");
        let database = Database::create(&path).map_err(|error| match error {
            redb::DatabaseError::DatabaseAlreadyOpen => StoreError::InUse(path.clone()),
            other => StoreError::Damaged { path: path.clone(), reason: other.to_string() },
        })?;
        let store = Store { database, path };
        store.check_schema()?;
        Ok(store)
    }

    fn check_schema(&self) -> Result<(), StoreError> {
        let found = self.with(|| {
            let write = self.database.begin_write()?;
            write.open_table(LAST_GOOD)?;
            let found = {
                let mut meta = write.open_table(META)?;
                let found = meta.get("schema")?.map(|value| value.value());
                if found.is_none() {
                    meta.insert("schema", SCHEMA)?;
                }
                found.unwrap_or(SCHEMA)
            };
            write.commit()?;
            Ok(found)
        })?;
        if found > SCHEMA {
            return Err(StoreError::Newer { path: self.path.clone(), found });
        }
        Ok(())
    }

    /// The contents that were served last.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn last_good(&self) -> Result<Texts, StoreError> {
        self.with(|| {
            let table = self.database.begin_read()?.open_table(LAST_GOOD)?;
            let mut texts = Texts::new();
            for row in table.iter()? {
                let (path, text) = row?;
                texts.insert(path.value().to_owned(), text.value().to_owned());
            }
            Ok(texts)
        })
    }

    /// Changes the contents that are served: by path, a text or `None` for a file that is served no more. Durable when it returns.
    ///
    /// # Errors
    /// The disk is full or broken; what was written before still stands.
    pub fn keep(&self, changes: &[(&str, Option<&str>)]) -> Result<(), StoreError> {
        if changes.is_empty() {
            return Ok(());
        }
        self.with(|| {
            let write = self.database.begin_write()?;
            {
                let mut table = write.open_table(LAST_GOOD)?;
                for (path, text) in changes {
                    match text {
                        Some(text) => drop(table.insert(path, text)?),
                        None => drop(table.remove(path)?),
                    }
                }
            }
            write.commit()?;
            Ok(())
        })
    }

    fn with<T>(&self, work: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, StoreError> {
        work().map_err(|error| StoreError::Damaged { path: self.path.clone(), reason: error.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(pairs: &[(&str, &str)]) -> Texts {
        pairs.iter().map(|(path, text)| (path.to_string(), text.to_string())).collect()
    }

    #[test]
    fn what_is_kept_is_there_after_reopening_and_what_is_not_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        store.keep(&[("a.yaml", Some("1")), ("b.yaml", Some("1")), ("d.yaml", Some("1"))]).unwrap();
        store.keep(&[("a.yaml", Some("2")), ("b.yaml", None), ("c.yaml", Some("1"))]).unwrap();
        drop(store);
        assert_eq!(
            Store::open(dir.path()).unwrap().last_good().unwrap(),
            texts(&[("a.yaml", "2"), ("c.yaml", "1"), ("d.yaml", "1")])
        );
    }

    #[test]
    fn two_servers_do_not_share_a_folder() {
        let dir = tempfile::tempdir().unwrap();
        let _first = Store::open(dir.path()).unwrap();
        assert!(matches!(Store::open(dir.path()), Err(StoreError::InUse(_))));
    }

    #[test]
    fn a_newer_schema_and_damage_are_refused_and_left_as_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let write = store.database.begin_write().unwrap();
        write.open_table(META).unwrap().insert("schema", SCHEMA + 1).unwrap();
        write.commit().unwrap();
        drop(store);
        assert!(matches!(Store::open(dir.path()), Err(StoreError::Newer { found, .. }) if found == SCHEMA + 1));

        let file = dir.path().join("tidegate.redb");
        std::fs::write(&file, b"not a database").unwrap();
        assert!(matches!(Store::open(dir.path()), Err(StoreError::Damaged { .. })));
        assert_eq!(std::fs::read(&file).unwrap(), b"not a database");
    }
}
