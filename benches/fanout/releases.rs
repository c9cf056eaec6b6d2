//! The release files of a run.

use std::fs;
use std::path::PathBuf;

/// A directory of services with two versions and ten endpoints each.
#[derive(Debug)]
pub struct Releases {
    folder: tempfile::TempDir,
    services: usize,
}

const ENDPOINTS: usize = 10;
/// Shares of the first service's second version. Each turn has another for a long time: a server that is behind, since the disk is
/// slow, must not find in the newest file what it serves already.
const SHARES: u32 = 80;
/// The smallest, so that all have two digits.
const SHARE: u32 = 10;

impl Releases {
    /// Writes the files.
    ///
    /// # Errors
    /// The disk is full, say.
    pub fn write(services: usize) -> std::io::Result<Releases> {
        let releases = Releases { folder: tempfile::tempdir()?, services };
        fs::create_dir(releases.dir())?;
        for service in 0..services {
            fs::write(releases.dir().join(format!("s{service}.yaml")), text(service, SHARE, ENDPOINTS))?;
        }
        Ok(releases)
    }

    /// The directory to serve.
    pub fn dir(&self) -> PathBuf {
        self.folder.path().join("releases")
    }

    /// A folder for what goes with it.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Saves the first service as an editor does, with the shares of this turn.
    ///
    /// # Errors
    /// The disk is full, say.
    pub fn update(&self, turn: usize) -> std::io::Result<()> {
        self.save(0, SHARE + turn as u32 % SHARES, ENDPOINTS)
    }

    /// Saves one service after the other with new shares, and now and then with an endpoint less or more.
    ///
    /// # Errors
    /// The disk is full, say.
    pub fn change(&self, turn: usize) -> std::io::Result<()> {
        let (service, lap) = (turn % self.services, turn / self.services);
        self.save(service, 1 + (lap % 99) as u32, ENDPOINTS - usize::from(turn % 10 == lap % 10))
    }

    fn save(&self, service: usize, share: u32, endpoints: usize) -> std::io::Result<()> {
        let hidden = self.dir().join(".saving");
        fs::write(&hidden, text(service, share, endpoints))?;
        fs::rename(hidden, self.dir().join(format!("s{service}.yaml")))
    }

    /// Names of the EDS clusters.
    pub fn clusters(&self) -> Vec<String> {
        (0..self.services).flat_map(|service| [1, 2].map(|version| format!("s{service}/v{version}"))).collect()
    }
}

fn text(service: usize, share: u32, endpoints: usize) -> String {
    let endpoints = |version: usize| {
        let of = |host: usize| format!("\"127.{version}.{}.{}:{}\"", service / 250, service % 250 + 1, 8000 + host);
        (0..endpoints).map(of).collect::<Vec<_>>().join(", ")
    };
    let (stable, candidate) = (endpoints(1), endpoints(2));
    format!(
        "service: s{service}\nhosts: [s{service}.example.com]\nversions:\n  v1: [{stable}]\n  v2: [{candidate}]\nstable: v1\n\
         split: {{v1: {}%, v2: {share}%}}\n",
        100 - share,
    )
}
