//! The places where the meaning of a path can change.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// As many links as the system follows itself.
const MAX_LINKS: usize = 40;

/// Real folders, and the names in them that decide what `path` is: of every symbolic link on the way, and of the end. Where the way
/// ends early, the name that is missing.
pub(super) fn anchors(path: &Path) -> BTreeSet<(PathBuf, OsString)> {
    let mut found = BTreeSet::new();
    let Ok(path) = std::path::absolute(path) else { return found };
    // What is still to walk, next part last.
    let mut rest = parts(&path);
    let mut here = PathBuf::from("/");
    let mut links = 0;
    while let Some(name) = rest.pop() {
        if name == ".." {
            here.pop();
            continue;
        }
        let next = here.join(&name);
        let kind = fs::symlink_metadata(&next).map(|metadata| metadata.is_symlink());
        let is_link = matches!(kind, Ok(true));
        if is_link || kind.is_err() || rest.is_empty() {
            found.insert((here.clone(), name));
        }
        match fs::read_link(&next) {
            Ok(target) if is_link && links < MAX_LINKS => {
                links += 1;
                if target.is_absolute() {
                    here = PathBuf::from("/");
                }
                rest.extend(parts(&target));
            }
            _ if kind.is_err() || is_link => break,
            _ => here = next,
        }
    }
    found
}

/// The names of a path, last first.
fn parts(path: &Path) -> Vec<OsString> {
    let name = |component: Component<'_>| match component {
        Component::Normal(_) | Component::ParentDir => Some(component.as_os_str().to_owned()),
        _ => None,
    };
    path.components().rev().filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn anchor(folder: &Path, name: &str) -> (PathBuf, OsString) {
        (folder.to_owned(), name.into())
    }

    #[test]
    fn every_link_on_the_way_and_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(dir.path()).unwrap();
        fs::create_dir(root.join("..one")).unwrap();
        fs::write(root.join("..one/a.yaml"), "x").unwrap();
        symlink("..one", root.join("..data")).unwrap();
        symlink("..data/a.yaml", root.join("a.yaml")).unwrap();
        let want = [anchor(&root, "a.yaml"), anchor(&root, "..data"), anchor(&root.join("..one"), "a.yaml")];
        assert_eq!(anchors(&root.join("a.yaml")), BTreeSet::from(want));
    }

    #[test]
    fn the_first_part_that_is_missing() {
        let dir = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(dir.path()).unwrap();
        assert_eq!(anchors(&root.join("no/such/file")), BTreeSet::from([anchor(&root, "no")]));
    }

    #[test]
    fn links_in_a_circle_end() {
        let dir = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(dir.path()).unwrap();
        symlink("b", root.join("a")).unwrap();
        symlink("a", root.join("b")).unwrap();
        assert_eq!(anchors(&root.join("a")), BTreeSet::from([anchor(&root, "a"), anchor(&root, "b")]));
    }
}
