//! The system's events, from just those folders in which something can change what is read.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};

use super::anchors::anchors;
use super::pulse::{Beat, Pulse};
use super::tree::{Id, Tree};

/// Of a folder, what matters.
#[derive(Debug, Default)]
struct Interest {
    /// It is one of the directory's own: any file in it may be a release.
    own: bool,
    /// Names that matter in any case.
    names: BTreeSet<OsString>,
}

type Interests = BTreeMap<PathBuf, Interest>;

/// The watched folders. Each is watched by itself, not recursively: so links are followed, and a folder that was replaced by another
/// of the same name is noticed.
#[derive(Debug)]
pub(super) struct Events {
    watcher: RecommendedWatcher,
    interests: Arc<Mutex<Interests>>,
    watched: BTreeMap<PathBuf, Id>,
    /// Folders that could not be watched, so that each is said once.
    refused: BTreeSet<PathBuf>,
}

impl Events {
    /// Listens, to nothing yet. `None`, with a word in the log, where the system has no events to give.
    pub(super) fn new(pulse: Arc<Pulse>) -> Option<Events> {
        let interests = Arc::new(Mutex::new(Interests::new()));
        let heard = Arc::clone(&interests);
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            if let Some(beat) = heed(event, &lock(&heard)) {
                pulse.beat(beat);
            }
        });
        match watcher {
            Ok(watcher) => Some(Events { watcher, interests, watched: BTreeMap::new(), refused: BTreeSet::new() }),
            Err(error) => {
                tracing::warn!(%error, "the system gives no file events: changes are noticed by polling alone");
                None
            }
        }
    }

    /// Watches what this tree hangs on, and nothing else. Tells whether a folder was added: what happened in it before is not known.
    pub(super) fn follow(&mut self, tree: &Tree) -> bool {
        let wanted = interests(tree);
        let ids: BTreeMap<PathBuf, Id> = wanted.keys().filter_map(|path| Some((path.clone(), id(path)?))).collect();
        *lock(&self.interests) = wanted;
        let gone: Vec<PathBuf> =
            self.watched.iter().filter(|(path, id)| ids.get(*path) != Some(*id)).map(|(path, _)| path.clone()).collect();
        for path in gone {
            // A folder that is gone took its watch along.
            let _ = self.watcher.unwatch(&path);
            self.watched.remove(&path);
        }
        let new: Vec<(PathBuf, Id)> = ids.into_iter().filter(|(path, _)| !self.watched.contains_key(path)).collect();
        new.into_iter().filter(|(path, id)| self.watch(path, *id)).count() > 0
    }

    fn watch(&mut self, path: &Path, id: Id) -> bool {
        match self.watcher.watch(path, RecursiveMode::NonRecursive) {
            Ok(()) => {
                self.watched.insert(path.to_owned(), id);
                self.refused.remove(path);
                true
            }
            Err(error) => {
                if self.refused.insert(path.to_owned()) {
                    tracing::warn!(folder = %path.display(), %error, "changes here are noticed by polling alone");
                }
                false
            }
        }
    }
}

fn interests(tree: &Tree) -> Interests {
    let mut interests = Interests::new();
    for folder in tree.folders.keys() {
        interests.entry(folder.clone()).or_default().own = true;
    }
    for (folder, name) in tree.outside.iter().flat_map(|path| anchors(path)) {
        interests.entry(folder).or_default().names.insert(name);
    }
    interests
}

fn id(folder: &Path) -> Option<Id> {
    let metadata = fs::metadata(folder).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

/// What an event means; `None` for one that means nothing here, such as our own reading. What is unclear counts.
fn heed(event: notify::Result<Event>, interests: &Interests) -> Option<Beat> {
    let Ok(event) = event else { return Some(Beat::Other) };
    if event.need_rescan() {
        return Some(Beat::Other);
    }
    let path = event.paths.iter().find(|path| matters(path, interests))?.clone();
    match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => Some(Beat::Closed(path)),
        EventKind::Access(_) => None,
        // Only Linux tells when a writer closes; elsewhere there is nothing to wait for.
        EventKind::Modify(ModifyKind::Data(_)) if cfg!(target_os = "linux") => Some(Beat::Writing(path)),
        EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)) => Some(Beat::Closed(path)),
        _ => Some(Beat::Other),
    }
}

fn matters(path: &Path, interests: &Interests) -> bool {
    if interests.get(path).is_some_and(|interest| interest.own) {
        return true;
    }
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return false };
    let Some(interest) = interests.get(folder) else { return false };
    interest.names.contains(name) || interest.own && !is_noise(&name.to_string_lossy())
}

/// Editors' swap and backup files. Names with two dots in front are those of a ConfigMap, which is swapped by them.
fn is_noise(name: &str) -> bool {
    name.ends_with('~') || name.starts_with('.') && !name.starts_with("..")
}

fn lock(interests: &Mutex<Interests>) -> MutexGuard<'_, Interests> {
    interests.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use notify::event::{CreateKind, DataChange};

    use super::*;

    fn event(kind: EventKind, path: &str) -> notify::Result<Event> {
        Ok(Event::new(kind).add_path(path.into()))
    }

    #[test]
    fn only_what_matters_is_heeded() {
        let interests = Interests::from([
            ("/r".into(), Interest { own: true, names: BTreeSet::new() }),
            ("/".into(), Interest { own: false, names: BTreeSet::from(["r".into()]) }),
        ]);
        let create = EventKind::Create(CreateKind::File);
        for (path, heeded) in [
            ("/r/a.yaml", true),
            ("/r/..data", true),
            ("/r", true),
            ("/r/.a.yaml.swp", false),
            ("/r/a.yaml~", false),
            ("/other", false),
        ] {
            assert_eq!(heed(event(create, path), &interests).is_some(), heeded, "{path}");
        }
        let open = EventKind::Access(AccessKind::Open(AccessMode::Any));
        assert_eq!(heed(event(open, "/r/a.yaml"), &interests), None);
        let close = EventKind::Access(AccessKind::Close(AccessMode::Write));
        assert_eq!(heed(event(close, "/r/a.yaml"), &interests), Some(Beat::Closed("/r/a.yaml".into())));
        if cfg!(target_os = "linux") {
            let data = EventKind::Modify(ModifyKind::Data(DataChange::Any));
            assert_eq!(heed(event(data, "/r/a.yaml"), &interests), Some(Beat::Writing("/r/a.yaml".into())));
        }
        assert_eq!(heed(Err(notify::Error::generic("overflow")), &interests), Some(Beat::Other));
    }
}
