//! gRPC for Python, in the cache folder.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use tidegate::testbed::cache_folder;

/// The pinned packages, with the hashes of their builds.
const PINS: &str = include_str!("requirements.txt");

/// The folder to put on `PYTHONPATH`, made first when it is not there: some 7 MB to download. Processes wait for one another.
///
/// # Errors
/// Why this machine has no such client: no `python3`, one of a version without builds, no `pip`, no network.
pub fn packages() -> Result<PathBuf, String> {
    let folder = cache_folder().map_err(|error| error.to_string())?.join("grpc");
    // Builds are for one version of Python each.
    let tag = python(&["-c", "import sys; print(sys.implementation.cache_tag)"])?;
    let home = folder.join(format!("{}-{}", version(), tag.trim()));
    fs::create_dir_all(&folder).map_err(at(&folder))?;
    let path = home.with_added_extension("lock");
    // Held until the file is closed, also by the death of its holder.
    let lock = File::create(&path).and_then(|file| file.lock().map(|()| file)).map_err(at(&path))?;
    if !home.is_dir() {
        install(&home)?;
    }
    drop(lock);
    Ok(home)
}

/// The pinned version of gRPC.
fn version() -> &'static str {
    let pin = PINS.split_once("grpcio==").map_or("", |(_, rest)| rest);
    pin.split_whitespace().next().unwrap_or_default()
}

/// Under the lock. Made in a folder beside, which becomes `home` by one rename.
fn install(home: &Path) -> Result<(), String> {
    let partial = home.with_added_extension("partial");
    if partial.exists() {
        fs::remove_dir_all(&partial).map_err(at(&partial))?;
    }
    fs::create_dir(&partial).map_err(at(&partial))?;
    let pins = partial.join("requirements.txt");
    fs::write(&pins, PINS).map_err(at(&pins))?;
    let options = "-m pip install --quiet --no-input --disable-pip-version-check --no-deps --only-binary :all: --require-hashes";
    let mut arguments: Vec<&str> = options.split(' ').collect();
    let [into, from] = [&partial, &pins].map(|path| path.to_string_lossy().into_owned());
    arguments.extend(["--target", &into, "-r", &from]);
    python(&arguments)?;
    fs::rename(&partial, home).map_err(at(home))
}

/// What Python prints.
fn python(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("python3").args(arguments).output().map_err(|error| format!("python3 does not start: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

fn at(path: &Path) -> impl FnOnce(std::io::Error) -> String + '_ {
    move |error| format!("{}: {error}", path.display())
}
