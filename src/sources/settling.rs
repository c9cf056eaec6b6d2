//! When a reading of the files is believed: saves, swaps and removals take several steps, and none of the steps in between counts.
//!
//! Pure: time comes in as an argument.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use imbl::ordmap::DiffItem;
use tokio::time::Instant;

use super::{DirectoryState, Files, Generation};

/// How long an empty file may be one that is about to be written.
const EMPTY: Duration = Duration::from_secs(1);
/// How long a file that went may be one that is about to come back.
const REMOVED: Duration = Duration::from_millis(200);
/// Longest that readings are held back because each is other than the one before: in a directory that never rests, what can be told
/// of it is taken all the same.
const HOLD: Duration = Duration::from_secs(1);

/// What is to be done with a reading.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing has changed since the last generation.
    Same,
    /// Look again after so long: it may be a step in between.
    Wait(Duration),
    /// This is the next generation.
    Take(Generation),
}

/// The generation taken last, and what is waited for.
#[derive(Debug)]
pub(super) struct Settling {
    settle: Duration,
    taken: Option<Generation>,
    /// Empty files, since when.
    empty: BTreeMap<String, Instant>,
    /// The reading that is to prove itself, since when it has been the same.
    candidate: Option<(Generation, Instant)>,
    /// Files that went since the last generation, since when.
    missing: BTreeMap<String, Instant>,
    /// Since when something new is held back.
    held: Option<Instant>,
}

impl Settling {
    pub(super) fn new(settle: Duration) -> Settling {
        Settling { settle, taken: None, empty: BTreeMap::new(), candidate: None, missing: BTreeMap::new(), held: None }
    }

    /// Judges a reading. `quiet` says that nothing has changed for the settling time already; without that knowledge the reading
    /// must stay the same for so long.
    pub(super) fn judge(&mut self, mut reading: Generation, quiet: bool, now: Instant) -> Verdict {
        self.set_empty_files_aside(&mut reading, now);
        self.note_missing_files(&reading, now);
        let ripe_in = self.ripe_in(now);
        if self.taken.as_ref() == Some(&reading) {
            self.candidate = None;
            // With a file set aside, it may be the same for the moment only.
            self.held = self.held.filter(|_| ripe_in.is_some());
            return ripe_in.map_or(Verdict::Same, Verdict::Wait);
        }
        let patience = match &self.taken {
            None => Duration::ZERO,
            Some(taken) if removes(taken, &reading) => REMOVED.max(self.settle),
            Some(taken) if quiet || only_asks_for_more(taken, &reading) => Duration::ZERO,
            Some(_) => self.settle,
        };
        let since = match &self.candidate {
            Some((candidate, since)) if *candidate == reading => *since,
            _ => now,
        };
        let (waited, held) = (now.duration_since(since), now.duration_since(*self.held.get_or_insert(now)));
        if waited < patience {
            if held < HOLD || reading.directory != DirectoryState::Present {
                self.candidate = Some((reading, since));
                return Verdict::Wait((patience - waited).min(HOLD.saturating_sub(held).max(self.settle)));
            }
            self.keep_missing_files(&mut reading, now);
        }
        (self.candidate, self.held) = (None, None);
        self.taken = Some(reading.clone());
        Verdict::Take(reading)
    }

    fn note_missing_files(&mut self, reading: &Generation, now: Instant) {
        let Some(taken) = &self.taken else { return };
        self.missing.retain(|key, _| is_missing(key, taken, reading));
        for key in gone(taken, reading) {
            self.missing.entry(key.clone()).or_insert(now);
        }
    }

    /// Files that only just went keep the content they had: they may be coming back.
    fn keep_missing_files(&self, reading: &mut Generation, now: Instant) {
        let Some(taken) = &self.taken else { return };
        for key in self.missing.iter().filter(|(_, since)| now.duration_since(**since) < REMOVED).map(|(key, _)| key) {
            reading.files.extend(taken.files.get_key_value(key).map(|(key, file)| (key.clone(), Arc::clone(file))));
        }
    }

    /// Whether a file is set aside now, and is to be looked at again later.
    pub(super) fn ripe_in(&self, now: Instant) -> Option<Duration> {
        let left = |since: &Instant, patience: Duration| patience.saturating_sub(now.duration_since(*since));
        let empty = self.empty.values().map(|since| left(since, EMPTY));
        let missing = self.missing.values().map(|since| left(since, REMOVED));
        empty.chain(missing).filter(|left| !left.is_zero()).min()
    }

    /// Empty files keep the content they had, or stay out if they are new, until they have been empty for long.
    fn set_empty_files_aside(&mut self, reading: &mut Generation, now: Instant) {
        let is_empty = |key: &str| reading.files.get(key).is_some_and(|file| file.text.is_empty());
        self.empty.retain(|key, _| is_empty(key));
        // Another one that is empty has changed since the last generation.
        let none = Files::new();
        let taken = self.taken.as_ref().map_or(&none, |taken| &taken.files);
        let changed = taken.diff(&reading.files).filter_map(|change| match change {
            DiffItem::Add(key, file) | DiffItem::Update { new: (key, file), .. } => file.text.is_empty().then_some(key),
            DiffItem::Remove(..) => None,
        });
        let keys: BTreeSet<String> = changed.chain(self.empty.keys()).cloned().collect();
        for key in keys {
            let known = self.taken.as_ref().and_then(|taken| taken.files.get(&key));
            let since = *self.empty.entry(key.clone()).or_insert(now);
            if now.duration_since(since) >= EMPTY {
                continue;
            }
            match known {
                Some(file) => drop(reading.files.insert(key, Arc::clone(file))),
                None => drop(reading.files.remove(&key)),
            }
        }
    }
}

/// Whether a file or the directory itself went, other than by not being asked for any more.
fn removes(taken: &Generation, reading: &Generation) -> bool {
    if taken.directory == DirectoryState::Present && reading.directory != DirectoryState::Present {
        return true;
    }
    gone(taken, reading).next().is_some()
}

/// The files that went, other than by not being asked for any more.
fn gone<'a>(taken: &'a Generation, reading: &'a Generation) -> impl Iterator<Item = &'a String> {
    taken.files.diff(&reading.files).filter_map(move |change| match change {
        DiffItem::Remove(key, _) => is_missing(key, taken, reading).then_some(key),
        _ => None,
    })
}

/// Whether a file went, other than by not being asked for any more.
fn is_missing(key: &String, taken: &Generation, reading: &Generation) -> bool {
    let unasked = taken.extra.contains(key) && !reading.extra.contains(key);
    taken.files.contains_key(key) && !reading.files.contains_key(key) && !unasked
}

/// Whether other files are asked for, and those that were read before have not changed: somebody waits for them.
fn only_asks_for_more(taken: &Generation, reading: &Generation) -> bool {
    let same = |(key, file): (&String, _)| reading.files.get(key).is_none_or(|now| now == file);
    taken.extra != reading.extra && taken.files.iter().all(same)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::SourceFile;

    const SETTLE: Duration = Duration::from_millis(20);

    fn reading(files: &[(&str, &str)]) -> Generation {
        let file =
            |(path, text): &(&str, &str)| ((*path).to_owned(), Arc::new(SourceFile { path: (*path).into(), text: (*text).into() }));
        Generation {
            files: files.iter().map(file).collect(),
            unreadable: BTreeMap::new(),
            config: None,
            extra: BTreeSet::new(),
            directory: DirectoryState::Present,
        }
    }

    fn after(files: &[(&str, &str)]) -> (Settling, Instant) {
        let (mut settling, now) = (Settling::new(SETTLE), Instant::now());
        assert_eq!(settling.judge(reading(files), false, now), Verdict::Take(reading(files)));
        (settling, now)
    }

    #[test]
    fn the_same_again_is_nothing() {
        let (mut settling, now) = after(&[("a", "1")]);
        assert_eq!(settling.judge(reading(&[("a", "1")]), false, now), Verdict::Same);
    }

    #[test]
    fn a_change_after_quiet_is_taken_and_without_it_must_last() {
        let (mut settling, now) = after(&[("a", "1")]);
        assert!(matches!(settling.judge(reading(&[("a", "2")]), true, now), Verdict::Take(_)));
        assert_eq!(settling.judge(reading(&[("a", "3")]), false, now), Verdict::Wait(SETTLE));
        assert_eq!(settling.judge(reading(&[("a", "4")]), false, now + SETTLE), Verdict::Wait(SETTLE));
        assert!(matches!(settling.judge(reading(&[("a", "4")]), false, now + 2 * SETTLE), Verdict::Take(_)));
    }

    #[test]
    fn an_emptied_file_keeps_its_content_for_a_second() {
        let (mut settling, now) = after(&[("a", "1")]);
        assert_eq!(settling.judge(reading(&[("a", "")]), true, now), Verdict::Wait(EMPTY));
        let half = now + EMPTY / 2;
        // Others go on meanwhile.
        let want = reading(&[("a", "1"), ("b", "1")]);
        assert_eq!(settling.judge(reading(&[("a", ""), ("b", "1")]), true, half), Verdict::Take(want));
        let want = reading(&[("a", ""), ("b", "1")]);
        assert_eq!(settling.judge(want.clone(), true, now + EMPTY), Verdict::Take(want.clone()));
        assert_eq!(settling.judge(want, true, now + 2 * EMPTY), Verdict::Same);
    }

    #[test]
    fn a_new_empty_file_stays_out_and_comes_in_when_written() {
        let (mut settling, now) = after(&[]);
        assert_eq!(settling.judge(reading(&[("a", "")]), true, now), Verdict::Wait(EMPTY));
        let want = reading(&[("a", "1")]);
        assert_eq!(settling.judge(want.clone(), true, now + SETTLE), Verdict::Take(want));
    }

    #[test]
    fn a_removal_must_last_even_after_quiet() {
        let (mut settling, now) = after(&[("a", "1"), ("b", "1")]);
        assert_eq!(settling.judge(reading(&[("a", "1")]), true, now), Verdict::Wait(REMOVED));
        assert_eq!(settling.judge(reading(&[("a", "1"), ("b", "1")]), true, now + SETTLE), Verdict::Same);
        let later = now + REMOVED;
        assert_eq!(settling.judge(reading(&[("a", "1")]), true, later), Verdict::Wait(REMOVED));
        assert!(matches!(settling.judge(reading(&[("a", "1")]), false, later + REMOVED), Verdict::Take(_)));
    }

    /// Every 20 ms another reading, none of which comes after quiet; what is taken, and when.
    fn restless(turns: u32, files: impl Fn(u32) -> Generation) -> Vec<(Duration, Generation)> {
        let (mut settling, start) = (Settling::new(SETTLE), Instant::now());
        settling.judge(reading(&[("a", "old"), ("b", "old")]), false, start);
        let judged = (1..=turns).map(|turn| (SETTLE * turn, settling.judge(files(turn), false, start + SETTLE * turn)));
        judged.filter_map(|(at, verdict)| if let Verdict::Take(taken) = verdict { Some((at, taken)) } else { None }).collect()
    }

    #[test]
    fn steady_edits_are_taken_once_a_second() {
        let taken = restless(500, |turn| reading(&[("a", &turn.to_string()), ("b", "old")]));
        let gaps: Vec<Duration> = taken.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
        assert!(taken.len() >= 9 && gaps.iter().all(|gap| *gap <= HOLD + 2 * SETTLE), "{gaps:?}");
    }

    #[test]
    fn a_removal_among_steady_edits_is_taken_and_a_replacement_is_none() {
        let taken = restless(60, |turn| reading(&[("a", &turn.to_string())]));
        assert!(taken[0].0 <= HOLD + 2 * SETTLE && taken[0].1.files.keys().eq(["a"]), "{taken:?}");
        // Now and then `b` is not there, for a moment.
        let blinking = restless(600, |turn| {
            let all = [("a", turn.to_string()), ("b", turn.to_string())];
            let there = all.iter().filter(|(name, _)| *name == "a" || turn % 10 > 4);
            reading(&there.map(|(name, text)| (*name, text.as_str())).collect::<Vec<_>>())
        });
        assert!(blinking.len() > 9 && blinking.iter().all(|(_, taken)| taken.files.contains_key("b")), "{blinking:?}");
    }

    #[test]
    fn a_file_that_nobody_asks_for_any_more_is_no_removal() {
        let mut first = reading(&[("a", "1"), ("e.json", "[]")]);
        first.extra.insert("e.json".into());
        let (mut settling, now) = (Settling::new(SETTLE), Instant::now());
        settling.judge(first, false, now);
        assert!(matches!(settling.judge(reading(&[("a", "1")]), true, now), Verdict::Take(_)));
    }

    #[test]
    fn files_newly_asked_for_come_at_once() {
        let (mut settling, now) = after(&[("a", "1")]);
        let mut more = reading(&[("a", "1"), ("e.json", "[]")]);
        more.extra.insert("e.json".into());
        assert!(matches!(settling.judge(more, false, now), Verdict::Take(_)));
    }
}
