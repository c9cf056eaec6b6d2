use std::path::Path;

use redb::TableDefinition;

use super::database::{FILE, META};
use super::history::{HISTORY, HISTORY_OF};
use super::rollouts::ROLLOUTS;
use super::*;

fn texts(pairs: &[(&str, &str)]) -> Texts {
    pairs.iter().map(|(path, text)| (path.to_string(), text.to_string())).collect()
}

fn happened(entries: &[(&str, &str)]) -> Vec<(String, String)> {
    entries.iter().map(|(service, text)| (service.to_string(), text.to_string())).collect()
}

fn append(store: &Store, entries: &[(&str, &str)]) -> Vec<u64> {
    store.write(&Changes { history: &happened(entries), ..Changes::default() }).unwrap()
}

fn set(store: &Store, service: &str, state: Option<&str>) -> Result<Vec<u64>, StoreError> {
    store.write(&Changes { rollouts: &[(service, state.map(str::to_owned))], ..Changes::default() })
}

fn sequences(store: &Store, service: Option<&str>, before: Option<u64>, limit: usize) -> Vec<u64> {
    store.history(service, before, limit).unwrap().into_iter().map(|entry| entry.sequence).collect()
}

/// Changes a file as no store would.
fn tamper(store: &Store, change: impl FnOnce(&redb::WriteTransaction)) {
    let write = store.database.begin_write().unwrap();
    change(&write);
    write.commit().unwrap();
}

/// A store with three entries and two rollouts.
fn filled(folder: &Path) -> Store {
    let store = Store::open(folder).unwrap();
    set(&store, "cart", Some(r#"{"step":1}"#)).unwrap();
    set(&store, "checkout", Some(r#"{"step":2}"#)).unwrap();
    append(&store, &[("checkout", "{}"), ("cart", "{}"), ("checkout", "{}")]);
    store
}

/// Rows and damages, or why there can be none.
fn seen(folder: &Path) -> Result<(Vec<Row>, Vec<Damage>), StoreError> {
    let (mut rows, mut damages) = (Vec::new(), Vec::new());
    let copy = Copied::of(folder)?;
    copy.visit(|row| {
        row.map_or_else(|damage| damages.push(damage), |row| rows.push(row));
        Ok::<(), StoreError>(())
    })?;
    copy.close()?;
    Ok((rows, damages))
}

/// How many rows there are, and what is damaged.
fn looked_at(folder: &Path) -> (usize, Vec<String>) {
    let (rows, damages) = seen(folder).unwrap();
    (rows.len(), damages.iter().map(Damage::to_string).collect())
}

#[test]
fn what_is_kept_is_there_after_reopening_and_what_is_not_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    store.keep(&[("a.yaml", Some("1")), ("b.yaml", Some("1")), ("d.yaml", Some("1"))]).unwrap();
    store.keep(&[("a.yaml", Some("2")), ("b.yaml", None), ("c.yaml", Some("1"))]).unwrap();
    set(&store, "cart", Some("1")).unwrap();
    set(&store, "checkout", Some("1")).unwrap();
    set(&store, "cart", None).unwrap();
    set(&store, "checkout", Some("2")).unwrap();
    drop(store);
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(store.last_good().unwrap(), texts(&[("a.yaml", "2"), ("c.yaml", "1"), ("d.yaml", "1")]));
    assert_eq!(store.rollouts().unwrap(), texts(&[("checkout", "2")]));
}

#[test]
fn two_servers_do_not_share_a_folder_and_one_that_runs_is_not_looked_into() {
    let dir = tempfile::tempdir().unwrap();
    let first = Store::open(dir.path()).unwrap();
    let clone = first.clone();
    drop(first);
    assert!(matches!(Store::open(dir.path()), Err(StoreError::InUse(_))));
    assert!(matches!(Copied::of(dir.path()), Err(StoreError::InUse(_))));
    drop(clone);
    let copy = Copied::of(dir.path()).unwrap();
    Store::open(dir.path()).expect("one that is looked into starts");
    drop(copy);
}

#[test]
fn a_newer_schema_and_damage_are_refused_and_left_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(FILE);
    let store = Store::open(dir.path()).unwrap();
    tamper(&store, |write| drop(write.open_table(META).unwrap().insert("schema", SCHEMA + 1).unwrap()));
    drop(store);
    assert!(matches!(Store::open(dir.path()), Err(StoreError::Newer { found, .. }) if found == SCHEMA + 1));
    assert!(matches!(Copied::of(dir.path()), Err(StoreError::Newer { path, .. }) if path == file));

    for content in [&b"not a database"[..], &[0; 10_000]] {
        std::fs::write(&file, content).unwrap();
        assert!(matches!(Store::open(dir.path()), Err(StoreError::Damaged { .. })));
        assert!(matches!(Copied::of(dir.path()), Err(StoreError::Damaged { path, .. }) if path == file));
        assert_eq!(std::fs::read(&file).unwrap(), content);
    }
}

#[test]
fn a_file_of_the_first_schema_is_brought_to_this_one() {
    let dir = tempfile::tempdir().unwrap();
    let database = redb::Database::create(dir.path().join(FILE)).unwrap();
    let write = database.begin_write().unwrap();
    write.open_table(META).unwrap().insert("schema", 1).unwrap();
    write.open_table(TableDefinition::<&str, &str>::new("last_good")).unwrap().insert("a.yaml", "1").unwrap();
    write.commit().unwrap();
    drop(database);

    assert_eq!(looked_at(dir.path()), (0, vec![]));
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(store.last_good().unwrap(), texts(&[("a.yaml", "1")]));
    assert_eq!(append(&store, &[("checkout", "{}")]), [1]);
    assert!(store.rollouts().unwrap().is_empty());
    let schema = store.database.begin_read().unwrap().open_table(META).unwrap().get("schema").unwrap().unwrap().value();
    assert_eq!(schema, 2);
}

#[test]
fn changes_are_written_together_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path());
    tamper(&store, |write| drop(write.open_table(ROLLOUTS).unwrap().insert("cart", &b"?"[..]).unwrap()));
    let changes = Changes {
        texts: &[("a.yaml", Some("1"))],
        rollouts: &[("checkout", Some("new".to_owned())), ("cart", Some("new".to_owned()))],
        history: &happened(&[("checkout", "{}")]),
    };
    assert!(matches!(store.write(&changes), Err(StoreError::Damaged { .. })));
    assert!(store.last_good().unwrap().is_empty());
    assert_eq!(sequences(&store, None, None, 9), [3, 2, 1]);

    tamper(&store, |write| drop(write.open_table(ROLLOUTS).unwrap().remove("cart").unwrap()));
    assert_eq!(store.write(&changes).unwrap(), [4]);
    assert_eq!(store.last_good().unwrap(), texts(&[("a.yaml", "1")]));
    assert_eq!(store.rollouts().unwrap(), texts(&[("cart", "new"), ("checkout", "new")]));
}

#[test]
fn numbers_go_on_after_a_restart_and_each_service_has_its_history() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(append(&store, &[("a", "1"), ("ab", "1")]), [1, 2]);
    assert_eq!(append(&store, &[("a", "2")]), [3]);
    drop(store);
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(append(&store, &[("ab", "2"), ("a", "3"), ("b", "1")]), [4, 5, 6]);

    assert_eq!(sequences(&store, None, None, 9), [6, 5, 4, 3, 2, 1]);
    assert_eq!(sequences(&store, None, Some(5), 2), [4, 3]);
    assert_eq!(sequences(&store, Some("a"), None, 9), [5, 3, 1]);
    assert_eq!(sequences(&store, Some("a"), None, 2), [5, 3]);
    assert_eq!(sequences(&store, Some("a"), Some(5), 9), [3, 1]);
    assert_eq!(sequences(&store, Some("a"), Some(1), 9), [0; 0]);
    assert_eq!(sequences(&store, Some("nobody"), None, 9), [0; 0]);
    let newest = store.history(Some("ab"), None, 1).unwrap();
    assert_eq!(newest, [Entry { sequence: 4, service: "ab".to_owned(), text: "2".to_owned() }]);
}

#[test]
fn the_oldest_entries_of_a_service_are_forgotten_and_the_numbers_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    append(&store, &[("cart", "{}")]);
    let many: Vec<_> = (0..9).map(|_| ("checkout".to_owned(), "{}".to_owned())).collect();
    tamper(&store, |write| drop(history::append(write, &many, 3).unwrap()));
    assert_eq!(sequences(&store, Some("checkout"), None, 99), [10, 9, 8]);
    assert_eq!(sequences(&store, None, None, 99), [10, 9, 8, 1]);
    tamper(&store, |write| drop(history::append(write, &many[..1], 1).unwrap()));
    assert_eq!(sequences(&store, Some("checkout"), None, 99), [11]);
    drop(store);
    assert_eq!(looked_at(dir.path()), (2, vec![]));
}

#[test]
fn the_history_is_read_while_it_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path());
    let write = store.database.begin_write().unwrap();
    history::append(&write, &happened(&[("cart", "{}")]), KEPT).unwrap();
    let reader = store.clone();
    let seen = std::thread::spawn(move || sequences(&reader, None, None, 9)).join().unwrap();
    assert_eq!(seen, [3, 2, 1]);
    write.commit().unwrap();
    assert_eq!(sequences(&store, None, None, 9), [4, 3, 2, 1]);
}

#[test]
fn a_damaged_rollout_is_told_by_its_name_and_not_written_over() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path());
    let mut bytes =
        store.database.begin_read().unwrap().open_table(ROLLOUTS).unwrap().get("cart").unwrap().unwrap().value().to_vec();
    bytes[20] ^= 1;
    tamper(&store, |write| drop(write.open_table(ROLLOUTS).unwrap().insert("cart", bytes.as_slice()).unwrap()));

    let told = store.rollouts().unwrap_err().to_string();
    assert!(told.contains("the rollout of cart does not match its checksum; `tidegate journal check`"), "{told}");
    for state in [Some("{}"), None] {
        assert!(matches!(set(&store, "cart", state), Err(StoreError::Damaged { .. })));
    }
    let table = store.database.begin_read().unwrap().open_table(ROLLOUTS).unwrap();
    assert_eq!(table.get("cart").unwrap().unwrap().value(), bytes);
    drop((table, store));
    assert_eq!(looked_at(dir.path()), (4, vec!["the rollout of cart does not match its checksum".to_owned()]));
}

#[test]
fn a_damaged_entry_is_told_by_its_number() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path());
    let read = store.database.begin_read().unwrap().open_table(HISTORY).unwrap();
    let bytes = read.get(1).unwrap().unwrap().value().1.to_vec();
    drop(read);
    // A whole record, of another place.
    tamper(&store, |write| drop(write.open_table(HISTORY).unwrap().insert(3, ("checkout", bytes.as_slice())).unwrap()));

    for service in [None, Some("checkout")] {
        let told = store.history(service, None, 9).unwrap_err().to_string();
        assert!(told.contains("history entry 3 of checkout does not match its checksum"), "{told}");
        assert_eq!(sequences(&store, service, Some(3), 1).len(), 1);
    }
    drop(store);
    assert_eq!(looked_at(dir.path()), (4, vec!["history entry 3 of checkout does not match its checksum".to_owned()]));
}

#[test]
fn entries_that_are_gone_are_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path());
    append(&store, &[("checkout", "{}"), ("cart", "{}")]);
    tamper(&store, |write| {
        write.open_table(HISTORY).unwrap().remove(2).unwrap();
        write.open_table(HISTORY_OF).unwrap().remove(("checkout", 3)).unwrap();
        write.open_table(HISTORY_OF).unwrap().remove(("cart", 5)).unwrap();
    });
    let told = store.history(Some("cart"), None, 9).unwrap_err().to_string();
    assert!(told.contains("history entry 2 of cart is missing, though the index has it"), "{told}");
    drop(store);
    let want = [
        "history entry 2 of cart is missing, though the index has it",
        "history entry 4 of checkout does not follow the one before it: some are missing",
        "history entry 3 of checkout is not in the index",
        "history entry 5 of cart is not in the index",
    ];
    assert_eq!(looked_at(dir.path()), (6, want.map(str::to_owned).to_vec()));
}

#[test]
fn a_look_changes_nothing_and_a_folder_without_a_store_gets_none() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(Copied::of(dir.path()), Err(StoreError::Missing(_))));
    assert!(!dir.path().join(FILE).exists());
    drop(filled(dir.path()));
    let before = std::fs::read(dir.path().join(FILE)).unwrap();
    assert_eq!(looked_at(dir.path()), (5, vec![]));
    assert_eq!(std::fs::read(dir.path().join(FILE)).unwrap(), before);
}

/// Also where redb panics, as it does for some of these.
#[test]
fn a_bit_that_turned_anywhere_is_told_or_means_nothing() {
    let dir = tempfile::tempdir().unwrap();
    drop(filled(dir.path()));
    let (file, want) = (dir.path().join(FILE), seen(dir.path()).unwrap());
    let whole = std::fs::read(&file).unwrap();
    let used: Vec<usize> = (0..whole.len()).filter(|at| whole[*at] != 0).collect();
    let (mut random, mut told) = (fastrand::Rng::with_seed(17), 0);
    for _ in 0..100 {
        let mut bytes = whole.clone();
        bytes[random.choice(&used).copied().unwrap()] ^= 1 << random.u8(..8);
        std::fs::write(&file, &bytes).unwrap();
        match seen(dir.path()) {
            Ok(have) => assert_eq!(have, want),
            Err(StoreError::Damaged { .. }) => told += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert!(told > 0);
}
