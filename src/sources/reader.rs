//! Reading files, each once per change of its stamp.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Generation;
use super::tree::{Entry, Stamp, Tree};
use crate::diag::SourceFile;

/// Release files are written by hand: what is longer is something else.
const LIMIT: u64 = 1024 * 1024;
/// Clocks of file systems tick: two writes inside of one tick leave the same stamp. A stamp counts from this age on.
const TICK: Duration = Duration::from_millis(100);

/// Reads trees, and remembers what it has read.
#[derive(Debug, Default)]
pub(super) struct Reader {
    cache: BTreeMap<String, Cached>,
}

#[derive(Debug)]
struct Cached {
    stamp: Stamp,
    /// The file had been left alone for a tick before it was read, so an equal stamp means equal content.
    sure: bool,
    file: Arc<SourceFile>,
}

impl Reader {
    /// The files of a tree, as they are now. Equal content is the same `Arc` as before.
    pub(super) fn read(&mut self, tree: &Tree, extra: &BTreeSet<String>) -> Generation {
        let (mut files, mut unreadable) = (BTreeMap::new(), tree.closed.clone());
        for (key, entry) in &tree.files {
            match self.file(key, entry) {
                Ok(file) => drop(files.insert(key.clone(), file)),
                Err(reason) => drop(unreadable.insert(key.clone(), reason)),
            }
        }
        self.cache.retain(|key, _| tree.files.contains_key(key));
        let (config, directory) = (tree.config.clone(), tree.directory.clone());
        Generation { files, unreadable, config, extra: extra.clone(), directory }
    }

    fn file(&mut self, key: &str, entry: &Entry) -> Result<Arc<SourceFile>, String> {
        let stamp = entry.stamp.clone()?;
        let known = self.cache.get(key);
        if let Some(known) = known.filter(|known| known.sure && known.stamp == stamp) {
            return Ok(Arc::clone(&known.file));
        }
        let sure = is_older_than_a_tick(&stamp);
        let text = read(&entry.path).map_err(|error| error.to_string())?;
        let file = match known.filter(|known| known.file.text == text) {
            Some(known) => Arc::clone(&known.file),
            None => Arc::new(SourceFile { path: key.to_owned(), text }),
        };
        self.cache.insert(key.to_owned(), Cached { stamp, sure, file: Arc::clone(&file) });
        Ok(file)
    }
}

fn is_older_than_a_tick(stamp: &Stamp) -> bool {
    let (seconds, nanos) = stamp.modified.max(stamp.changed);
    let (Ok(seconds), Ok(nanos)) = (u64::try_from(seconds), u32::try_from(nanos)) else { return false };
    let age = SystemTime::now().duration_since(UNIX_EPOCH + Duration::new(seconds, nanos));
    age.is_ok_and(|age| age > TICK)
}

fn read(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LIMIT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LIMIT {
        return Err(io::Error::other("longer than 1 MiB"));
    }
    Ok(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::sources::Options;

    #[test]
    fn equal_content_is_the_same_file_and_a_rewrite_inside_a_tick_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let (path, options, none) = (dir.path().join("a.yaml"), Options::new(dir.path()), BTreeSet::new());
        let mut reader = Reader::default();
        fs::write(&path, "one").unwrap();
        let first = reader.read(&Tree::look(&options, &none), &none);
        let second = reader.read(&Tree::look(&options, &none), &none);
        assert!(Arc::ptr_eq(&first.files["a.yaml"], &second.files["a.yaml"]));
        fs::write(&path, "two").unwrap();
        assert_eq!(reader.read(&Tree::look(&options, &none), &none).files["a.yaml"].text, "two");
    }

    #[test]
    fn what_is_too_long_or_not_utf8_is_said_so() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("long.yaml"), vec![b'#'; LIMIT as usize + 1]).unwrap();
        fs::write(dir.path().join("bytes.yaml"), b"a: \xff").unwrap();
        let none = BTreeSet::new();
        let generation = Reader::default().read(&Tree::look(&Options::new(dir.path()), &none), &none);
        assert_eq!(generation.unreadable["long.yaml"], "longer than 1 MiB");
        assert_eq!(generation.files["bytes.yaml"].text, "a: \u{fffd}");
    }
}
