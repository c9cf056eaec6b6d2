//! What `lint`, `render`, `explain` and `plan` share: a directory, read once and compiled as the server would.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::bail;
use jiff::Timestamp;

use super::{address, seen::seen};
use crate::control::{self, Comparison, Compiled, Served};
use crate::diag::Problem;
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
    /// A directory by its path.
    pub fn of(dir: &Path) -> Files {
        Files { dir: dir.to_owned(), config: None }
    }

    /// Reads and compiles. Problems name their files from where the command was run.
    ///
    /// # Errors
    /// There is nothing to look at: no directory, no release files, not the configuration file that was named.
    pub fn compile(&self) -> anyhow::Result<Compiled> {
        let (_, compiled) = self.read(control::compile)?;
        Ok(Compiled { problems: self.seen(compiled.problems), ..compiled })
    }

    /// Reads, and compares with what is served. Problems name their files from where the command was run.
    ///
    /// # Errors
    /// As [`Files::compile`], and where it cannot be read what is served.
    pub fn compare(&self, served: &Served, now: Timestamp) -> anyhow::Result<Comparison> {
        let (_, compared) = self.read(|generation| control::compare(served, generation, now))?;
        let compared = compared?;
        Ok(Comparison { problems: self.seen(compared.problems), ..compared })
    }

    fn seen(&self, problems: Vec<Problem>) -> Vec<Problem> {
        seen(problems, &self.dir, self.config.as_deref())
    }

    /// Reads, with all files that are referred to by what is made of it.
    ///
    /// # Errors
    /// As [`Files::compile`].
    pub fn read<T: Made>(&self, make: impl Fn(&Generation) -> T) -> anyhow::Result<(Generation, T)> {
        let options = sources::Options { config: self.config.clone(), ..sources::Options::new(&self.dir) };
        let mut extra = BTreeSet::new();
        for _ in 0..READINGS {
            let generation = sources::scan(&options, &extra);
            self.check(&generation)?;
            let made = make(&generation);
            if made.is_of_nothing() {
                bail!(
                    "{} has no release files: files ending in .yaml or .yml, tidegate.yaml and *.endpoints.yaml left out",
                    self.dir.display()
                );
            }
            let wanted = made.endpoint_files();
            if wanted.is_subset(&extra) {
                return Ok((generation, made));
            }
            extra = wanted;
        }
        bail!("{} is changed all the time; try again when it is at rest", self.dir.display());
    }

    fn check(&self, generation: &Generation) -> anyhow::Result<()> {
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
        Ok(())
    }
}

/// What is made of a directory.
pub trait Made {
    /// The files that it refers to.
    fn endpoint_files(&self) -> BTreeSet<String>;

    /// Whether there is nothing at all to make it of.
    fn is_of_nothing(&self) -> bool;
}

impl Made for Compiled {
    fn endpoint_files(&self) -> BTreeSet<String> {
        self.endpoint_files.clone()
    }

    fn is_of_nothing(&self) -> bool {
        self.releases == 0 && self.problems.is_empty()
    }
}

impl<E> Made for Result<Comparison, E> {
    fn endpoint_files(&self) -> BTreeSet<String> {
        self.as_ref().map(|compared| compared.endpoint_files.clone()).unwrap_or_default()
    }

    fn is_of_nothing(&self) -> bool {
        self.as_ref().is_ok_and(|compared| compared.releases == 0 && compared.problems.is_empty())
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
