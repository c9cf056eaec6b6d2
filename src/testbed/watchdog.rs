//! What must not outlive this process, even when this process is killed and can clean nothing up.

use std::io;
use std::path::Path;
use std::process::Stdio;

use tokio::process::{Child, Command};

/// Waits for the end of its input, whose other end only this process holds: the kernel closes it whichever way this process ends. Then
/// kills the process `$0`, if there is one, and removes the folder `$1`.
const SCRIPT: &str = r#"read -r _; [ -z "$0" ] || kill -9 "$0"; rm -rf -- "$1""#;

/// Cleans up after this process, should it die without doing so itself. Dropping it calls that off.
#[derive(Debug)]
pub struct Watchdog {
    _shell: Child,
}

impl Watchdog {
    /// Watches over a folder of this process, and a child that works in it. Drop it before the child is waited for: its id may then
    /// be given to another process.
    pub fn over(folder: &Path, child: Option<u32>) -> io::Result<Watchdog> {
        let shell = Command::new("sh")
            .args(["-c", SCRIPT])
            .arg(child.map(|id| id.to_string()).unwrap_or_default())
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C in a terminal is for this process alone, which then ends things in their order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        Ok(Watchdog { _shell: shell })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn the_end_of_this_process_ends_the_child_and_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new("sleep").arg("1000").kill_on_drop(true).spawn().unwrap();
        let mut watchdog = Watchdog::over(folder.path(), child.id()).unwrap();
        // What the kernel does when this process dies.
        drop(watchdog._shell.stdin.take());
        let ended = tokio::time::timeout(Duration::from_secs(20), child.wait()).await.expect("it is killed").unwrap();
        assert!(!ended.success());
        watchdog._shell.wait().await.unwrap();
        assert!(!folder.path().exists());
    }
}
