//! The files at one moment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use imbl::OrdMap;

use crate::diag::SourceFile;

/// Files by path. Maps of successive generations share what did not change, so that comparing them costs what did.
pub type Files = OrdMap<String, Arc<SourceFile>>;

/// The files at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    /// Files by their path relative to the directory, `/` between the parts. The configuration file is under the path that
    /// [`Generation::config`] tells, files asked for as `extra` under the path they were asked for by.
    pub files: Files,
    /// Files and folders (these end in `/`) that are there and could not be read, each with the reason. They are not missing:
    /// what they held before is the best that is known.
    pub unreadable: BTreeMap<String, String>,
    /// The configuration file: among the `files`, or `unreadable`. `None` when none is named and there is none.
    pub config: Option<String>,
    /// The `extra` paths that this generation was read with. One of them that is in neither map does not exist.
    pub extra: BTreeSet<String>,
    /// The directory itself. Unless it is present, `files` says nothing of releases.
    pub directory: DirectoryState,
}

impl Generation {
    /// Whether this generation cannot say if there is such a file, nor what is in it: the file, a folder above it or the directory
    /// could not be read.
    pub fn is_unknown(&self, path: &str) -> bool {
        let above = |unreadable: &String| unreadable.ends_with('/') && path.starts_with(unreadable.as_str());
        self.directory != DirectoryState::Present || self.unreadable.contains_key(path) || self.unreadable.keys().any(above)
    }
}

/// The directory itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DirectoryState {
    /// It is there and was read.
    Present,
    /// There is no such directory.
    Missing,
    /// It could not be read; the reason.
    Unreadable(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unreadable_folder_hides_what_is_below() {
        let mut generation = Generation {
            files: Files::new(),
            unreadable: BTreeMap::from([("shop/".into(), "denied".into()), ("a.yaml".into(), "denied".into())]),
            config: None,
            extra: BTreeSet::new(),
            directory: DirectoryState::Present,
        };
        for (path, unknown) in [("shop/cart.yaml", true), ("a.yaml", true), ("shopping.yaml", false), ("b.yaml", false)] {
            assert_eq!(generation.is_unknown(path), unknown, "{path}");
        }
        generation.directory = DirectoryState::Missing;
        assert!(generation.is_unknown("b.yaml"));
    }
}
