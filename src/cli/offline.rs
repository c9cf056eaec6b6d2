//! What `lint`, `render` and `explain` share: a directory, read once and compiled as the server would.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::bail;

use super::{address, seen::seen};
use crate::control::{self, Compiled};
use crate::sources::{self, DirectoryState, Generation};

/// Endpoint files are asked for by release files only, so the second reading has them all unless files change meanwhile.
const READINGS: usize = 5;

/// The directory to look at.
#[derive(Debug, Clone, clap::Args)]
pub struct Files {
    /// The directory of release files
    #[arg(env = "TIDEGATE_DIR")]
    dir: PathBuf,
    /// Fleets and listeners; by default tidegate.yaml in the directory, if it is there
    #[arg(long, value_name = "FILE", value_parser = address::config, env = "TIDEGATE_CONFIG")]
    config: Option<PathBuf>,
}

impl Files {
    /// Reads and compiles. Problems name their files from where the command was run.
    ///
    /// # Errors
    /// There is nothing to look at: no directory, no release files, not the configuration file that was named.
    pub fn compile(&self) -> anyhow::Result<Compiled> {
        let options = sources::Options { config: self.config.clone(), ..sources::Options::new(&self.dir) };
        let mut extra = BTreeSet::new();
        for _ in 0..READINGS {
            let generation = sources::scan(&options, &extra);
            let compiled = self.check(&generation)?;
            if compiled.endpoint_files.is_subset(&extra) {
                let problems = seen(compiled.problems, &self.dir, self.config.as_deref());
                return Ok(Compiled { problems, ..compiled });
            }
            extra = compiled.endpoint_files;
        }
        bail!("{} is changed all the time; try again when it is at rest", self.dir.display());
    }

    fn check(&self, generation: &Generation) -> anyhow::Result<Compiled> {
        no_file(&self.dir)?;
        let dir = self.dir.display();
        match &generation.directory {
            DirectoryState::Missing => bail!("there is no directory {dir}"),
            DirectoryState::Unreadable(reason) => bail!("{dir} cannot be read: {reason}"),
            DirectoryState::Present => {}
        }
        if let Some(config) = self.config.as_ref().filter(|config| !config.exists()) {
            bail!("there is no configuration file {}", config.display());
        }
        let compiled = control::compile(generation);
        if compiled.releases == 0 && compiled.problems.is_empty() {
            bail!("{dir} has no release files: files ending in .yaml or .yml, tidegate.yaml and *.endpoints.yaml left out");
        }
        Ok(compiled)
    }
}

/// Refuses what is there and is no directory.
///
/// # Errors
/// It is a file.
pub fn no_file(dir: &Path) -> anyhow::Result<()> {
    if dir.exists() && !dir.is_dir() {
        bail!("{} is a file; name the directory that it is in: releases are checked against each other", dir.display());
    }
    Ok(())
}
