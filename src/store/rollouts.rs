//! The state of each rollout, as the text that it was written as last.

use std::collections::BTreeMap;

use redb::{ReadTransaction, ReadableTable, TableDefinition, WriteTransaction};

use super::record::{Damage, Place};

pub const ROLLOUTS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("rollouts");

pub fn read(read: &ReadTransaction) -> Result<BTreeMap<String, String>, redb::Error> {
    let mut texts = BTreeMap::new();
    visit(read, |service, text| {
        texts.insert(service.to_owned(), text?.to_owned());
        Ok::<(), redb::Error>(())
    })?;
    Ok(texts)
}

/// Each record, by service, those that are damaged among them.
pub fn visit<E: From<redb::Error>>(
    read: &ReadTransaction,
    mut each: impl FnMut(&str, Result<&str, Damage>) -> Result<(), E>,
) -> Result<(), E> {
    let table = read.open_table(ROLLOUTS).map_err(redb::Error::from)?;
    for row in table.iter().map_err(redb::Error::from)? {
        let (service, bytes) = row.map_err(redb::Error::from)?;
        each(service.value(), Place::Rollout(service.value()).unseal(bytes.value()))?;
    }
    Ok(())
}

/// A damaged record is not written over: somebody may want to see it.
pub fn change(write: &WriteTransaction, rollouts: &[(&str, Option<String>)]) -> Result<(), redb::Error> {
    let mut table = write.open_table(ROLLOUTS)?;
    for (service, text) in rollouts {
        let place = Place::Rollout(service);
        let before = match text {
            Some(text) => table.insert(service, place.seal(text).as_slice())?,
            None => table.remove(service)?,
        };
        if let Some(before) = before {
            place.unseal(before.value())?;
        }
    }
    Ok(())
}
