//! For every file, the content that was served last.

use std::collections::BTreeMap;

use redb::{ReadTransaction, ReadableTable, TableDefinition, WriteTransaction};

pub const LAST_GOOD: TableDefinition<'_, &str, &str> = TableDefinition::new("last_good");

/// A text by the path under which the sources know it.
pub type Texts = BTreeMap<String, String>;

pub fn read(read: &ReadTransaction) -> Result<Texts, redb::Error> {
    let mut texts = Texts::new();
    for row in read.open_table(LAST_GOOD)?.iter()? {
        let (path, text) = row?;
        texts.insert(path.value().to_owned(), text.value().to_owned());
    }
    Ok(texts)
}

pub fn change(write: &WriteTransaction, texts: &[(&str, Option<&str>)]) -> Result<(), redb::Error> {
    let mut table = write.open_table(LAST_GOOD)?;
    for (path, text) in texts {
        match text {
            Some(text) => drop(table.insert(path, text)?),
            None => drop(table.remove(path)?),
        }
    }
    Ok(())
}
