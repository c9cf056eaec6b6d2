//! The corpus of the fuzz targets, played by the same functions: what a fuzzer found once fails here ever after.

use std::fs;
use std::path::Path;

#[path = "../fuzz/src/release.rs"]
mod release;
#[path = "../fuzz/src/session.rs"]
mod session;

fn play(dir: &str, run: impl Fn(&[u8])) -> usize {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join(dir);
    let files = fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let paths: Vec<_> = files.map(|file| file.expect("an entry").path()).filter(|path| path.is_file()).collect();
    for path in &paths {
        eprintln!("{}", path.display());
        run(&fs::read(path).expect("readable"));
    }
    paths.len()
}

#[test]
fn sessions() {
    assert!(play("fuzz/corpus/session", session::run) > 0);
}

/// Besides its own seeds, every file that there is in the tests and the examples.
#[test]
fn release_files() {
    assert!(play("fuzz/corpus/release", release::run) > 0);
    for (dir, which) in [("examples", 0), ("tests/diagnostics/broken", 0), ("tests/diagnostics/broken", 1)] {
        assert!(play(dir, |text| release::run(&[&[which], text].concat())) > 0);
    }
}
