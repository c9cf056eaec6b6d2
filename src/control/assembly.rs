//! What of a generation is served: pure, from what was served before and what the files say now.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use imbl::OrdMap;

use super::reading::{Files, Reading};
use crate::diag::{Problem, Severity};
use crate::model::{self, Config};

/// What is served, by path of the release file. Maps of successive generations share what did not change.
pub type Served = OrdMap<String, Arc<Reading>>;

/// What comes of a generation.
#[derive(Debug)]
pub struct Assembly {
    /// What is to be served.
    pub served: Served,
    /// Every release file as it reads now, good or not.
    pub read: Served,
    /// Those of them that there is something to say of, by themselves.
    pub noted: Served,
    /// Everything there is to say, errors first, then by place.
    pub problems: Vec<Problem>,
    /// Files whose last good content is served instead of their present one, with the first problem.
    pub stale: BTreeMap<String, String>,
    /// The endpoint files that what is read and what is served refers to.
    pub endpoint_files: BTreeSet<String>,
    /// There is nothing to say of the files together, nor of one because of its rollout.
    pub agreed: bool,
    /// Files that a rollout under way does not allow: to be looked at again when that has moved on.
    pub refused: BTreeSet<String>,
    /// The only paths whose files may be served, or read, otherwise than before; `None` if any may.
    pub touched: Option<BTreeSet<String>>,
}

/// Whether what a file says cannot be taken in as things are, and why.
pub type Refuse<'a> = &'a dyn Fn(&Reading) -> Option<Problem>;

/// Decides what to serve. `before` is what was served until now, `read` how the files of the last generation read.
///
/// - A file that is good is served as it is; one that is broken keeps its last good content, or is not served if it has none.
/// - Where files contradict each other, what is served already wins over what is new, and among new ones the first by path.
/// - A file that is gone is not served any more.
/// - Without a configuration, because it is broken, fleets are not judged.
/// - What a rollout under way does not allow is refused: `refuse` says so, of a file that reads otherwise than what is served.
pub fn assemble(
    files: &Files,
    releases: &[&str],
    before: &Served,
    read: &Served,
    config: Option<&Config>,
    refuse: Refuse<'_>,
) -> Assembly {
    let before = &with_new_endpoints(before, files);
    let read = read_all(files, releases, &[read, before]);
    let noted: Served =
        read.iter().filter(|(_, reading)| !reading.problems.is_empty()).map(|(p, r)| (p.clone(), r.clone())).collect();
    let mut problems: Vec<Problem> = noted.values().flat_map(|reading| reading.problems.iter().cloned()).collect();
    let broken = read.values().filter(|reading| reading.release().is_none());
    let mut stale: BTreeMap<String, String> = broken.map(|reading| (reading.path().to_owned(), reading.first_error())).collect();
    let mut refused = BTreeSet::new();
    for reading in read.values().filter(|reading| before.get(reading.path()).is_none_or(|old| !Arc::ptr_eq(old, reading))) {
        let Some(problem) = refuse(reading) else { continue };
        stale.insert(reading.path().to_owned(), problem.one_line());
        refused.insert(reading.path().to_owned());
        problems.push(problem);
    }
    let mut agreed = true;
    // Each round refuses at least one more file, so this ends.
    let chosen = loop {
        let chosen = choose(&read, before, &stale);
        let documents: Vec<_> = chosen.iter().map(|reading| &reading.document).collect();
        let conflicts = model::conflicts(&documents, config);
        agreed &= conflicts.is_empty();
        let mut again = false;
        for conflict in conflicts {
            let refused = conflict.problem.severity == Severity::Error && !stale.contains_key(&conflict.file);
            if refused {
                stale.insert(conflict.file, conflict.problem.one_line());
                again = true;
            }
            if !problems.contains(&conflict.problem) {
                problems.push(conflict.problem);
            }
        }
        if !again {
            break chosen;
        }
    };
    let served: Served = chosen.into_iter().map(|reading| (reading.path().to_owned(), reading)).collect();
    by_place(&mut problems);
    stale.retain(|path, _| served.contains_key(path));
    let endpoint_files = endpoint_files(read.values().chain(served.values()));
    Assembly { served, read, noted, problems, stale, endpoint_files, agreed: agreed && refused.is_empty(), refused, touched: None }
}

/// Puts problems in the order in which they are told: errors first, then by place.
pub fn by_place(problems: &mut [Problem]) {
    let key = |p: &Problem| (std::cmp::Reverse(p.severity), p.primary.file.path.clone(), p.primary.span.start);
    problems.sort_by_cached_key(key);
}

/// Reads what changed; what was read before, or is served, from the same texts is taken as it is.
fn read_all(files: &Files, releases: &[&str], known: &[&Served]) -> Served {
    let one = |path: &&str| {
        let file = files.get(*path)?;
        let same = known.iter().filter_map(|known| known.get(*path)).find(|reading| reading.is_of(file, files)).cloned();
        Some((path.to_string(), same.unwrap_or_else(|| Arc::new(Reading::new(file, files)))))
    };
    releases.iter().filter_map(one).collect()
}

/// One reading a file, in order of precedence: what is served already, then what is new.
fn choose(read: &Served, before: &Served, stale: &BTreeMap<String, String>) -> Vec<Arc<Reading>> {
    let mut kept = Vec::new();
    let mut new = Vec::new();
    for (path, reading) in read {
        match before.get(path) {
            Some(good) if stale.contains_key(path) => kept.push(good.clone()),
            Some(good) if Arc::ptr_eq(good, reading) => kept.push(good.clone()),
            _ if stale.contains_key(path) => {}
            _ => new.push(reading.clone()),
        }
    }
    kept.extend(new);
    kept
}

/// The endpoint files that releases refer to.
pub fn endpoint_files<'a>(read: impl IntoIterator<Item = &'a Arc<Reading>>) -> BTreeSet<String> {
    read.into_iter().flat_map(|reading| reading.document.endpoint_files.iter().cloned()).collect()
}

/// What is served, with the endpoints that its endpoint files have now: a release file that is broken or refused does not keep the
/// endpoint files beside it from being followed.
fn with_new_endpoints(before: &Served, files: &Files) -> Served {
    let follow = |good: &Arc<Reading>| {
        if good.is_of(&good.document.file, files) {
            return good.clone();
        }
        let new = Reading::new(&good.document.file, files);
        if new.release().is_some() { Arc::new(new) } else { good.clone() }
    };
    before.iter().map(|(path, good)| (path.clone(), follow(good))).collect()
}
