//! An Envoy as a child process.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use thiserror::Error;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use super::{Admin, AdminError, Watchdog};

/// Longest wait for anything that an Envoy is asked for.
const PATIENCE: Duration = Duration::from_secs(20);
/// Time between two looks.
const LOOK: Duration = Duration::from_millis(5);
/// Lines of its log that go into an error.
const TAIL: usize = 15;

/// What went wrong with an Envoy.
#[derive(Debug, Error)]
pub enum EnvoyError {
    /// It could not be started.
    #[error("Envoy does not start: {0}")]
    Start(#[from] io::Error),
    /// It ended by itself.
    #[error("Envoy ended ({status}); its log ends:\n{log}")]
    Ended {
        /// How.
        status: ExitStatus,
        /// The end of its log.
        log: String,
    },
    /// It did not become what was waited for.
    #[error("waited {} s for {what}; Envoy's log ends:\n{log}", PATIENCE.as_secs())]
    Late {
        /// What was waited for, and what was seen instead.
        what: String,
        /// The end of its log.
        log: String,
    },
    /// Its admin port did not tell.
    #[error(transparent)]
    Admin(#[from] AdminError),
}

/// A running Envoy. Dropping it kills it; so does the death of this process, of whatever kind.
#[derive(Debug)]
pub struct EnvoyProcess {
    // In the order of dropping: the watchdog must not live to see the process id given to another process.
    _watchdog: Watchdog,
    child: Child,
    admin: Admin,
    folder: TempDir,
}

impl EnvoyProcess {
    /// Starts an Envoy and waits until its admin port answers. The bootstrap is YAML or JSON text, with an admin address on port 0.
    ///
    /// # Errors
    /// When it cannot be started, refuses the bootstrap, or opens no admin port.
    pub async fn start(binary: &Path, bootstrap: &str) -> Result<EnvoyProcess, EnvoyError> {
        let folder = tempfile::Builder::new().prefix("tidegate-envoy-").tempdir()?;
        fs::write(folder.path().join("envoy.yaml"), bootstrap)?;
        let mut child = command(binary, folder.path()).spawn()?;
        let _watchdog = Watchdog::over(folder.path(), child.id())?;
        let address = admin_address(&mut child, folder.path()).await?;
        Ok(EnvoyProcess { _watchdog, child, admin: Admin::new(address), folder })
    }

    /// Its admin port.
    pub fn admin(&self) -> &Admin {
        &self.admin
    }

    /// Its process id; `None` once it has ended.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        fs::read_to_string(log_path(self.folder.path())).unwrap_or_default()
    }

    /// Waits until it serves.
    pub async fn wait_ready(&mut self) -> Result<(), EnvoyError> {
        let admin = self.admin.clone();
        self.wait_until("it to serve", async || if admin.ready().await { Ok(()) } else { Err("not ready".into()) }).await
    }

    /// Waits until a counter or gauge is what it should be, and tells its value.
    pub async fn wait_stat(&mut self, name: &str, good: impl Fn(u64) -> bool) -> Result<u64, EnvoyError> {
        let admin = self.admin.clone();
        let look = async || match admin.stat(name).await {
            Ok(value) if good(value) => Ok(value),
            Ok(value) => Err(value.to_string()),
            Err(error) => Err(error.to_string()),
        };
        self.wait_until(&format!("the right value of {name}"), look).await
    }

    /// Waits for a listener, and tells where it is bound.
    pub async fn wait_listener(&mut self, name: &str) -> Result<SocketAddr, EnvoyError> {
        let admin = self.admin.clone();
        let look = async || match admin.listener(name).await {
            Ok(Some(address)) => Ok(address),
            Ok(None) => Err("none of that name".into()),
            Err(error) => Err(error.to_string()),
        };
        self.wait_until(&format!("the listener {name}"), look).await
    }

    /// Looks again and again until `look` says yes; its last no goes into the error.
    ///
    /// # Errors
    /// When the answer stays no for 20 s, or Envoy ends meanwhile.
    pub async fn wait_until<T>(&mut self, what: &str, look: impl AsyncFn() -> Result<T, String>) -> Result<T, EnvoyError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let no = match look().await {
                Ok(found) => return Ok(found),
                Err(no) => no,
            };
            still_running(&mut self.child, self.folder.path())?;
            if Instant::now() > deadline {
                return Err(EnvoyError::Late { what: format!("{what} (last seen: {no})"), log: tail(self.folder.path()) });
            }
            sleep(LOOK).await;
        }
    }

    /// Kills it and waits for its end.
    pub async fn stop(mut self) {
        // Already ended is as good as killed.
        let _ = self.child.start_kill();
        drop(self._watchdog);
        let _ = self.child.wait().await;
    }
}

fn command(binary: &Path, folder: &Path) -> Command {
    let mut command = Command::new(binary);
    command
        .arg("-c")
        .arg(folder.join("envoy.yaml"))
        .arg("--admin-address-path")
        .arg(address_path(folder))
        .arg("--log-path")
        .arg(log_path(folder))
        .args(["--disable-hot-restart", "--concurrency", "1", "--drain-time-s", "2", "--log-level", "info"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(folder.join("stderr")).map_or_else(|_| Stdio::null(), Stdio::from))
        // Ctrl-C in a terminal is for this process alone, which then ends things in their order.
        .process_group(0)
        .kill_on_drop(true);
    command
}

/// Envoy writes its admin address to a file once it is bound, not atomically: an address that does not parse is not there yet.
async fn admin_address(child: &mut Child, folder: &Path) -> Result<SocketAddr, EnvoyError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let text = fs::read_to_string(address_path(folder)).unwrap_or_default();
        if let Ok(address) = text.trim().parse::<SocketAddr>()
            && Admin::new(address).text("/server_info").await.is_ok()
        {
            return Ok(address);
        }
        still_running(child, folder)?;
        if Instant::now() > deadline {
            return Err(EnvoyError::Late { what: "its admin port".into(), log: tail(folder) });
        }
        sleep(LOOK).await;
    }
}

fn still_running(child: &mut Child, folder: &Path) -> Result<(), EnvoyError> {
    match child.try_wait()? {
        Some(status) => Err(EnvoyError::Ended { status, log: tail(folder) }),
        None => Ok(()),
    }
}

fn address_path(folder: &Path) -> PathBuf {
    folder.join("admin-address")
}

fn log_path(folder: &Path) -> PathBuf {
    folder.join("envoy.log")
}

/// The end of its log, or of its standard error when it ended before it had a log.
fn tail(folder: &Path) -> String {
    let texts = [log_path(folder), folder.join("stderr")].map(|path| fs::read_to_string(path).unwrap_or_default());
    let lines: Vec<&str> = texts.iter().flat_map(|text| text.lines()).collect();
    lines[lines.len().saturating_sub(TAIL)..].join("\n")
}
