//! Golden files: for each feature of the release format, the Envoy resources that it becomes.
//!
//! Each folder in `tests/golden` holds files as a watched directory does, and `envoy.yaml`, which is what they come to. It is what a
//! node of no fleet asks for, or one of the fleets that `tidegate.yaml` names in a line `# fleets: a, b`; with a line `# on request`,
//! followed by what is given only by name. A release is at rest; with a line `# traffic: example` it is as its rollout may come to be,
//! and with lines `# placed: v1 127.0.1.11:8080, 127.0.1.12:8080 draining` a version has these endpoints.
//! `TIDEGATE_BLESS=1 cargo test --test golden` writes `envoy.yaml` anew, and removes it where there is no input any more.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{env, fs};

use similar::TextDiff;
use tidegate::diag::{Problem, SourceFile, render};
use tidegate::model::{
    Config, Document, Endpoint, Placed, Release, Traffic, conflicts, is_release_file, read_config, read_release,
};
use tidegate::translate::{self, Kind, Object, ROUTES};

const OUTPUT: &str = "envoy.yaml";

/// What is translated together.
struct Case {
    folder: PathBuf,
    releases: Vec<Document<Release>>,
    config: Config,
    fleets: BTreeSet<String>,
    /// What is given only by name is printed as well.
    on_request: bool,
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = fs::read_dir(dir).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    entries
}

fn folders() -> Vec<PathBuf> {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    entries(&all).into_iter().filter(|path| path.is_dir()).collect()
}

fn file_name(path: &Path) -> String {
    path.file_name().expect("a name").to_string_lossy().into_owned()
}

/// The names of a folder's releases and of its configuration, by name.
fn inputs(folder: &Path) -> Vec<String> {
    let names = entries(folder).iter().map(|path| file_name(path)).collect::<Vec<_>>();
    names.into_iter().filter(|name| name == "tidegate.yaml" || (is_release_file(name) && name != OUTPUT)).collect()
}

fn source(folder: &Path, name: &str) -> Option<Arc<SourceFile>> {
    let text = fs::read_to_string(folder.join(name)).ok()?;
    Some(Arc::new(SourceFile { path: name.to_owned(), text }))
}

/// Nothing that is refused becomes a golden file.
fn refuse_errors(folder: &Path, problems: Vec<Problem>) {
    let errors: Vec<Problem> = problems.into_iter().filter(Problem::is_error).collect();
    assert!(errors.is_empty(), "{}:\n{}", folder.display(), render(&errors, false));
}

fn config(folder: &Path) -> (Config, BTreeSet<String>) {
    let Some(file) = source(folder, "tidegate.yaml") else { return Default::default() };
    let fleets = file.text.lines().filter_map(|line| line.strip_prefix("# fleets: ")).flat_map(|line| line.split(", "));
    let fleets = fleets.map(str::to_owned).collect();
    let document = read_config(&file);
    refuse_errors(folder, document.problems);
    (document.value.expect("no errors"), fleets)
}

fn case(folder: PathBuf) -> Case {
    let (config, fleets) = config(&folder);
    let releases = inputs(&folder).into_iter().filter(|name| is_release_file(name));
    let read = |name: String| read_release(&source(&folder, &name).expect("a file"), &|path| source(&folder, path));
    let releases: Vec<Document<Release>> = releases.map(read).collect();
    let mut problems: Vec<Problem> = releases.iter().flat_map(|document| document.problems.clone()).collect();
    problems.extend(conflicts(&releases.iter().collect::<Vec<_>>(), Some(&config)).into_iter().map(|conflict| conflict.problem));
    refuse_errors(&folder, problems);
    let on_request = source(&folder, "tidegate.yaml").is_some_and(|file| file.text.lines().any(|line| line == "# on request"));
    Case { folder, releases, config, fleets, on_request }
}

/// Every folder that has an input.
fn cases() -> Vec<Case> {
    let cases: Vec<Case> = folders().into_iter().filter(|folder| !inputs(folder).is_empty()).map(case).collect();
    assert!(cases.len() >= 40, "only {} golden cases", cases.len());
    cases
}

fn traffic(text: &str, release: &Release) -> Traffic {
    let example = text.lines().any(|line| line == "# traffic: example");
    let mut traffic = if example { Traffic::examples(release).remove(0) } else { Traffic::at_rest(release) };
    traffic.placed = text.lines().filter_map(|line| line.strip_prefix("# placed: ")).map(placed).collect();
    traffic
}

fn placed(line: &str) -> (String, Vec<Placed>) {
    let (version, endpoints) = line.split_once(' ').unwrap_or((line, ""));
    let one = |text: &str| {
        let (address, draining) = text.strip_suffix(" draining").map_or((text, false), |address| (address, true));
        Placed { endpoint: Endpoint { address: address.parse().expect("an address") }, draining }
    };
    (version.to_owned(), endpoints.split(", ").filter(|text| !text.is_empty()).map(one).collect())
}

/// What a case becomes; all of it is what Envoy's own rules accept. What is given only by name comes last.
fn objects(case: &Case) -> Vec<Object> {
    let (mut objects, on_request) = made(case);
    objects.extend(on_request);
    objects
}

fn made(case: &Case) -> (Vec<Object>, Vec<Object>) {
    let meant = |fleets: &[String]| fleets.is_empty() || fleets.iter().any(|fleet| case.fleets.contains(fleet));
    let releases = case.releases.iter().filter_map(|document| Some((document, document.value.as_ref()?)));
    let releases = releases.filter(|(_, release)| meant(&release.fleets));
    let services: Vec<_> = releases
        .map(|(document, release)| translate::service(release, &traffic(&document.file.text, release)))
        .map(|made| made.unwrap_or_else(|refused| panic!("{}: {refused:?}", case.folder.display())))
        .collect();
    let all = services.iter().collect::<Vec<_>>();
    let shared = translate::fleet(&all, &case.config, &case.fleets);
    let on_request = translate::proxyless(&all, &case.config, &case.fleets);
    (services.into_iter().flat_map(|service| service.objects).chain(shared).collect(), on_request)
}

/// What an Envoy asks for of what it may have: scopes, and a RouteConfiguration for each host, if a listener has scoped routes.
fn asked_for(objects: &[Object]) -> impl Iterator<Item = &Object> {
    let scoped = objects.iter().any(|object| object.kind == Kind::Listener && object.refs.is_empty());
    let of_host = |object: &Object| object.kind == Kind::ScopedRoute || (object.kind == Kind::Route && object.name != ROUTES);
    objects.iter().filter(move |object| scoped || !of_host(object))
}

fn printed(case: &Case) -> String {
    let (objects, on_request) = made(case);
    let on_request = on_request.iter().filter(|_| case.on_request);
    asked_for(&objects).chain(on_request).fold(String::new(), |mut text, object| {
        let _ = write!(text, "--- # {} {}\n{}", object.kind.short(), object.name, translate::to_yaml(object));
        text
    })
}

fn bless() -> bool {
    env::var_os("TIDEGATE_BLESS").is_some()
}

#[test]
fn releases_become_what_the_golden_files_say() {
    let mut wrong = Vec::new();
    for case in cases() {
        let (path, made) = (case.folder.join(OUTPUT), printed(&case));
        let have = fs::read_to_string(&path).unwrap_or_default();
        if have != made && bless() {
            fs::write(&path, made).expect("tests/golden is writable");
        } else if have != made {
            let diff = TextDiff::from_lines(&have, &made);
            wrong.push(diff.unified_diff().header(&path.to_string_lossy(), "what is made now").to_string());
        }
    }
    assert!(wrong.is_empty(), "TIDEGATE_BLESS=1 cargo test --test golden accepts this:\n{}", wrong.join("\n"));
}

#[test]
fn no_golden_file_is_left_of_a_case_that_is_gone() {
    let gone = folders().into_iter().filter(|folder| inputs(folder).is_empty());
    let stale: Vec<PathBuf> = gone.map(|folder| folder.join(OUTPUT)).filter(|path| path.exists()).collect();
    assert!(stale.is_empty() || bless(), "TIDEGATE_BLESS=1 cargo test --test golden removes {stale:?}");
    for path in stale {
        fs::remove_file(&path).expect("tests/golden is writable");
        // Fails where something else is in it, which is then not this test's.
        let _ = path.parent().map(fs::remove_dir);
    }
}

#[test]
fn g6_nothing_refers_to_nothing() {
    for case in cases() {
        assert_eq!(translate::dangling(&mut objects(&case).iter()), Vec::<String>::new(), "{}", case.folder.display());
    }
}

#[test]
fn o3_translating_again_gives_the_same_bytes() {
    for (once, again) in cases().iter().zip(cases().iter()) {
        assert_eq!(objects(once), objects(again), "{}", once.folder.display());
    }
}

#[test]
fn every_input_says_first_what_it_shows() {
    let files = folders().into_iter().flat_map(|folder| inputs(&folder).into_iter().map(move |name| folder.join(name)));
    let silent: Vec<PathBuf> = files.filter(|path| !fs::read_to_string(path).expect("a file").starts_with("# ")).collect();
    assert!(silent.is_empty(), "no comment in the first line: {silent:?}");
}
