//! Envoys that show certificates: one that is who it says, and one that is not.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tidegate::testbed::{Client, EnvoyProcess, ensure};
use tidegate::translate::{BootstrapOptions, XdsAddress, XdsTls, XdsVariant, bootstrap};

use crate::pki::Ca;
use crate::proxy::Proxy;
use crate::releases::{FILE, Two};
use crate::run::{Setup, bounded};
use crate::server::Server;

/// Longest wait for a line in a log, and the time between two looks.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(5);
const CONFIG: &str = "xds: {tls: {certificate: server.pem, key: server.key, client_ca: ca.pem}}
fleets: {edge: {node_cluster: edge, identities: [\"spiffe://prod/ns/edge/*\"]}}
";

/// Writes a certificate made out for that name, and its key, to a folder.
fn issue(ca: &Ca, folder: &Path, name: &str, file: &str) -> (String, String) {
    let (pair, path) = (ca.issue(&[name]), |end: &str| folder.join(format!("{file}.{end}")));
    std::fs::write(path("pem"), pair.certificate).expect("written");
    std::fs::write(path("key"), pair.key).expect("written");
    (path("pem").display().to_string(), path("key").display().to_string())
}

/// An Envoy of fleet `edge` that shows this certificate.
async fn start(server: &Server, ca: PathBuf, id: &str, certificate: (String, String)) -> EnvoyProcess {
    let setup = Setup::USUAL;
    let binary = tokio::task::spawn_blocking(move || ensure(setup.envoy, |_| {})).await.expect("no panic").expect("an Envoy");
    let xds = server.xds();
    let options = BootstrapOptions {
        node_id: id.into(),
        node_cluster: "edge".into(),
        xds: vec![XdsAddress { host: xds.ip().to_string(), port: xds.port() }],
        variant: XdsVariant::Delta,
        admin: ([127, 0, 0, 1], 0).into(),
        listener: Some(([127, 0, 0, 1], 0).into()),
        tls: Some(XdsTls { ca: ca.display().to_string(), certificate: Some(certificate), server_name: None }),
        ..BootstrapOptions::default()
    };
    EnvoyProcess::start(&binary, &bootstrap(&options)).await.expect("Envoy")
}

/// The first line of an Envoy's log that has this text, as soon as it is there.
async fn told(envoy: &EnvoyProcess, text: &str) -> String {
    let look = async {
        loop {
            if let Some(line) = envoy.log().lines().find(|line| line.contains(text)) {
                return line.to_owned();
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(PATIENCE, look).await.unwrap_or_else(|_| panic!("no {text:?} in {}", envoy.log()))
}

#[test]
fn an_envoy_is_served_as_who_its_certificate_says_and_as_nobody_else() {
    bounded(async {
        let (two, ca) = (Two::start().await, Ca::new("ca"));
        let own = ca.issue(&["127.0.0.1"]);
        let files = [
            (FILE, two.file("")),
            ("server.pem", own.certificate),
            ("server.key", own.key),
            ("ca.pem", ca.pem()),
            ("tidegate.yaml", CONFIG.to_owned()),
        ];
        let server = Server::start(&files).await;
        let folder = server.beside("tls");
        std::fs::create_dir(&folder).expect("a folder");

        let theirs = issue(&ca, &folder, "spiffe://prod/ns/mail/1", "mail");
        let stranger = start(&server, server.path("ca.pem"), "edge-2", theirs).await;
        // Envoy shows the text as it stands on the wire, with `%20` for spaces.
        let line = told(&stranger, "closed: 7,").await;
        assert!(line.contains("spiffe://prod/ns/mail/1") && line.contains("edge-2"), "both are named: {line}");

        let own = issue(&ca, &folder, "spiffe://prod/ns/edge/1", "edge");
        let mut envoy = start(&server, server.path("ca.pem"), "edge-1", own).await;
        envoy.wait_ready().await.expect("ready");
        let address = envoy.wait_listener("http").await.expect("a listener");
        let proxy = Proxy { envoy, address, client: Client::default() };
        server.in_sync(1).await;
        let load = proxy.load().await;
        server.change(tidegate::snapshot::Kind::Route, FILE, &two.file("split: {v1: 0%, v2: 100%}")).await;
        load.until_served_by("v2").await;
        load.lost_none().await;

        assert!(proxy.stat("cluster.xds.ssl.handshake").await > 0);
        assert_eq!(stranger.admin().stat("cluster_manager.active_clusters").await.expect("a statistic"), 1, "the server alone");
    });
}
