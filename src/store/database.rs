//! The file, and the schema of what is in it.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
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
pub fn prepared(open: impl FnOnce() -> Result<Database, redb::DatabaseError>, told: &Path) -> Result<Database, StoreError> {
    let (database, found) = guarded(told, || {
        let database = open()?;
        let found = bring_up(&database)?;
        Ok((database, found))
    })?;
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

/// Does something with a file. redb trusts what it once wrote, and panics on some kinds of damage.
pub fn guarded<T>(told: &Path, work: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, StoreError> {
    let damaged = |reason| StoreError::Damaged { path: told.to_owned(), reason };
    match panic::catch_unwind(AssertUnwindSafe(work)) {
        Ok(Err(redb::Error::DatabaseAlreadyOpen)) => Err(StoreError::InUse(told.to_owned())),
        Ok(Err(redb::Error::Corrupted(reason))) => Err(damaged(reason)),
        Ok(done) => done.map_err(|error| damaged(error.to_string())),
        Err(panic) => Err(damaged(format!("what it says makes no sense ({})", words(&*panic)))),
    }
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref().copied()).unwrap_or_default();
    text.lines().next().unwrap_or("no reason given")
}
