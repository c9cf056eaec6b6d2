//! Watching a directory as it happens in the world: editors, Git, ConfigMaps, mounts, file systems without events.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tidegate::sources::{DirectoryState, Generation, Options, watch};
use tokio::sync::{mpsc, watch as channel};
use tokio::time::timeout;

/// Longest wait for something that must come.
const LONG: Duration = Duration::from_secs(20);
/// How long nothing must come where nothing may.
const SILENCE: Duration = Duration::from_millis(400);

struct Watched {
    root: TempDir,
    generations: mpsc::Receiver<Generation>,
    extra: channel::Sender<BTreeSet<String>>,
}

impl Watched {
    /// Watches the folder `releases`, prepared by `prepare`, by events alone: the poll is too rare to help.
    async fn events(prepare: impl FnOnce(&Path)) -> Watched {
        Watched::with(|options| options.poll = Duration::from_secs(3600), prepare).await
    }

    /// The same by polling alone.
    async fn polling(prepare: impl FnOnce(&Path)) -> Watched {
        let poll = |options: &mut Options| (options.events, options.poll) = (false, Duration::from_millis(50));
        Watched::with(poll, prepare).await
    }

    async fn with(change: impl FnOnce(&mut Options), prepare: impl FnOnce(&Path)) -> Watched {
        let root = tempfile::tempdir().unwrap();
        prepare(root.path());
        let mut options = Options::new(root.path().join("releases"));
        change(&mut options);
        let (extra, asked) = channel::channel(BTreeSet::new());
        Watched { generations: watch(options, asked), root, extra }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join("releases").join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// As editors save: a temporary file, renamed.
    fn save(&self, name: &str, text: &str) {
        let temporary = self.path(&format!(".{name}.tmp"));
        fs::write(&temporary, text).unwrap();
        fs::rename(temporary, self.path(name)).unwrap();
    }

    async fn next(&mut self) -> Generation {
        timeout(LONG, self.generations.recv()).await.expect("a generation").expect("the watcher lives")
    }

    async fn nothing(&mut self) {
        let generation = timeout(SILENCE, self.generations.recv()).await;
        assert!(generation.is_err(), "nothing was to come, but {:?}", texts(&generation.unwrap().unwrap()));
    }

    async fn expect(&mut self, files: &[(&str, &str)]) {
        assert_eq!(texts(&self.next().await), files.iter().map(|(name, text)| format!("{name}={text}")).collect::<Vec<_>>());
    }
}

fn texts(generation: &Generation) -> Vec<String> {
    generation.files.iter().map(|(name, file)| format!("{name}={}", file.text)).collect()
}

fn one_file(root: &Path) {
    fs::create_dir(root.join("releases")).unwrap();
    fs::write(root.join("releases/a.yaml"), "1").unwrap();
}

#[tokio::test]
async fn saves_by_rename_and_in_place() {
    let mut watched = Watched::events(one_file).await;
    watched.expect(&[("a.yaml", "1")]).await;
    watched.save("a.yaml", "2");
    watched.expect(&[("a.yaml", "2")]).await;
    watched.write("a.yaml", "3");
    watched.expect(&[("a.yaml", "3")]).await;
    fs::create_dir(watched.path("shop")).unwrap();
    watched.write("shop/b.yaml", "1");
    watched.expect(&[("a.yaml", "3"), ("shop/b.yaml", "1")]).await;
    watched.save("a.yaml", "4");
    watched.expect(&[("a.yaml", "4"), ("shop/b.yaml", "1")]).await;
}

#[tokio::test]
async fn a_file_still_open_for_writing_is_waited_for() {
    let mut watched = Watched::events(one_file).await;
    watched.expect(&[("a.yaml", "1")]).await;
    let mut file = fs::OpenOptions::new().append(true).open(watched.path("a.yaml")).unwrap();
    // Pauses well beyond the settling time: only the close tells that the content is whole.
    for part in ["2", "3", "4"] {
        file.write_all(part.as_bytes()).unwrap();
        tokio::time::sleep(Duration::from_millis(80)).await;
    }
    drop(file);
    watched.expect(&[("a.yaml", "1234")]).await;
}

#[tokio::test]
async fn a_touch_and_a_comment_free_rewrite_send_nothing() {
    let mut watched = Watched::events(one_file).await;
    watched.expect(&[("a.yaml", "1")]).await;
    fs::File::open(watched.path("a.yaml")).unwrap().set_modified(std::time::SystemTime::now()).unwrap();
    watched.nothing().await;
    watched.save("a.yaml", "1");
    watched.nothing().await;
    watched.write(".a.yaml.swp", "noise");
    watched.write("a.yaml~", "noise");
    watched.write("notes.txt", "noise");
    watched.nothing().await;
}

#[tokio::test]
async fn a_checkout_is_one_generation() {
    for events in [true, false] {
        let change = |options: &mut Options| {
            options.events = events;
            options.poll = Duration::from_millis(50);
        };
        let mut watched = Watched::with(change, |root| {
            one_file(root);
            fs::create_dir(root.join(".git")).unwrap();
        })
        .await;
        watched.expect(&[("a.yaml", "1")]).await;
        let lock = watched.root.path().join(".git/index.lock");
        fs::write(&lock, "").unwrap();
        let names: Vec<String> = (0..20).map(|n| format!("f{n:02}.yaml")).collect();
        for name in &names {
            watched.write(name, "new");
            // Slower than any settling time: the lock alone holds it together.
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        watched.write("a.yaml", "2");
        fs::remove_file(lock).unwrap();
        let generation = watched.next().await;
        assert_eq!((generation.files.len(), generation.files["a.yaml"].text.as_str()), (21, "2"), "events: {events}");
        watched.nothing().await;
    }
}

/// A volume as the kubelet makes it: files are links into `..data`, which is a link to a folder of the day.
fn config_map(root: &Path) {
    let releases = root.join("releases");
    fs::create_dir_all(releases.join("..1")).unwrap();
    for name in ["a.yaml", "b.yaml"] {
        fs::write(releases.join("..1").join(name), "1").unwrap();
        symlink(format!("..data/{name}"), releases.join(name)).unwrap();
    }
    symlink("..1", releases.join("..data")).unwrap();
}

fn swap(watched: &Watched, old: &str, new: &str) {
    fs::create_dir(watched.path(new)).unwrap();
    for name in ["a.yaml", "b.yaml"] {
        fs::write(watched.path(new).join(name), new).unwrap();
    }
    symlink(new, watched.path("..data_tmp")).unwrap();
    fs::rename(watched.path("..data_tmp"), watched.path("..data")).unwrap();
    fs::remove_dir_all(watched.path(old)).unwrap();
}

#[tokio::test]
async fn a_config_map_swap_is_one_generation() {
    for mut watched in [Watched::events(config_map).await, Watched::polling(config_map).await] {
        watched.expect(&[("a.yaml", "1"), ("b.yaml", "1")]).await;
        for (old, new) in [("..1", "..2"), ("..2", "..3")] {
            swap(&watched, old, new);
            watched.expect(&[("a.yaml", new), ("b.yaml", new)]).await;
            watched.nothing().await;
        }
    }
}

#[tokio::test]
async fn a_directory_that_appears_late() {
    let mut watched = Watched::events(|_| {}).await;
    assert_eq!(watched.next().await.directory, DirectoryState::Missing);
    fs::create_dir(watched.path("")).unwrap();
    let empty = watched.next().await;
    assert_eq!((&empty.directory, empty.files.len()), (&DirectoryState::Present, 0));
    watched.write("a.yaml", "1");
    watched.expect(&[("a.yaml", "1")]).await;
}

#[tokio::test]
async fn a_directory_that_vanishes_and_returns_as_another() {
    for mut watched in [Watched::events(one_file).await, Watched::polling(one_file).await] {
        watched.expect(&[("a.yaml", "1")]).await;
        fs::rename(watched.path(""), watched.root.path().join("away")).unwrap();
        let gone = watched.next().await;
        assert_eq!((&gone.directory, gone.is_unknown("a.yaml")), (&DirectoryState::Missing, true));
        fs::create_dir(watched.path("")).unwrap();
        watched.write("a.yaml", "2");
        let back = watched.next().await;
        // An event may fall between the two steps.
        let back = if back.files.is_empty() { watched.next().await } else { back };
        assert_eq!(texts(&back), ["a.yaml=2"]);
        watched.save("a.yaml", "3");
        watched.expect(&[("a.yaml", "3")]).await;
    }
}

#[tokio::test]
async fn a_swap_of_the_directory_itself_shows_no_gap() {
    let mut watched = Watched::events(one_file).await;
    watched.expect(&[("a.yaml", "1")]).await;
    fs::rename(watched.path(""), watched.root.path().join("away")).unwrap();
    fs::create_dir(watched.path("")).unwrap();
    watched.write("a.yaml", "2");
    watched.expect(&[("a.yaml", "2")]).await;
}

#[tokio::test]
async fn a_link_to_a_directory_that_is_pointed_elsewhere() {
    let mut watched = Watched::events(|root| {
        for (folder, text) in [("blue", "1"), ("green", "2")] {
            fs::create_dir(root.join(folder)).unwrap();
            fs::write(root.join(folder).join("a.yaml"), text).unwrap();
        }
        symlink("blue", root.join("releases")).unwrap();
    })
    .await;
    watched.expect(&[("a.yaml", "1")]).await;
    let root = watched.root.path();
    symlink("green", root.join("next")).unwrap();
    fs::rename(root.join("next"), root.join("releases")).unwrap();
    watched.expect(&[("a.yaml", "2")]).await;
    watched.write("a.yaml", "3");
    watched.expect(&[("a.yaml", "3")]).await;
}

#[tokio::test]
async fn an_emptied_file_keeps_its_content_until_it_is_written() {
    let mut watched = Watched::events(one_file).await;
    watched.expect(&[("a.yaml", "1")]).await;
    watched.write("a.yaml", "");
    watched.write("b.yaml", "");
    watched.nothing().await;
    watched.write("a.yaml", "2");
    watched.expect(&[("a.yaml", "2")]).await;
    // Nobody writes to it: in the end it is an empty file.
    watched.expect(&[("a.yaml", "2"), ("b.yaml", "")]).await;
}

#[tokio::test]
async fn a_removal_is_believed_in_the_end() {
    let mut watched = Watched::events(one_file).await;
    watched.expect(&[("a.yaml", "1")]).await;
    fs::rename(watched.path("a.yaml"), watched.path("b.yaml")).unwrap();
    watched.expect(&[("b.yaml", "1")]).await;
    fs::remove_file(watched.path("b.yaml")).unwrap();
    watched.expect(&[]).await;
}

fn linked(root: &Path) {
    fs::create_dir(root.join("releases")).unwrap();
    fs::create_dir(root.join("elsewhere")).unwrap();
    fs::write(root.join("elsewhere/target"), "1").unwrap();
    symlink("../elsewhere/target", root.join("releases/a.yaml")).unwrap();
}

#[tokio::test]
async fn the_target_of_a_link_is_edited() {
    for mut watched in [Watched::events(linked).await, Watched::polling(linked).await] {
        watched.expect(&[("a.yaml", "1")]).await;
        fs::write(watched.root.path().join("elsewhere/target"), "2").unwrap();
        watched.expect(&[("a.yaml", "2")]).await;
    }
}

#[tokio::test]
async fn polling_alone_finds_everything() {
    let mut watched = Watched::polling(one_file).await;
    watched.expect(&[("a.yaml", "1")]).await;
    watched.save("a.yaml", "2");
    watched.expect(&[("a.yaml", "2")]).await;
    watched.write("b.yaml", "1");
    watched.expect(&[("a.yaml", "2"), ("b.yaml", "1")]).await;
    fs::remove_file(watched.path("a.yaml")).unwrap();
    watched.expect(&[("b.yaml", "1")]).await;
}

#[tokio::test]
async fn endpoint_files_are_read_when_asked_for_and_watched_wherever_they_lie() {
    for mut watched in [Watched::events(one_file).await, Watched::polling(one_file).await] {
        watched.expect(&[("a.yaml", "1")]).await;
        let outside = watched.root.path().join("outside.json");
        let outside = outside.to_str().unwrap().to_owned();
        let asked = BTreeSet::from(["b.endpoints.yaml".to_owned(), outside.clone()]);
        watched.extra.send(asked.clone()).unwrap();
        let generation = watched.next().await;
        assert_eq!((&generation.extra, texts(&generation)), (&asked, vec!["a.yaml=1".to_owned()]));
        fs::write(&outside, "[]").unwrap();
        assert_eq!(watched.next().await.files[&outside].text, "[]");
        watched.write("b.endpoints.yaml", "[1]");
        assert_eq!(watched.next().await.files["b.endpoints.yaml"].text, "[1]");
        fs::write(&outside, "[2]").unwrap();
        assert_eq!(watched.next().await.files[&outside].text, "[2]");
    }
}

#[tokio::test]
async fn a_slow_receiver_gets_the_newest() {
    let mut watched = Watched::events(one_file).await;
    watched.expect(&[("a.yaml", "1")]).await;
    for text in 2..=20 {
        watched.save("a.yaml", &text.to_string());
        // Long enough for most to be taken in by themselves.
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    let mut received = Vec::new();
    while received.last().is_none_or(|last| last != "a.yaml=20") {
        received.extend(texts(&watched.next().await));
    }
    assert!(received.len() <= 4, "{received:?}");
}

/// Fifty edits a second, until the receiver of what was said is dropped.
fn edit_steadily(path: PathBuf) -> tokio::sync::oneshot::Sender<()> {
    let (stop, mut stopped) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        for turn in 0u64.. {
            tokio::select! {
                _ = ticks.tick() => fs::write(&path, format!("# {turn}\n")).unwrap(),
                _ = &mut stopped => return,
            }
        }
    });
    stop
}

#[tokio::test]
async fn n11_steady_edits_hold_nothing_back_for_long() {
    let prepare = |root: &Path| {
        fs::create_dir(root.join("releases")).unwrap();
        for name in ["restless.yaml", "gone.yaml", "e.json"] {
            fs::write(root.join("releases").join(name), "old\n").unwrap();
        }
    };
    for mut watched in [Watched::events(prepare).await, Watched::polling(prepare).await] {
        watched.extra.send_replace(BTreeSet::from(["e.json".to_owned()]));
        while !watched.next().await.files.contains_key("e.json") {}
        let _editing = edit_steadily(watched.path("restless.yaml"));
        watched.next().await;
        let begun = Instant::now();
        watched.save("e.json", "new\n");
        while watched.next().await.files["e.json"].text != "new\n" {}
        let endpoints = begun.elapsed();
        fs::remove_file(watched.path("gone.yaml")).unwrap();
        while watched.next().await.files.contains_key("gone.yaml") {}
        let (most, both) = (Duration::from_secs(5), begun.elapsed());
        assert!(endpoints < most && both < 2 * most, "endpoints after {endpoints:?}, a removal after {both:?}");
    }
}

#[tokio::test]
async fn the_configuration_is_one_of_the_files() {
    let mut watched = Watched::events(one_file).await;
    assert_eq!(watched.next().await.config, None);
    watched.write("tidegate.yaml", "listeners: {}");
    let generation = watched.next().await;
    assert_eq!(generation.config.as_deref(), Some("tidegate.yaml"));
    assert_eq!(generation.files["tidegate.yaml"].text, "listeners: {}");
}

#[tokio::test]
async fn a_save_is_a_generation_soon() {
    let mut watched = Watched::events(one_file).await;
    watched.expect(&[("a.yaml", "1")]).await;
    let mut took = Vec::new();
    for round in 0..20 {
        let text = format!("round {round}");
        watched.save("a.yaml", &text);
        let saved = Instant::now();
        watched.expect(&[("a.yaml", &text)]).await;
        took.push(saved.elapsed());
    }
    took.sort();
    println!("save to generation: median {:?}, longest {:?}", took[10], took[19]);
    assert!(took[10] < Duration::from_millis(150), "median {:?}", took[10]);
}
