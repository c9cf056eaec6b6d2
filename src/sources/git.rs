//! Git at work: while it rewrites a work tree, what lies there is neither the old commit nor the new.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

/// A lock that is older was left behind by a Git that died.
const STALE: Duration = Duration::from_secs(10);

/// Watches the `index.lock` of the work tree around a directory.
#[derive(Debug, Default)]
pub(super) struct GitLock {
    /// The lock seen last, by inode and time of its last change, and when it was seen first.
    seen: Option<((u64, i64, i64), Instant)>,
}

impl GitLock {
    /// Whether Git is rewriting the work tree now. A lock that has been there for 10 s is believed no more.
    pub(super) fn is_held(&mut self, dir: &Path, now: Instant) -> bool {
        let metadata = work_tree_lock(dir).and_then(|lock| fs::symlink_metadata(lock).ok());
        let Some(metadata) = metadata else {
            self.seen = None;
            return false;
        };
        let id = (metadata.ino(), metadata.mtime(), metadata.mtime_nsec());
        let since = match self.seen {
            Some((seen, since)) if seen == id => since,
            _ => now,
        };
        self.seen = Some((id, since));
        now.duration_since(since) < STALE
    }
}

/// The `index.lock` that a Git working around `dir` would take.
fn work_tree_lock(dir: &Path) -> Option<PathBuf> {
    let real = fs::canonicalize(dir).ok()?;
    real.ancestors().find_map(|folder| git_folder(&folder.join(".git"))).map(|git| git.join("index.lock"))
}

/// `.git` is a folder, or in further work trees and submodules a file that names one.
fn git_folder(dot_git: &Path) -> Option<PathBuf> {
    let metadata = fs::metadata(dot_git).ok()?;
    if metadata.is_dir() {
        return Some(dot_git.to_owned());
    }
    let text = fs::read_to_string(dot_git).ok()?;
    Some(dot_git.parent()?.join(text.strip_prefix("gitdir:")?.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_holds_until_it_is_stale() {
        let dir = tempfile::tempdir().unwrap();
        let releases = dir.path().join("releases");
        fs::create_dir_all(dir.path().join(".git")).unwrap();
        fs::create_dir_all(&releases).unwrap();
        let (mut git, now) = (GitLock::default(), Instant::now());
        assert!(!git.is_held(&releases, now));
        fs::write(dir.path().join(".git/index.lock"), "").unwrap();
        assert!(git.is_held(&releases, now));
        assert!(git.is_held(&releases, now + STALE / 2));
        assert!(!git.is_held(&releases, now + STALE));
        fs::remove_file(dir.path().join(".git/index.lock")).unwrap();
        assert!(!git.is_held(&releases, now + STALE));
    }

    #[test]
    fn a_further_work_tree_has_its_lock_elsewhere() {
        let dir = tempfile::tempdir().unwrap();
        let (git, tree) = (dir.path().join("main/.git/worktrees/w"), dir.path().join("w"));
        fs::create_dir_all(&git).unwrap();
        fs::create_dir_all(&tree).unwrap();
        fs::write(tree.join(".git"), "gitdir: ../main/.git/worktrees/w\n").unwrap();
        fs::write(git.join("index.lock"), "").unwrap();
        assert!(GitLock::default().is_held(&tree, Instant::now()));
    }
}
