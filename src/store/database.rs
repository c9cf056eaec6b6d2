//! The file, and the schema of what is in it.

use std::path::Path;

use redb::{Database, ReadableTable, TableDefinition, WriteTransaction};

use super::error::StoreError;
use super::{history, rollouts, texts};

/// Schema written by this version; a reader refuses what is newer than itself. 1 had the texts alone.
pub const SCHEMA: u64 = 2;
/// The name of the file in the state folder.
pub const FILE: &str = "tidegate.redb";

pub const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");

/// Brings a file to this schema. Errors call it `told`.
pub fn prepared(opened: Result<Database, redb::DatabaseError>, told: &Path) -> Result<Database, StoreError> {
    let database = opened.map_err(|error| refused(error, told))?;
    let found = bring_up(&database).map_err(|error| damaged(error, told))?;
    if found > SCHEMA {
        return Err(StoreError::Newer { path: told.to_owned(), found });
    }
    Ok(database)
}

/// The schema that was found. A file of this one, or of a newer one, is not written to.
fn bring_up(database: &Database) -> Result<u64, redb::Error> {
    let write = database.begin_write()?;
    let found = write.open_table(META)?.get("schema")?.map(|value| value.value());
    if let Some(found) = found.filter(|found| *found >= SCHEMA) {
        write.abort()?;
        return Ok(found);
    }
    make_tables(&write)?;
    write.commit()?;
    Ok(SCHEMA)
}

fn make_tables(write: &WriteTransaction) -> Result<(), redb::Error> {
    write.open_table(texts::LAST_GOOD)?;
    write.open_table(rollouts::ROLLOUTS)?;
    write.open_table(history::HISTORY)?;
    write.open_table(history::HISTORY_OF)?;
    write.open_table(META)?.insert("schema", SCHEMA)?;
    Ok(())
}

/// Why a file is not opened.
pub fn refused(error: redb::DatabaseError, told: &Path) -> StoreError {
    match error {
        redb::DatabaseError::DatabaseAlreadyOpen => StoreError::InUse(told.to_owned()),
        other => damaged(other.into(), told),
    }
}

/// Why a file is not read or written.
pub fn damaged(error: redb::Error, told: &Path) -> StoreError {
    let reason = match error {
        redb::Error::Corrupted(reason) => reason,
        other => other.to_string(),
    };
    StoreError::Damaged { path: told.to_owned(), reason }
}
