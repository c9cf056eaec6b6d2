//! Where a server keeps what must survive a restart.

use std::path::{Path, PathBuf};

use anyhow::Context;
use xxhash_rust::xxh3::xxh3_64;

/// A folder in the user's state folder that belongs to this directory of release files, so that two servers do not share one.
///
/// # Errors
/// There is no home directory, or the directory has no absolute path.
pub fn default_folder(dir: &Path) -> anyhow::Result<PathBuf> {
    let dirs =
        directories::ProjectDirs::from("", "", "tidegate").context("there is no home directory; name a folder by --state")?;
    let base = dirs.state_dir().unwrap_or_else(|| dirs.data_local_dir());
    // The directory may not exist yet, so its path is made absolute without looking at it.
    let absolute = std::path::absolute(dir).with_context(|| format!("{} has no absolute path", dir.display()))?;
    Ok(base.join(name(&absolute)))
}

fn name(dir: &Path) -> String {
    let last = dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let readable: String = last.chars().filter(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).take(32).collect();
    format!("{readable}-{:016x}", xxh3_64(dir.as_os_str().as_encoded_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_do_not_share_their_state() {
        let (one, two) = (name(Path::new("/srv/a/releases")), name(Path::new("/srv/b/releases")));
        assert!(one.starts_with("releases-") && two.starts_with("releases-"));
        assert_ne!(one, two);
        assert_eq!(one, name(Path::new("/srv/a/releases")));
    }
}
