//! Golden files: for each feature of the release format, the Envoy resources that it becomes, as `tidegate render` prints them.
//!
//! `TIDEGATE_BLESS=1 cargo test --test golden` writes `tests/golden/*/envoy.yaml` anew and removes those of cases that are gone.

#[path = "golden/cases.rs"]
mod cases;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use cases::Case;
use tidegate::translate::{self, Object};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn objects(case: &Case) -> Vec<Object> {
    let services: Vec<_> = case
        .releases
        .iter()
        .map(|release| translate::service(release, &release.held_split()).unwrap_or_else(|e| panic!("{}: {e:?}", case.name)))
        .collect();
    let shared = translate::fleet(&services.iter().collect::<Vec<_>>(), &case.config, &case.fleets);
    services.into_iter().flat_map(|service| service.objects).chain(shared).collect()
}

fn printed(objects: &[Object]) -> String {
    objects.iter().fold(String::new(), |mut text, object| {
        let _ = write!(text, "--- # {} {}\n{}", object.kind.short(), object.name, translate::to_yaml(object));
        text
    })
}

/// Compares, or with `TIDEGATE_BLESS` writes.
fn compare(path: &Path, text: &str, wrong: &mut Vec<String>) {
    if env::var_os("TIDEGATE_BLESS").is_some() {
        fs::create_dir_all(path.parent().expect("a folder")).expect("tests/golden is writable");
        fs::write(path, text).expect("tests/golden is writable");
    } else if fs::read_to_string(path).unwrap_or_default() != text {
        wrong.push(format!("{} differs; what is made now:\n{text}", path.display()));
    }
}

#[test]
fn releases_become_what_the_golden_files_say() {
    let mut wrong = Vec::new();
    for case in cases::all() {
        compare(&folder().join(case.name).join("envoy.yaml"), &printed(&objects(&case)), &mut wrong);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_golden_file_is_left_of_a_case_that_is_gone() {
    let cases: BTreeSet<&str> = cases::all().iter().map(|case| case.name).collect();
    let folders = fs::read_dir(folder()).expect("tests/golden").map(|entry| entry.expect("an entry").path());
    let stale: Vec<PathBuf> = folders
        .filter(|path| path.is_dir() && !path.file_name().is_some_and(|name| cases.contains(&*name.to_string_lossy())))
        .collect();
    if env::var_os("TIDEGATE_BLESS").is_some() {
        stale.iter().for_each(|path| fs::remove_dir_all(path).expect("tests/golden is writable"));
    } else {
        assert!(stale.is_empty(), "TIDEGATE_BLESS=1 cargo test --test golden removes {stale:?}");
    }
}

#[test]
fn nothing_refers_to_nothing() {
    for case in cases::all() {
        assert_eq!(translate::dangling(&mut objects(&case).iter()), Vec::<String>::new(), "{}", case.name);
    }
}

#[test]
fn translating_again_gives_the_same_bytes() {
    for (once, again) in cases::all().iter().zip(cases::all().iter()) {
        assert_eq!(objects(once), objects(again), "{}", once.name);
    }
}
