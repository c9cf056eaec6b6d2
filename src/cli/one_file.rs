//! One release file alone, read and compiled as the server would.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};

use super::{address, seen::seen};
use crate::control;
use crate::diag::{Problem, SourceFile};
use crate::model::{self, Release};
use crate::sources::{DirectoryState, Files, Generation};

/// A file that endpoint files refer to is none, so the second reading has them all.
const READINGS: usize = 3;
/// The configuration file beside a release file.
const CONFIG: &str = "tidegate.yaml";

/// The release file to look at.
#[derive(Debug, Clone, clap::Args)]
pub struct OneFile {
    /// The release file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Fleets and listeners; by default tidegate.yaml beside the file, if it is there
    #[arg(long, value_name = "FILE", value_parser = address::config, env = "TIDEGATE_CONFIG")]
    config: Option<PathBuf>,
}

/// What a file comes to.
#[derive(Debug)]
pub struct Looked {
    /// The release; `None` if and only if there is an error among the problems.
    pub release: Option<Release>,
    /// Everything there is to say of it.
    pub problems: Vec<Problem>,
}

impl OneFile {
    /// Reads and compiles. Problems name their files from where the command was run.
    ///
    /// # Errors
    /// There is no such file, or it is no release file by its name.
    pub fn look(&self) -> anyhow::Result<Looked> {
        let (dir, name) = self.place()?;
        let mut generation = self.generation(&dir, &name)?;
        let mut compiled = control::compile(&generation);
        for _ in 0..READINGS {
            if compiled.endpoint_files.is_subset(&generation.extra) {
                break;
            }
            add_beside(&mut generation, &dir, compiled.endpoint_files);
            compiled = control::compile(&generation);
        }
        let good = !compiled.problems.iter().any(Problem::is_error);
        let read = |file| model::read_release(file, &|path| generation.files.get(path).cloned()).value;
        let release = generation.files.get(&name).filter(|_| good).and_then(read);
        Ok(Looked { release, problems: seen(compiled.problems, &dir, self.config.as_deref()) })
    }

    /// The directory and the name in it, as a watched directory would have it.
    fn place(&self) -> anyhow::Result<(PathBuf, String)> {
        let shown = self.file.display();
        if self.file.is_dir() {
            bail!("{shown} is a directory; name one of the release files in it");
        }
        let name = self.file.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if !model::is_release_file(&name) {
            bail!("{shown} is no release file: their names end in .yaml or .yml, {CONFIG} and *.endpoints.yaml left out");
        }
        let dir = self.file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Ok((dir.to_owned(), name))
    }

    fn generation(&self, dir: &Path, name: &str) -> anyhow::Result<Generation> {
        let text = fs::read_to_string(&self.file).with_context(|| format!("cannot read {}", self.file.display()))?;
        let mut files = Files::new();
        files.insert(name.to_owned(), source(name, text));
        let config = match &self.config {
            Some(path) => {
                let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
                Some((path.display().to_string(), text))
            }
            None => fs::read_to_string(dir.join(CONFIG)).ok().map(|text| (CONFIG.to_owned(), text)),
        };
        let config = config.map(|(path, text)| {
            files.insert(path.clone(), source(&path, text));
            path
        });
        let (unreadable, extra) = (Default::default(), BTreeSet::new());
        Ok(Generation { files, unreadable, config, extra, directory: DirectoryState::Present })
    }
}

fn source(path: &str, text: String) -> Arc<SourceFile> {
    Arc::new(SourceFile { path: path.to_owned(), text })
}

/// Adds the files that others refer to. One that cannot be read is told with the reason; one that is not there is missed by whoever
/// refers to it.
fn add_beside(generation: &mut Generation, dir: &Path, wanted: BTreeSet<String>) {
    for path in &wanted {
        match fs::read_to_string(dir.join(path)) {
            Ok(text) => {
                generation.files.insert(path.clone(), source(path, text));
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                generation.unreadable.insert(path.clone(), error.to_string());
            }
        }
    }
    generation.extra = wanted;
}
