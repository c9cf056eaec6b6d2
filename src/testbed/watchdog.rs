//! A child that must not outlive this process, even when this process is killed and can clean nothing up.

use std::process::Stdio;

use tokio::process::{Child, Command};

/// A shell that waits for the end of a pipe whose other end only this process holds, and then kills. The kernel closes the pipe
/// whichever way this process ends.
#[derive(Debug)]
pub(super) struct Watchdog {
    _shell: Child,
}

impl Watchdog {
    /// Watches over the process of that id until dropped. Drop it before the process is waited for: its id is then free again.
    pub(super) fn over(id: u32) -> std::io::Result<Watchdog> {
        let shell = Command::new("sh")
            .args(["-c", "read -r _; kill -9 \"$0\""])
            .arg(id.to_string())
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
