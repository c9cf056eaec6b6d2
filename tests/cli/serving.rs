//! `tidegate serve` from its first line to its end.

use std::fs;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::fixture::{command, run};

const CHECKOUT: &str = "service: checkout\nhosts: [checkout.example.com]\nversions:\n  v41: [127.0.1.11:8080]\nstable: v41\n";

/// A server that runs, and its admin address as it told it.
struct Serving {
    child: Child,
    admin: String,
    _scratch: TempDir,
}

async fn serve() -> Serving {
    let scratch = TempDir::new().unwrap();
    let (dir, state) = (scratch.path().join("releases"), scratch.path().join("state"));
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("checkout.yaml"), CHECKOUT).unwrap();
    let any = "127.0.0.1:0";
    let flags = ["--xds", any, "--admin", any, "--http", any, "--log", "error", "--state", state.to_str().unwrap()];
    let mut child = command(&["serve", dir.to_str().unwrap()]).args(flags).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap().expect("a line with the ports");
    let admin = admin_of(&line).unwrap_or_else(|| panic!("no ports in: {line}"));
    Serving { child, admin, _scratch: scratch }
}

/// `serving xds=… admin=… http=…`
fn admin_of(line: &str) -> Option<String> {
    let mut words = line.strip_prefix("serving xds=127.0.0.1:")?.split(' ').skip(1);
    let admin = words.next()?.strip_prefix("admin=")?;
    words.next()?.strip_prefix("http=127.0.0.1:")?;
    Some(admin.to_owned())
}

impl Serving {
    /// Waits until the server has loaded its files.
    async fn ready(&self) {
        let all = async {
            while run(&["status", "checkout", "--server", &self.admin]).await.code != 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), all).await.expect("the server gets ready");
    }

    /// Asks the server to end, as a service manager does; its exit code.
    async fn terminate(mut self) -> Option<i32> {
        let id = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
        let ended = tokio::time::timeout(Duration::from_secs(20), self.child.wait()).await;
        ended.expect("the server ends").unwrap().code()
    }
}

#[tokio::test]
async fn it_tells_its_ports_serves_and_ends_with_a_watcher_attached() {
    let serving = serve().await;
    serving.ready().await;
    let mut watch = command(&["watch", "--server", &serving.admin]).spawn().unwrap();
    let mut seen = BufReader::new(watch.stdout.take().unwrap()).lines();
    assert!(seen.next_line().await.unwrap().unwrap().ends_with("server: ready"));
    assert_eq!(serving.terminate().await, Some(0));
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_with_its_flag() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let scratch = TempDir::new().unwrap();
    let path = scratch.path().to_str().unwrap();
    let any = "127.0.0.1:0";
    let ran = run(&["serve", path, "--state", path, "--xds", any, "--http", any, "--admin", &address]).await;
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains(&address) && ran.err.contains("--admin"), "{}", ran.err);
    assert_eq!(ran.err.matches("os error").count(), 1, "{}", ran.err);
}

#[tokio::test]
async fn a_state_folder_that_cannot_be_made_is_told_once() {
    let scratch = TempDir::new().unwrap();
    let file = scratch.path().join("file");
    fs::write(&file, "").unwrap();
    let (dir, state) = (scratch.path().to_str().unwrap(), file.join("state"));
    let any = "127.0.0.1:0";
    let flags = ["--xds", any, "--admin", any, "--http", any, "--state", state.to_str().unwrap()];
    let ran = run(&[&["serve", dir], &flags[..]].concat()).await;
    assert_eq!((ran.code, ran.err.matches("os error").count()), (2, 1), "{}", ran.err);
}

#[tokio::test]
async fn a_file_is_no_directory_to_serve() {
    let scratch = TempDir::new().unwrap();
    let file = scratch.path().join("checkout.yaml");
    fs::write(&file, CHECKOUT).unwrap();
    let state = scratch.path().join("state");
    let any = "127.0.0.1:0";
    let flags = ["--xds", any, "--admin", any, "--http", any, "--state", state.to_str().unwrap()];
    let serving = command(&["serve", file.to_str().unwrap()]).args(flags).output();
    let ran = tokio::time::timeout(Duration::from_secs(20), serving).await.expect("it ends by itself").unwrap();
    let err = String::from_utf8(ran.stderr).unwrap();
    assert_eq!((ran.status.code(), err.contains("is a file; name the directory")), (Some(2), true), "{err}");
    assert!(!state.exists());
}

#[tokio::test]
async fn a_log_filter_with_a_typo_is_refused() {
    let ran = run(&["serve", "releases", "--log", "inof"]).await;
    assert_eq!((ran.code, ran.err.contains("write a level")), (2, true), "{}", ran.err);
}
