//! The admin port behind TLS, and the commands that ask it.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tidegate::control::ServerStatus;
use tidegate::serve::{self, Options, Running};

use crate::fixture::run;
use crate::orders::CANARY;
use crate::pki::{Ca, Pair};

const LIMIT: Duration = Duration::from_secs(20);

/// Writes a certificate and its key; the flags that name them.
fn put(folder: &Path, pair: &Pair, certificate: &str, key: &str) -> [String; 2] {
    fs::write(folder.join(certificate), &pair.certificate).unwrap();
    fs::write(folder.join(key), &pair.key).unwrap();
    [certificate, key].map(|name| folder.join(name).display().to_string())
}

async fn serve(folder: &Path, config: &Path) -> Running {
    let dir = folder.join("releases");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("checkout.yaml"), CANARY).unwrap();
    let options = Options { config: Some(config.to_owned()), ..Options::local(dir, folder.join("state")) };
    let running = serve::start(options).await.unwrap();
    let mut status = running.status.clone();
    let settled = status.wait_for(|status: &Arc<ServerStatus>| status.ready || !status.problems.is_empty());
    tokio::time::timeout(LIMIT, settled).await.unwrap().unwrap();
    running
}

#[tokio::test]
async fn the_admin_port_answers_who_shows_a_certificate() {
    let (folder, ca) = (TempDir::new().unwrap(), Ca::new("ca"));
    // Files that the configuration names lie beside it, wherever the releases are.
    let beside = folder.path().join("etc");
    fs::create_dir(&beside).unwrap();
    put(&beside, &ca.issue(&["127.0.0.1"]), "server.pem", "server.key");
    fs::write(beside.join("ca.pem"), ca.pem()).unwrap();
    let config = beside.join("gate.yaml");
    fs::write(&config, "admin: {tls: {certificate: server.pem, key: server.key, client_ca: ca.pem}}\n").unwrap();
    let [certificate, key] = put(&beside, &ca.issue(&["spiffe://prod/ns/ops"]), "own.pem", "own.key");
    let trusted = beside.join("ca.pem").display().to_string();

    let running = serve(folder.path(), &config).await;
    let address = running.admin.to_string();
    let server = ["status", "--server", &address];
    let shown = [&server[..], &["--tls-ca", &trusted, "--tls-cert", &certificate, "--tls-key", &key]].concat();
    let ran = run(&shown).await;
    assert_eq!((ran.code, ran.out.contains("checkout")), (0, true), "{}{}", ran.out, ran.err);
    let url = format!("https://{address}");
    let ran = run(&["fleet", "--server", &url, "--tls-ca", &trusted, "--tls-cert", &certificate, "--tls-key", &key]).await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    // What the certificate says counts, whatever is claimed.
    let pause = ["pause", "checkout", "--actor", "root", "--server", &address];
    let ran = run(&[&pause[..], &["--tls-ca", &trusted, "--tls-cert", &certificate, "--tls-key", &key]].concat()).await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    let newest = running.desk.history(Some("checkout"), None, 1).unwrap().remove(0).event;
    let by = newest.by.expect("somebody");
    assert_eq!((by.name.as_str(), by.claimed), ("spiffe://prod/ns/ops", false));
    for flags in [&["--tls-ca", trusted.as_str()][..], &[]] {
        let ran = run(&[&server[..], flags].concat()).await;
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{flags:?}: {}", ran.err);
    }
    let ran = run(&["status", "--server", &url]).await;
    assert!(ran.code == 2 && ran.err.contains("--tls-ca"), "{}", ran.err);
    running.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_certificate_that_is_not_there_is_told_where_it_is_named() {
    let folder = TempDir::new().unwrap();
    let config = folder.path().join("gate.yaml");
    fs::write(&config, "listeners: {}\nadmin:\n  tls: {certificate: server.pem, key: server.key}\n").unwrap();
    let running = serve(folder.path(), &config).await;
    let status = running.status.borrow().clone();
    let problem = status.problems.first().expect("a problem");
    assert_eq!((problem.code, problem.position(), status.ready), ("T902", (3, 22), false), "{}", problem.one_line());
    running.shutdown().await.unwrap();

    // Where files are looked at before they are served there need not be any key.
    let dir = folder.path().join("releases").display().to_string();
    let ran = run(&["lint", &dir, "--config", config.to_str().unwrap()]).await;
    assert_eq!((ran.code, ran.out.contains("warning[T902]")), (0, true), "{}{}", ran.out, ran.err);
}
