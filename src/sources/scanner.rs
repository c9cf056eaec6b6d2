//! Reading everything as of one moment.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::events::Events;
use super::git::GitLock;
use super::pulse::Pulse;
use super::reader::Reader;
use super::tree::Tree;
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
}

impl Scanner {
    pub(super) fn new(options: Options, pulse: Arc<Pulse>) -> Scanner {
        let events = if options.events { Events::new(pulse) } else { None };
        Scanner { options, reader: Reader::default(), git: GitLock::default(), events, moving: None }
    }

    /// Looks, reads, and looks again. If both looks agree, all files were in the state that was read at the moment between: so that
    /// is the moment at which Git must not have been at work. In a directory that never rests, what was read is taken after a while.
    pub(super) fn attempt(&mut self, extra: &BTreeSet<String>) -> Attempt {
        let before = Tree::look(&self.options, extra);
        let blind = self.events.as_mut().is_some_and(|events| events.follow(&before));
        if self.git.is_held(&self.options.dir, Instant::now()) {
            self.moving = None;
            return Attempt::Locked;
        }
        let generation = self.reader.read(&before, extra);
        let still = Tree::look(&self.options, extra) == before;
        let moving = Instant::now().duration_since(*self.moving.get_or_insert_with(Instant::now));
        if !still && moving < MOVING {
            return Attempt::Moving;
        }
        self.moving = None;
        Attempt::Read { generation, blind }
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
        let generation = reader.read(&before, extra);
        if waited >= options.max_wait || Tree::look(options, extra) == before {
            return generation;
        }
        std::thread::sleep(options.settle);
        waited += options.settle;
    }
}
