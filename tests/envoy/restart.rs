//! The server dies without a word and comes back: requests go on, and nothing on the Envoy moves.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use tidegate::testbed::{Backend, Client, Load, LoadOptions};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::on_every_envoy;
use crate::world::{Setup, disturbances, start_envoy, turn};

/// `tidegate serve` as a process of its own, killed when dropped.
struct Server {
    child: Child,
    xds: SocketAddr,
}

impl Server {
    /// Starts it, and waits until it has opened its ports.
    async fn start(root: &Path, xds: SocketAddr) -> Server {
        let any = "127.0.0.1:0";
        let mut child = Command::new(env!("CARGO_BIN_EXE_tidegate"))
            .arg("serve")
            .arg(root.join("releases"))
            .args(["--xds", &xds.to_string(), "--admin", any, "--http", any])
            .arg("--state")
            .arg(root.join("state"))
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.next_line().await.unwrap().expect("a line that tells the ports");
        let xds = line.split_whitespace().find_map(|word| word.strip_prefix("xds=")).expect(&line).parse().unwrap();
        Server { child, xds }
    }

    /// `kill -9`.
    async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}

async fn a_killed_server_that_returns_moves_nothing(setup: Setup) {
    let _turn = turn(&setup).await;
    let (old, new) = (Backend::start("v1").await.unwrap(), Backend::start("v2").await.unwrap());
    let root = tempfile::tempdir().unwrap();
    let releases = root.path().join("releases");
    std::fs::create_dir(&releases).unwrap();
    let save = |stable: &str| {
        let versions = format!("versions: {{v1: [\"{}\"], v2: [\"{}\"]}}", old.address(), new.address());
        let text = format!("service: checkout\nhosts: [checkout.example.com]\n{versions}\nstable: {stable}\n");
        std::fs::write(releases.join("checkout.yaml"), text).unwrap();
    };
    save("v1");
    let server = Server::start(root.path(), SocketAddr::from(([127, 0, 0, 1], 0))).await;
    let xds = server.xds;
    let mut envoy = start_envoy(&setup, xds).await;
    let listener = envoy.wait_listener("http").await.unwrap();
    let load = Load::start(&LoadOptions::new(listener, "checkout.example.com", 200)).unwrap();
    load.more(50).await;
    let before = disturbances(&envoy).await;

    server.kill().await;
    envoy.wait_stat("control_plane.connected_state", |connected| connected == 0).await.unwrap();
    load.more(50).await;
    let _server = Server::start(root.path(), xds).await;
    envoy.wait_stat("control_plane.connected_state", |connected| connected == 1).await.unwrap();
    load.more(50).await;
    assert_eq!(disturbances(&envoy).await, before);

    // It really is managed again: an edit arrives, and is the one thing that moves.
    save("v2");
    let client = Client::default();
    while client.get(listener, "checkout.example.com", "/", &[]).await.unwrap().version.as_deref() != Some("v2") {}
    let mut moved = before;
    *moved.get_mut("http.http.rds.tidegate.config_reload").unwrap() += 1;
    assert_eq!(disturbances(&envoy).await, moved);
    let totals = load.stop().await;
    assert_eq!(totals.failed, 0, "{:?}", totals.failures);
}

on_every_envoy!(a_killed_server_that_returns_moves_nothing);
