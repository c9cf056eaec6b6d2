//! What happened to each service, in the order in which it did.
//!
//! Entries are numbered over all services. The index has those of one service, each with how manyth of that service it is: how many
//! there are is known without counting, and one that is missing is noticed.

use std::ops::Bound;

use redb::{ReadTransaction, ReadableTable, Table, TableDefinition, WriteTransaction};

use super::record::{Damage, Place};

pub const HISTORY: TableDefinition<'_, u64, (&str, &[u8])> = TableDefinition::new("history");
pub const HISTORY_OF: TableDefinition<'_, (&str, u64), u64> = TableDefinition::new("history_of");

/// How many entries of one service are kept. The newest one always is, so that no number is given twice.
pub const KEPT: u64 = 10_000;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number over all services, from 1, greater than those of all entries before it.
    pub sequence: u64,
    /// The service that it happened to.
    pub service: String,
    /// What happened, as it was given.
    pub text: String,
}

/// The newest entries before a number, newest first.
pub fn newest(read: &ReadTransaction, before: Option<u64>, limit: usize) -> Result<Vec<Entry>, redb::Error> {
    let table = read.open_table(HISTORY)?;
    let end = before.map_or(Bound::Unbounded, Bound::Excluded);
    let mut entries = Vec::new();
    for row in table.range::<u64>((Bound::Unbounded, end))?.rev().take(limit) {
        let (sequence, value) = row?;
        entries.push(entry(sequence.value(), value.value())?);
    }
    Ok(entries)
}

/// The newest entries of one service before a number, newest first.
pub fn newest_of(read: &ReadTransaction, service: &str, before: Option<u64>, limit: usize) -> Result<Vec<Entry>, redb::Error> {
    let (table, index) = (read.open_table(HISTORY)?, read.open_table(HISTORY_OF)?);
    let end = before.map_or(Bound::Included((service, u64::MAX)), |before| Bound::Excluded((service, before)));
    let mut entries = Vec::new();
    for row in index.range::<(&str, u64)>((Bound::Included((service, 0)), end))?.rev().take(limit) {
        let (_, sequence) = row?.0.value();
        let value = table.get(sequence)?.ok_or_else(|| missing(sequence, service))?;
        entries.push(entry(sequence, value.value())?);
    }
    Ok(entries)
}

/// Each entry, oldest first, those that are damaged among them.
pub fn visit<E: From<redb::Error>>(
    read: &ReadTransaction,
    mut each: impl FnMut(Result<Entry, Damage>) -> Result<(), E>,
) -> Result<(), E> {
    let table = read.open_table(HISTORY).map_err(redb::Error::from)?;
    for row in table.iter().map_err(redb::Error::from)? {
        let (sequence, value) = row.map_err(redb::Error::from)?;
        each(entry(sequence.value(), value.value()))?;
    }
    Ok(())
}

/// What the index and the entries do not agree on.
pub fn contradictions(read: &ReadTransaction) -> Result<Vec<Damage>, redb::Error> {
    let (table, index) = (read.open_table(HISTORY)?, read.open_table(HISTORY_OF)?);
    let mut found = Vec::new();
    let mut before: Option<(String, u64)> = None;
    for row in index.iter()? {
        let (key, number) = row?;
        let ((service, sequence), number) = (key.value(), number.value());
        if table.get(sequence)?.is_none_or(|value| value.value().0 != service) {
            found.push(missing(sequence, service));
        }
        if before.is_some_and(|(of, before)| of == service && before.checked_add(1) != Some(number)) {
            found.push(Damage::new(Place::Entry { sequence, service }, "does not follow the one before it: some are missing"));
        }
        before = Some((service.to_owned(), number));
    }
    for row in table.iter()? {
        let (sequence, value) = row?;
        let (sequence, service) = (sequence.value(), value.value().0);
        if index.get((service, sequence))?.is_none() {
            found.push(Damage::new(Place::Entry { sequence, service }, "is not in the index"));
        }
    }
    Ok(found)
}

/// Appends entries, each a service and a text, and forgets all but the newest `kept` of these services.
///
/// The numbers that they were given.
pub fn append(write: &WriteTransaction, entries: &[(String, String)], kept: u64) -> Result<Vec<u64>, redb::Error> {
    let (mut table, mut index) = (write.open_table(HISTORY)?, write.open_table(HISTORY_OF)?);
    let mut given = Vec::with_capacity(entries.len());
    for (service, text) in entries {
        let sequence = after(table.last()?.map(|(sequence, _)| sequence.value()))?;
        let number = after(index.range(whole(service))?.next_back().transpose()?.map(|(_, number)| number.value()))?;
        let bytes = Place::Entry { sequence, service }.seal(text);
        table.insert(sequence, (service.as_str(), bytes.as_slice()))?;
        index.insert((service.as_str(), sequence), number)?;
        forget(&mut table, &mut index, service, number.saturating_sub(kept.max(1)))?;
        given.push(sequence);
    }
    Ok(given)
}

/// Forgets what of a service is not younger than its `last`th entry.
fn forget(
    table: &mut Table<'_, u64, (&'static str, &'static [u8])>,
    index: &mut Table<'_, (&'static str, u64), u64>,
    service: &str,
    last: u64,
) -> Result<(), redb::Error> {
    loop {
        let oldest = index.range(whole(service))?.next().transpose()?.map(|(key, number)| (key.value().1, number.value()));
        match oldest {
            Some((sequence, number)) if number <= last => {
                index.remove((service, sequence))?;
                table.remove(sequence)?;
            }
            _ => return Ok(()),
        }
    }
}

fn whole(service: &str) -> std::ops::RangeInclusive<(&str, u64)> {
    (service, 0)..=(service, u64::MAX)
}

fn after(last: Option<u64>) -> Result<u64, redb::Error> {
    last.unwrap_or(0).checked_add(1).ok_or_else(|| Damage::new("the history", "has no numbers left").into())
}

fn entry(sequence: u64, (service, bytes): (&str, &[u8])) -> Result<Entry, Damage> {
    let text = Place::Entry { sequence, service }.unseal(bytes)?;
    Ok(Entry { sequence, service: service.to_owned(), text: text.to_owned() })
}

fn missing(sequence: u64, service: &str) -> Damage {
    Damage::new(Place::Entry { sequence, service }, "is missing, though the index has it")
}
