//! Reading everything as of one moment.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::events::Events;
use super::git::GitLock;
use super::pulse::Pulse;
use super::reader::{Reader, Reading};
use super::tree::{Entry, Stamp, Tree};
use super::{Generation, Options};

/// How long something may change under every try to read, before one is believed all the same.
const MOVING: Duration = Duration::from_secs(1);

/// How one try to read everything ended.
#[derive(Debug)]
pub(super) enum Attempt {
    /// Git is rewriting the work tree.
    Locked,
    /// Something changed meanwhile.
    Moving,
    /// Read. `blind` says that folders are watched only since, so what happened in them before may have been missed.
    Read { generation: Generation, blind: bool },
}

/// Reads everything, again and again.
#[derive(Debug)]
pub(super) struct Scanner {
    options: Options,
    reader: Reader,
    git: GitLock,
    events: Option<Events>,
    /// Since when every try has found something moving.
    moving: Option<Instant>,
    /// What the tree was like at the last look, but for its files.
    shape: Option<Tree>,
}

/// Stamps, by path, of files that are said to have changed, taken before everything else.
type Early = BTreeMap<PathBuf, Stamp>;

impl Scanner {
    pub(super) fn new(options: Options, pulse: Arc<Pulse>) -> Scanner {
        let events = if options.events { Events::new(pulse) } else { None };
        Scanner { options, reader: Reader::default(), git: GitLock::default(), events, moving: None, shape: None }
    }

    /// Looks and reads, so that all files were in the state that was read at one moment, at which Git was not at work. `touched` may name
    /// files that changed; what it leaves out costs time, and nothing else.
    ///
    /// Mostly that moment is just before the look, as [`Scanner::was_so`] tells. Else a second look is taken, and if both agree the moment
    /// is the one between. In a directory that never rests, what was read is taken after a while.
    pub(super) fn attempt(&mut self, extra: &BTreeSet<String>, touched: &BTreeSet<PathBuf>) -> Attempt {
        let early: Early = touched.iter().filter_map(|path| Some((path.clone(), Stamp::of(path)?))).collect();
        let (begun, locked) = (SystemTime::now(), self.is_locked());
        let tree = Tree::look(&self.options, extra);
        let blind = self.events.as_mut().is_some_and(|events| events.follow(&tree));
        if locked {
            return Attempt::Locked;
        }
        let reading = self.reader.read(&tree, extra);
        if !self.was_so(&tree, &reading, &early, begun) {
            if self.is_locked() {
                return Attempt::Locked;
            }
            let still = Tree::look(&self.options, extra) == tree;
            if !still && !self.has_moved_for_long() {
                return Attempt::Moving;
            }
        }
        self.moving = None;
        self.shape = Some(tree.into_shape());
        Attempt::Read { generation: reading.generation, blind }
    }

    fn has_moved_for_long(&mut self) -> bool {
        let now = Instant::now();
        now.duration_since(*self.moving.get_or_insert(now)) >= MOVING
    }

    /// Whether all files are known to have been, at the time `begun`, in the state that was read. Those that were not opened are since
    /// before that time. Those that were opened are since an early stamp or since long ago, if they have not changed till after reading.
    fn was_so(&self, tree: &Tree, reading: &Reading, early: &Early, begun: SystemTime) -> bool {
        let since_before = |entry: &Entry| {
            let Ok(stamp) = &entry.stamp else { return false };
            let before = early.get(&entry.path) == Some(stamp) || stamp.is_old(begun);
            before && Stamp::of(&entry.path).as_ref() == Some(stamp)
        };
        let same_shape = self.shape.as_ref().is_some_and(|shape| tree.has_shape(shape));
        same_shape && reading.only_changed && reading.read.iter().all(since_before)
    }

    /// Whether Git is at work. What it moves is no sign that the directory never rests.
    fn is_locked(&mut self) -> bool {
        let locked = self.git.is_held(&self.options.dir, Instant::now());
        if locked {
            self.moving = None;
        }
        locked
    }
}

/// Reads everything once and waits for nothing: for looking at files from a command line, where Git may hold its lock on purpose (a
/// commit hook) and empty files are just empty. `extra` are further paths to read, relative to the directory or absolute. Blocks.
///
/// In a directory that never stops changing, what was read last is returned after [`Options::max_wait`].
#[expect(clippy::disallowed_methods, reason = "it blocks by contract, and there is no fact to wait for in a moving directory")]
pub fn scan(options: &Options, extra: &BTreeSet<String>) -> Generation {
    let mut reader = Reader::default();
    let mut waited = Duration::ZERO;
    loop {
        let before = Tree::look(options, extra);
        let generation = reader.read(&before, extra).generation;
        if waited >= options.max_wait || Tree::look(options, extra) == before {
            return generation;
        }
        std::thread::sleep(options.settle);
        waited += options.settle;
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A directory that was looked at, and is looked at again after a change of which some paths are known early.
    fn was_so(change: impl FnOnce(&std::path::Path), early: &[&str], meanwhile: impl FnOnce(&std::path::Path)) -> bool {
        let dir = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(dir.path()).unwrap();
        ["a.yaml", "b.yaml"].iter().for_each(|name| fs::write(root.join(name), "one").unwrap());
        let (options, none) = (Options { events: false, ..Options::new(&root) }, BTreeSet::new());
        let mut scanner = Scanner::new(options, Arc::default());
        assert!(matches!(scanner.attempt(&none, &BTreeSet::new()), Attempt::Read { .. }));
        change(&root);
        let early = early.iter().filter_map(|name| Some((root.join(name), Stamp::of(&root.join(name))?))).collect();
        let begun = SystemTime::now();
        let tree = Tree::look(&scanner.options, &none);
        let reading = scanner.reader.read(&tree, &none);
        meanwhile(&root);
        scanner.was_so(&tree, &reading, &early, begun)
    }

    #[test]
    fn one_look_is_enough_if_what_changed_was_known_before() {
        let edit = |root: &std::path::Path| fs::write(root.join("a.yaml"), "other").unwrap();
        let both = ["a.yaml", "b.yaml"];
        assert!(was_so(edit, &both, |_| {}));
        assert!(!was_so(edit, &both[1..], |_| {}), "it may have changed during the look");
        assert!(!was_so(edit, &both, |root| fs::write(root.join("a.yaml"), "another").unwrap()), "it changed since");
        assert!(!was_so(|root| fs::write(root.join("c.yaml"), "new").unwrap(), &both, |_| {}));
        assert!(!was_so(|root| fs::remove_file(root.join("b.yaml")).unwrap(), &both, |_| {}));
        assert!(!was_so(|root| fs::create_dir(root.join("more")).unwrap(), &both, |_| {}));
    }
}
