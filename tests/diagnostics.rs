//! Broken files, and what users are told of them.
//!
//! Each `tests/diagnostics/broken/x.yaml` is a release (`config-*.yaml`: a configuration), each folder there a directory of files;
//! beside it `x.txt` holds the problems as they are drawn. `TIDEGATE_BLESS=1 cargo test --test diagnostics` writes them anew and
//! removes those that belong to nothing.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tidegate::diag::{Problem, Severity, SourceFile, render};
use tidegate::model::{Config, Document, Release, conflicts, is_release_file, read_config, read_release};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

fn broken() -> PathBuf {
    root().join("tests/diagnostics/broken")
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = fs::read_dir(dir).expect("a directory").map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    entries
}

fn file_name(path: &Path) -> String {
    path.file_name().expect("a name").to_string_lossy().into_owned()
}

fn source(dir: &Path, path: &str) -> Option<Arc<SourceFile>> {
    let bytes = fs::read(dir.join(path)).ok()?;
    Some(Arc::new(SourceFile { path: path.to_owned(), text: String::from_utf8_lossy(&bytes).into_owned() }))
}

fn release(dir: &Path, path: &str) -> Document<Release> {
    read_release(&source(dir, path).expect("a file"), &|path| source(dir, path))
}

fn problems_of_file(path: &Path) -> Vec<Problem> {
    let name = file_name(path);
    if name.starts_with("config-") {
        return read_config(&source(&broken(), &name).expect("a file")).problems;
    }
    let document = release(&broken(), &name);
    let errors = document.problems.iter().any(|problem| problem.severity == Severity::Error);
    assert_eq!(document.value.is_none(), errors, "{name}: there is a value if and only if there is no error");
    document.problems
}

/// Problems of a directory as a server would see it: each file's own, and those between files, by path.
fn problems_of_dir(dir: &Path) -> Vec<Problem> {
    let config = source(dir, "tidegate.yaml").map(|file| read_config(&file));
    let names: Vec<String> = entries(dir).iter().map(|path| file_name(path)).filter(|name| is_release_file(name)).collect();
    let documents: Vec<Document<Release>> = names.iter().map(|name| release(dir, name)).collect();
    let mut problems: Vec<Problem> = config.iter().flat_map(|config| config.problems.clone()).collect();
    problems.extend(documents.iter().flat_map(|document| document.problems.clone()));
    let config = config.map_or(Some(Config::default()), |config| config.value);
    let documents: Vec<&Document<Release>> = documents.iter().collect();
    problems.extend(conflicts(&documents, config.as_ref()).into_iter().map(|conflict| conflict.problem));
    problems
}

#[test]
fn broken_files_are_explained_as_written_down() {
    let bless = std::env::var_os("TIDEGATE_BLESS").is_some();
    let (mut wrong, mut wanted) = (Vec::new(), BTreeSet::new());
    for path in entries(&broken()).into_iter().filter(|path| path.extension().is_none_or(|extension| extension == "yaml")) {
        let problems = if path.is_dir() { problems_of_dir(&path) } else { problems_of_file(&path) };
        assert!(!problems.is_empty(), "{}: nothing is wrong with it", path.display());
        let (golden, drawn) = (path.with_extension("txt"), render(&problems, false));
        wanted.insert(golden.clone());
        if bless {
            fs::write(&golden, &drawn).expect("the golden file is writable");
        } else if fs::read_to_string(&golden).unwrap_or_default() != drawn {
            wrong.push(format!("{}\n{drawn}", golden.display()));
        }
    }
    for stale in entries(&broken()).into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "txt")) {
        if !wanted.contains(&stale) && bless {
            fs::remove_file(&stale).expect("a stale file can be removed");
        } else if !wanted.contains(&stale) {
            wrong.push(format!("{} belongs to no broken file", stale.display()));
        }
    }
    assert!(wanted.len() >= 60, "only {} broken files", wanted.len());
    assert!(wrong.is_empty(), "not as written down (TIDEGATE_BLESS=1 writes it anew):\n{}", wrong.join("\n"));
}

/// All codes that a text names: `T` and three digits.
fn codes(text: &str) -> BTreeSet<String> {
    let is_code = |word: &&str| word.len() == 4 && word.starts_with('T') && word[1..].bytes().all(|b| b.is_ascii_digit());
    text.split(|c: char| !c.is_ascii_alphanumeric()).filter(is_code).map(str::to_owned).collect()
}

fn rust_files(dir: &Path, found: &mut Vec<PathBuf>) {
    for path in entries(dir) {
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_code_is_documented_and_shown() {
    let mut files = Vec::new();
    rust_files(&root().join("src"), &mut files);
    let emitted: BTreeSet<String> = files.iter().flat_map(|path| codes(&fs::read_to_string(path).expect("source"))).collect();
    let documented = codes(&fs::read_to_string(root().join("docs/problems.md")).expect("docs/problems.md"));
    let golden = entries(&broken()).into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "txt"));
    let mut shown: BTreeSet<String> = golden.flat_map(|path| codes(&fs::read_to_string(path).expect("golden"))).collect();
    // Not worth a megabyte in the repository.
    let large = Arc::new(SourceFile { path: "large.yaml".into(), text: " ".repeat((1 << 20) + 1) });
    shown.extend(read_release(&large, &|_| None).problems.iter().map(|problem| problem.code.to_owned()));
    let reading = codes(&fs::read_to_string(root().join("src/model/code.rs")).expect("the codes of reading"));
    let undocumented: Vec<&String> = emitted.difference(&documented).collect();
    assert!(undocumented.is_empty(), "not in docs/problems.md: {undocumented:?}");
    let unknown: Vec<&String> = documented.difference(&emitted).collect();
    assert!(unknown.is_empty(), "in docs/problems.md, but nothing says it: {unknown:?}");
    let unseen: Vec<&String> = reading.difference(&shown).collect();
    assert!(unseen.is_empty(), "in no broken file: {unseen:?}");
}

#[test]
fn the_examples_are_clean() {
    let problems = problems_of_dir(&root().join("examples"));
    assert!(problems.is_empty(), "{}", render(&problems, false));
}
