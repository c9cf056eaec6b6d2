//! One look at the directory: which files there are, and enough of each to notice that it changed. Nothing is read.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{DirectoryState, Options};
use crate::model::is_release_file;

/// More files than this are a mistake, such as a symbolic link to the root of the system.
const MAX_FILES: usize = 20_000;
/// Deeper folders are one as well.
const MAX_DEPTH: usize = 32;
/// Clocks of file systems tick. A stamp counts from this age on.
const TICK: Duration = Duration::from_millis(100);
/// Name of the configuration file where none is named.
pub(super) const CONFIG: &str = "tidegate.yaml";

/// Device and inode: which file it really is.
pub(super) type Id = (u64, u64);

/// What changes whenever a file's content does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    pub id: Id,
    pub size: u64,
    /// Seconds and nanoseconds.
    pub modified: (i64, i64),
    /// Of the inode: moves also when a program sets the modification time back.
    pub changed: (i64, i64),
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Where to open it.
    pub path: PathBuf,
    /// Its stamp, or why it cannot be read.
    pub stamp: Result<Stamp, String>,
}

/// What one look has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tree {
    pub directory: DirectoryState,
    pub config: Option<String>,
    pub files: BTreeMap<String, Entry>,
    /// Folders that could not be listed, with the reason.
    pub closed: BTreeMap<String, String>,
    /// Folders, by their real path.
    pub folders: BTreeMap<PathBuf, Id>,
    /// Paths that a symbolic link leads to or that lie outside the directory: what they mean can change elsewhere.
    pub outside: BTreeSet<PathBuf>,
}

impl Tree {
    /// Looks at everything once.
    pub(super) fn look(options: &Options, extra: &BTreeSet<String>) -> Tree {
        let mut tree = Tree {
            directory: DirectoryState::Present,
            config: None,
            files: BTreeMap::new(),
            closed: BTreeMap::new(),
            folders: BTreeMap::new(),
            outside: BTreeSet::from([options.dir.clone()]),
        };
        tree.directory = match fs::canonicalize(&options.dir).and_then(|real| tree.folder(&real, "", &mut Vec::new())) {
            Ok(()) => DirectoryState::Present,
            Err(error) if error.kind() == ErrorKind::NotFound => DirectoryState::Missing,
            Err(error) => DirectoryState::Unreadable(error.to_string()),
        };
        tree.look_at_config(options);
        for key in extra {
            tree.look_at_extra(options, key);
        }
        tree
    }

    /// The tree without its files: which folders there are, and what they hang on.
    pub(super) fn into_shape(self) -> Tree {
        Tree { files: BTreeMap::new(), ..self }
    }

    /// Whether all but the files is as in a shape.
    pub(super) fn has_shape(&self, shape: &Tree) -> bool {
        let same_folders = self.closed == shape.closed && self.folders == shape.folders && self.outside == shape.outside;
        same_folders && self.directory == shape.directory && self.config == shape.config
    }

    fn folder(&mut self, real: &Path, prefix: &str, above: &mut Vec<Id>) -> io::Result<()> {
        let metadata = fs::metadata(real)?;
        let id = (metadata.dev(), metadata.ino());
        if above.contains(&id) {
            return Ok(());
        }
        if above.len() == MAX_DEPTH {
            return Err(io::Error::other(format!("more than {MAX_DEPTH} folders deep")));
        }
        let entries = fs::read_dir(real)?;
        self.folders.insert(real.to_owned(), id);
        above.push(id);
        for entry in entries {
            self.entry(&entry?, prefix, above)?;
        }
        above.pop();
        Ok(())
    }

    fn entry(&mut self, entry: &fs::DirEntry, prefix: &str, above: &mut Vec<Id>) -> io::Result<()> {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') {
            return Ok(());
        }
        let (path, key, kind) = (entry.path(), [prefix, &name].concat(), entry.file_type()?);
        if kind.is_symlink() {
            self.outside.insert(path.clone());
        }
        if kind.is_file() && !is_release_file(&key) {
            return Ok(());
        }
        // What is known to be no link is asked for in its folder, which is cheaper than by its path.
        match if kind.is_file() { entry.metadata() } else { fs::metadata(&path) } {
            Ok(metadata) if metadata.is_dir() => self.subfolder(&path, format!("{key}/"), above),
            found if is_release_file(&key) => self.file(key, path, found),
            _ => Ok(()),
        }
    }

    /// A folder that cannot be listed hides its files and does not take the others along.
    fn subfolder(&mut self, path: &Path, key: String, above: &mut Vec<Id>) -> io::Result<()> {
        let depth = above.len();
        let result = fs::canonicalize(path).and_then(|real| self.folder(&real, &key, above));
        above.truncate(depth);
        match result {
            Err(error) if self.files.len() > MAX_FILES => Err(error),
            Err(error) if error.kind() != ErrorKind::NotFound => {
                self.closed.insert(key, error.to_string());
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn file(&mut self, key: String, path: PathBuf, found: io::Result<Metadata>) -> io::Result<()> {
        self.files.insert(key, Entry { stamp: stamp(found), path });
        if self.files.len() > MAX_FILES {
            return Err(io::Error::other(format!("more than {MAX_FILES} release files")));
        }
        Ok(())
    }

    /// A configuration file that was named must be there; the usual one need not. It is no release, wherever it lies.
    fn look_at_config(&mut self, options: &Options) {
        let path = options.config.clone().unwrap_or_else(|| options.dir.join(CONFIG));
        let found = fs::metadata(&path);
        if options.config.is_none() && matches!(&found, Err(error) if error.kind() == ErrorKind::NotFound) {
            return;
        }
        if let Ok(real) = fs::canonicalize(&path) {
            self.files.retain(|_, entry| entry.path != real);
        }
        let key = options.config.as_ref().map_or_else(|| CONFIG.to_owned(), |path| path.display().to_string());
        self.outside.insert(path.clone());
        self.files.insert(key.clone(), Entry { stamp: stamp(found), path });
        self.config = Some(key);
    }

    /// `extra` files are looked for also while they do not exist: their places are watched.
    fn look_at_extra(&mut self, options: &Options, key: &str) {
        let path = options.dir.join(key);
        self.outside.insert(path.clone());
        let found = fs::metadata(&path);
        if !self.files.contains_key(key) && !matches!(&found, Err(error) if error.kind() == ErrorKind::NotFound) {
            self.files.insert(key.to_owned(), Entry { stamp: stamp(found), path });
        }
    }
}

impl Stamp {
    /// The stamp of what is at a path now; `None` if it cannot be read.
    pub(super) fn of(path: &Path) -> Option<Stamp> {
        stamp(fs::metadata(path)).ok()
    }

    /// Whether the file had been left alone for a tick of the file system's clock at that time: two writes inside of one tick leave the
    /// same stamp.
    pub(super) fn is_old(&self, at: SystemTime) -> bool {
        let (seconds, nanos) = self.modified.max(self.changed);
        let (Ok(seconds), Ok(nanos)) = (u64::try_from(seconds), u32::try_from(nanos)) else { return false };
        let age = at.duration_since(UNIX_EPOCH + Duration::new(seconds, nanos));
        age.is_ok_and(|age| age > TICK)
    }
}

fn stamp(found: io::Result<Metadata>) -> Result<Stamp, String> {
    match found {
        Ok(metadata) if metadata.is_file() => Ok(Stamp {
            id: (metadata.dev(), metadata.ino()),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }),
        Ok(_) => Err("not a regular file".into()),
        Err(error) if error.kind() == ErrorKind::NotFound => Err("there is nothing at that path".into()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn keys(tree: &Tree) -> Vec<&str> {
        tree.files.keys().map(String::as_str).collect()
    }

    #[test]
    fn folders_and_links_are_followed_and_loops_end() {
        let dir = tempfile::tempdir().unwrap();
        let (root, other) = (dir.path().join("root"), dir.path().join("other"));
        fs::create_dir_all(root.join("shop")).unwrap();
        fs::create_dir_all(&other).unwrap();
        for path in ["root/a.yaml", "root/shop/b.yml", "other/c.yaml", "root/.hidden.yaml", "root/d.yaml~", "root/e.endpoints.yaml"]
        {
            fs::write(dir.path().join(path), "x").unwrap();
        }
        symlink(&other, root.join("linked")).unwrap();
        symlink(&root, other.join("back")).unwrap();
        let tree = Tree::look(&Options::new(&root), &BTreeSet::new());
        assert_eq!(keys(&tree), ["a.yaml", "linked/c.yaml", "shop/b.yml"]);
    }

    #[test]
    fn a_link_to_nothing_and_a_folder_of_that_name_are_told_apart_from_files() {
        let dir = tempfile::tempdir().unwrap();
        symlink("nowhere", dir.path().join("a.yaml")).unwrap();
        fs::create_dir(dir.path().join("b.yaml")).unwrap();
        let tree = Tree::look(&Options::new(dir.path()), &BTreeSet::new());
        assert_eq!(keys(&tree), ["a.yaml"]);
        assert!(tree.files["a.yaml"].stamp.is_err());
    }

    #[test]
    fn a_named_configuration_is_no_release_and_must_exist() {
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("gate.yaml");
        let options = Options { config: Some(config.clone()), ..Options::new(dir.path()) };
        let shown = config.display().to_string();
        let tree = Tree::look(&options, &BTreeSet::new());
        assert_eq!((keys(&tree), tree.config.as_deref()), (vec![shown.as_str()], Some(shown.as_str())));
        assert!(tree.files[&shown].stamp.is_err());
        fs::write(&config, "x").unwrap();
        assert_eq!(keys(&Tree::look(&options, &BTreeSet::new())), [shown.as_str()]);
    }

    #[test]
    fn a_missing_directory_is_missing() {
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::look(&Options::new(dir.path().join("no")), &BTreeSet::from(["x.json".to_owned()]));
        assert_eq!((tree.directory, tree.files.len()), (DirectoryState::Missing, 0));
    }
}
