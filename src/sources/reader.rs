//! Reading files, each once per change of its stamp.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use super::tree::{Entry, Stamp, Tree};
use super::{Files, Generation};
use crate::diag::SourceFile;

/// Release files are written by hand: what is longer is something else.
const LIMIT: u64 = 1024 * 1024;

/// Reads trees, and remembers what it has read.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// What was read last, by key.
    cache: BTreeMap<String, Cached>,
    /// The files among it.
    files: Files,
}

#[derive(Debug)]
struct Cached {
    stamp: Stamp,
    /// The file had been left alone for a tick before it was read, so an equal stamp means equal content.
    sure: bool,
}

/// A tree, as it was read.
#[derive(Debug)]
pub(super) struct Reading {
    /// Its files.
    pub generation: Generation,
    /// Those of them that were opened; the others are as they were when they were.
    pub read: Vec<Entry>,
    /// There are the same files as in the tree before.
    pub only_changed: bool,
}

impl Reader {
    /// The files of a tree, as they are now. Equal content is the same `Arc` as before, and what did not change costs a comparison of
    /// stamps.
    pub(super) fn read(&mut self, tree: &Tree, extra: &BTreeSet<String>) -> Reading {
        let mut unreadable = tree.closed.clone();
        let known = self.cache.len();
        let (read, gone) = self.compare(tree);
        gone.iter().for_each(|key| self.forget(key));
        let only_changed = gone.is_empty() && known == tree.files.len();
        for (key, entry) in read.iter().copied() {
            if let Err(reason) = self.file(key, entry) {
                self.forget(key);
                unreadable.insert(key.clone(), reason);
            }
        }
        let (config, directory) = (tree.config.clone(), tree.directory.clone());
        let generation = Generation { files: self.files.clone(), unreadable, config, extra: extra.clone(), directory };
        Reading { generation, read: read.into_iter().map(|(_, entry)| entry.clone()).collect(), only_changed }
    }

    /// The files of a tree that may be other than they were when they were read, and those that are gone.
    fn compare<'a>(&self, tree: &'a Tree) -> (Vec<(&'a String, &'a Entry)>, Vec<String>) {
        let (mut changed, mut gone) = (Vec::new(), Vec::new());
        let mut known = self.cache.iter().peekable();
        for (key, entry) in &tree.files {
            while let Some((old, _)) = known.next_if(|(old, _)| *old < key) {
                gone.push(old.clone());
            }
            let same = known.next_if(|(old, _)| *old == key).is_some_and(|(_, cached)| cached.is_of(entry));
            if !same {
                changed.push((key, entry));
            }
        }
        gone.extend(known.map(|(old, _)| old.clone()));
        (changed, gone)
    }

    fn forget(&mut self, key: &str) {
        self.cache.remove(key);
        self.files.remove(key);
    }

    fn file(&mut self, key: &str, entry: &Entry) -> Result<(), String> {
        let stamp = entry.stamp.clone()?;
        let sure = stamp.is_old(SystemTime::now());
        let text = read(&entry.path).map_err(|error| error.to_string())?;
        let file = match self.files.get(key).filter(|known| known.text == text) {
            Some(known) => Arc::clone(known),
            None => Arc::new(SourceFile { path: key.to_owned(), text }),
        };
        if self.files.get(key).is_none_or(|known| !Arc::ptr_eq(known, &file)) {
            self.files.insert(key.to_owned(), file);
        }
        self.cache.insert(key.to_owned(), Cached { stamp, sure });
        Ok(())
    }
}

impl Cached {
    fn is_of(&self, entry: &Entry) -> bool {
        self.sure && entry.stamp.as_ref() == Ok(&self.stamp)
    }
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
        let first = reader.read(&Tree::look(&options, &none), &none).generation;
        let second = reader.read(&Tree::look(&options, &none), &none).generation;
        assert!(Arc::ptr_eq(&first.files["a.yaml"], &second.files["a.yaml"]));
        fs::write(&path, "two").unwrap();
        assert_eq!(reader.read(&Tree::look(&options, &none), &none).generation.files["a.yaml"].text, "two");
    }

    #[test]
    fn what_is_too_long_or_not_utf8_is_said_so() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("long.yaml"), vec![b'#'; LIMIT as usize + 1]).unwrap();
        fs::write(dir.path().join("bytes.yaml"), b"a: \xff").unwrap();
        let none = BTreeSet::new();
        let generation = Reader::default().read(&Tree::look(&Options::new(dir.path()), &none), &none).generation;
        assert_eq!(generation.unreadable["long.yaml"], "longer than 1 MiB");
        assert_eq!(generation.files["bytes.yaml"].text, "a: \u{fffd}");
    }
}
