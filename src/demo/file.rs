//! The release file of the demo, with the toy services' addresses in it.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::model::duration_text;

/// The service.
pub(super) const SERVICE: &str = "checkout";
/// Its host.
pub(super) const HOST: &str = "checkout.example.com";
/// Its versions, in the order in which they come.
pub(super) const VERSIONS: [&str; 4] = ["v41", "v42", "v43", "v44"];
/// Header and value that testers send, as the preview wants them.
pub(super) const TESTER: (&str, &str) = ("x-canary", "always");

/// What the file is to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Says {
    /// `versions:`
    pub versions: [&'static str; 2],
    /// `stable:`
    pub stable: &'static str,
    /// `candidate:`, and how it is released.
    pub release: Option<(&'static str, Way)>,
}

/// How a candidate is released.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Steps in per cent, each for a moment; after that one more, until somebody approves.
    Canary(&'static [u8], Option<u8>),
    /// Testers first, everybody when somebody has approved.
    BlueGreen,
}

/// The release file, where it lies.
#[derive(Debug, Clone)]
pub(super) struct ReleaseFile {
    path: PathBuf,
    addresses: [SocketAddr; 4],
    /// How long a step takes.
    hold: Duration,
}

impl ReleaseFile {
    /// The file in a folder, for versions at these addresses, in their order.
    pub(super) fn new(folder: &Path, addresses: [SocketAddr; 4], hold: Duration) -> ReleaseFile {
        ReleaseFile { path: folder.join("checkout.yaml"), addresses, hold }
    }

    /// Where it lies.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Saves it, as editors do: beside, then renamed.
    pub(super) fn save(&self, says: Says) -> io::Result<()> {
        let temporary = self.path.with_file_name(".checkout.yaml.tmp");
        fs::write(&temporary, self.text(says))?;
        fs::rename(temporary, &self.path)
    }

    /// The lines of the file, as it is now, that say where traffic goes.
    pub(super) fn decisive_lines(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.path).unwrap_or_default();
        let from = text.lines().skip_while(|line| !line.starts_with("stable:"));
        from.filter(|line| !line.trim_start().starts_with('#') && !line.trim().is_empty()).map(str::to_owned).collect()
    }

    fn text(&self, says: Says) -> String {
        let mut lines = vec![format!("service: {SERVICE}"), format!("hosts: [{HOST}]"), "versions:".to_owned()];
        let named = VERSIONS.iter().zip(self.addresses).filter(|(name, _)| says.versions.contains(name));
        lines.extend(named.map(|(name, address)| format!("  {name}: [\"{address}\"]")));
        lines.push(format!("stable: {}", says.stable));
        if let Some((candidate, way)) = says.release {
            lines.push(format!("candidate: {candidate}"));
            lines.extend(self.way(way));
        }
        lines.join("\n") + "\n"
    }

    fn way(&self, way: Way) -> Vec<String> {
        let (header, value) = TESTER;
        match way {
            Way::Canary(steps, last) => {
                let for_a_moment = steps.iter().map(|share| format!("{share}% for {}", duration_text(self.hold)));
                let steps: Vec<String> = for_a_moment.chain(last.map(|share| format!("{share}% until approved"))).collect();
                vec![format!("canary: {{steps: [{}]}}", steps.join(", "))]
            }
            Way::BlueGreen => vec![
                "blue_green:".to_owned(),
                format!("  preview: {{header: {{{header}: \"{value}\"}}}}"),
                "  before: [approval: {count: 1}]".to_owned(),
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_says_what_the_story_needs() {
        let folder = tempfile::tempdir().unwrap();
        let addresses = [1, 2, 3, 4].map(|port| ([127, 0, 0, 1], port).into());
        let file = ReleaseFile::new(folder.path(), addresses, Duration::from_secs(2));
        let release = Some(("v43", Way::Canary(&[5, 25], Some(50))));
        file.save(Says { versions: ["v42", "v43"], stable: "v42", release }).unwrap();
        let want = "service: checkout\nhosts: [checkout.example.com]\nversions:\n  v42: [\"127.0.0.1:2\"]\n  v43: [\"127.0.0.1:3\"]\n\
                    stable: v42\ncandidate: v43\ncanary: {steps: [5% for 2s, 25% for 2s, 50% until approved]}\n";
        assert_eq!(fs::read_to_string(file.path()).unwrap(), want);
        file.save(Says { versions: ["v41", "v42"], stable: "v42", release: None }).unwrap();
        assert_eq!(file.decisive_lines(), ["stable: v42"]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
