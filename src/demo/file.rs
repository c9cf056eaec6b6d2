//! The release file of the demo: the project's own example, with the toy services' addresses in it.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The hand-held canary of the examples.
const EXAMPLE: &str = include_str!("../../examples/checkout.yaml");
/// The version that serves at first.
pub(super) const OLD: &str = "v41";
/// The version that is released.
pub(super) const NEW: &str = "v42";
/// The host of the service.
pub(super) const HOST: &str = "checkout.example.com";
/// Header and value that testers send, as the rule matches them.
pub(super) const TESTER: (&str, &str) = ("x-canary", "always");

/// What the file is to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Says {
    /// `stable:`
    pub stable: &'static str,
    /// The new version's share in per cent, as `split:`; `None` leaves the split out.
    pub split: Option<u8>,
    /// Whether testers are sent to the new version.
    pub testers: bool,
}

/// The release file, where it lies.
#[derive(Debug, Clone)]
pub(super) struct ReleaseFile {
    path: PathBuf,
    old: SocketAddr,
    new: SocketAddr,
}

impl ReleaseFile {
    pub(super) fn new(folder: &Path, old: SocketAddr, new: SocketAddr) -> ReleaseFile {
        ReleaseFile { path: folder.join("checkout.yaml"), old, new }
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
        let mut lines: Vec<String> = EXAMPLE.lines().filter_map(|line| self.line(line, says)).collect();
        if says.testers {
            let (header, value) = TESTER;
            lines.push("rules:".into());
            lines.push("  - name: testers".into());
            lines.push(format!("    when: {{header: {{{header}: \"{value}\"}}}}"));
            lines.push(format!("    send: {NEW}"));
        }
        lines.join("\n") + "\n"
    }

    fn line(&self, line: &str, says: Says) -> Option<String> {
        let versions = [(OLD, self.old), (NEW, self.new)];
        if let Some((name, address)) = versions.iter().find(|(name, _)| line.starts_with(&format!("  {name}:"))) {
            return Some(format!("  {name}: [\"{address}\"]"));
        }
        match line.split_once(':').map(|(key, _)| key) {
            Some("stable") => Some(format!("stable: {}", says.stable)),
            Some("split") => says.split.map(|share| format!("split: {{{OLD}: {}%, {NEW}: {share}%}}", 100 - share)),
            _ => Some(line.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_becomes_what_the_story_needs() {
        let folder = tempfile::tempdir().unwrap();
        let file = ReleaseFile::new(folder.path(), ([127, 0, 0, 1], 1111).into(), ([127, 0, 0, 1], 2222).into());
        file.save(Says { stable: OLD, split: Some(5), testers: true }).unwrap();
        let text = fs::read_to_string(file.path()).unwrap();
        for line in [
            "service: checkout",
            "hosts: [checkout.example.com]",
            "  v41: [\"127.0.0.1:1111\"]",
            "  v42: [\"127.0.0.1:2222\"]",
            "stable: v41",
            "split: {v41: 95%, v42: 5%}",
        ] {
            assert_eq!(text.lines().filter(|have| *have == line).count(), 1, "{line}\n{text}");
        }
        file.save(Says { stable: NEW, split: None, testers: false }).unwrap();
        assert_eq!(file.decisive_lines(), ["stable: v42"]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
