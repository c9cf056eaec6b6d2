//! A server that is killed while it writes: what was acknowledged is there, whole and in order, and nothing is half there.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use super::*;

const FOLDER: &str = "TIDEGATE_TEST_CRASH_FOLDER";
const ACKNOWLEDGED: &str = "acknowledged ";

#[test]
fn what_was_acknowledged_outlives_a_kill() {
    // This test is the program that is killed, too.
    if let Some(folder) = std::env::var_os(FOLDER) {
        return write_for_ever(Path::new(&folder));
    }
    let dir = tempfile::tempdir().unwrap();
    let mut written = 0;
    for more in [1, 2, 7, 20] {
        let acknowledged = killed_after(dir.path(), written + more);
        let copy = journal_of(dir.path());
        let store = Store::open(dir.path()).unwrap();
        written = whole(&store);
        assert!((acknowledged..=acknowledged + 1).contains(&written), "{acknowledged} acknowledged, {written} there");
        assert_eq!(copy, written, "what is looked at before the repair is the same");
    }
}

/// Runs a writer, kills it in the midst of what comes after a number, and says what it acknowledged last.
fn killed_after(folder: &Path, sequence: u64) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::crash_tests::what_was_acknowledged_outlives_a_kill", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut last = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let Some((_, number)) = line.split_once(ACKNOWLEDGED) else { continue };
        last = number.parse().unwrap();
        if last == sequence {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(last >= sequence, "the writer ended by itself at {last}");
    last
}

/// Each transaction has a text, a state and an entry that say the same number.
fn write_for_ever(folder: &Path) {
    let store = Store::open(folder).unwrap();
    let mut next = whole(&store) + 1;
    loop {
        let text = text(next);
        let changes = Changes {
            texts: &[("checkout.yaml", Some(&text))],
            rollouts: &[("checkout", Some(text.clone()))],
            history: &[("checkout".to_owned(), text.clone())],
        };
        assert_eq!(store.write(&changes).unwrap(), [next]);
        println!("{ACKNOWLEDGED}{next}");
        std::io::stdout().flush().unwrap();
        next += 1;
    }
}

/// Longer than a page, so that a transaction is many writes.
fn text(number: u64) -> String {
    format!("{number} {}", "x".repeat(20_000))
}

/// How many transactions there are, each of them whole and in order.
fn whole(store: &Store) -> u64 {
    let history = store.history(Some("checkout"), None, usize::MAX).unwrap();
    let count = history.len() as u64;
    for (entry, number) in history.iter().zip((1..=count).rev()) {
        assert_eq!((entry.sequence, entry.text.as_str()), (number, text(number).as_str()));
    }
    let last: Vec<String> = if count == 0 { vec![] } else { vec![text(count)] };
    assert_eq!(store.rollouts().unwrap().into_values().collect::<Vec<_>>(), last);
    assert_eq!(store.last_good().unwrap().into_values().collect::<Vec<_>>(), last);
    count
}

/// How many entries a copy of the file has.
fn journal_of(folder: &Path) -> u64 {
    let mut entries = 0;
    let look = |row: Result<Row, Damage>| {
        entries += u64::from(matches!(row.expect("nothing is damaged"), Row::Entry(_)));
        Ok::<(), StoreError>(())
    };
    Copied::of(folder).unwrap().visit(look).unwrap();
    entries
}
