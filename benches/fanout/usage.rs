//! What a process has used, as `/proc` tells.

use std::collections::BTreeMap;
use std::fs;

use anyhow::Context as _;

/// A process.
#[derive(Debug, Clone, Copy)]
pub struct Usage(pub u32);

/// CPU time by thread, in nanoseconds.
#[derive(Debug)]
pub struct Cpu(BTreeMap<String, u64>);

impl Usage {
    /// CPU time until now. `stat` counts in hundredths of a second, `schedstat` in nanoseconds.
    ///
    /// # Errors
    /// The process is gone.
    pub fn cpu(self) -> anyhow::Result<Cpu> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.0)).context("the server is gone")?;
        let of_task = |task: std::io::Result<fs::DirEntry>| {
            let path = task.ok()?.path();
            // A thread may end while this looks.
            let text = fs::read_to_string(path.join("schedstat")).ok()?;
            let nanos = text.split(' ').next()?.parse().ok()?;
            Some((path.file_name()?.to_string_lossy().into_owned(), nanos))
        };
        Ok(Cpu(tasks.filter_map(of_task).collect()))
    }

    /// Memory in use, in kB.
    ///
    /// # Errors
    /// The process is gone.
    pub fn rss(self) -> anyhow::Result<u64> {
        self.status("VmRSS:")
    }

    /// The most memory that was ever in use, in kB.
    ///
    /// # Errors
    /// The process is gone.
    pub fn peak_rss(self) -> anyhow::Result<u64> {
        self.status("VmHWM:")
    }

    /// Threads.
    ///
    /// # Errors
    /// The process is gone.
    pub fn threads(self) -> anyhow::Result<u64> {
        self.status("Threads:")
    }

    fn status(self, name: &str) -> anyhow::Result<u64> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.0)).context("the server is gone")?;
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|line| line.split_whitespace().next()).and_then(|number| number.parse().ok());
        number.with_context(|| format!("/proc/{}/status tells no {name}", self.0))
    }
}

impl Cpu {
    /// Nanoseconds used since then. What threads used that have ended since is lost.
    pub fn since(&self, then: &Cpu) -> u64 {
        self.0.iter().map(|(thread, now)| now - then.0.get(thread).unwrap_or(&0)).sum()
    }
}
