//! `tidegate simulate`: which files it takes, and what it ends with.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use crate::fixture::run;

const CANARY: &str = "service: search\nfleets: [edge]\nhosts: [search.example.com]\nversions:\n  v1: {file: ../search.json}\n  \
                      v2: [127.0.4.2:80]\nstable: v1\ncandidate: v2\ncanary: {steps: [5% for 10m, 50% until approved]}\n";
const ENDPOINTS: &str = r#"[{"targets": ["127.0.4.1:80"]}]"#;
const FLEETS: &str = "fleets: {edge: {node_cluster: edge}}\n";

/// A folder of release files below one with what they refer to, and the path of a file in it.
fn folder(release: &str) -> (TempDir, String) {
    let dir = TempDir::new().unwrap();
    let releases = dir.path().join("releases");
    fs::create_dir(&releases).unwrap();
    fs::write(dir.path().join("search.json"), ENDPOINTS).unwrap();
    fs::write(releases.join("tidegate.yaml"), FLEETS).unwrap();
    fs::write(releases.join("search.yaml"), release).unwrap();
    let path = releases.join("search.yaml").to_str().unwrap().to_owned();
    (dir, path)
}

#[tokio::test]
async fn a_release_is_played_to_its_end() {
    let (_dir, file) = folder(CANARY);
    let ran = run(&["simulate", &file, "--at", "2026-11-27T15:00Z", "--approve-after", "2m"]).await;
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
    assert!(ran.out.contains("full      after 12m, Fri 2026-11-27 15:12:00 UTC\n"), "{}", ran.out);
    assert!(ran.out.ends_with("ended     done: v2 has everything\n"), "{}", ran.out);
}

#[tokio::test]
async fn what_does_not_get_there_is_a_problem() {
    let (_dir, file) = folder(CANARY);
    for (scenario, ended) in [("nack", "waits"), ("unapproved", "waits")] {
        let ran = run(&["simulate", &file, "--scenario", scenario, "-o", "json"]).await;
        let json: Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!((ran.code, &json["summary"]["ended"]), (1, &ended.into()), "{scenario}");
    }
    let (_dir, file) = folder(&CANARY.replace("candidate: v2\n", ""));
    let ran = run(&["simulate", &file]).await;
    assert_eq!((ran.code, ran.err.contains("add `candidate:`")), (1, true), "{}", ran.err);
}

#[tokio::test]
async fn a_file_with_errors_is_told_of_as_lint_does() {
    let (dir, file) = folder(&CANARY.replace("stable: v1", "stable: v9"));
    let ran = run(&["simulate", &file]).await;
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    let lint = run(&["lint", dir.path().join("releases").to_str().unwrap()]).await;
    assert_eq!((lint.code, lint.out), (1, ran.err));
}

#[tokio::test]
async fn what_is_no_release_file_cannot_be_played() {
    let (dir, file) = folder(CANARY);
    let (dir, missing) = (dir.path().to_str().unwrap(), file.replace("search", "serach"));
    let endpoints = format!("{dir}/search.json");
    for (path, word) in [(dir, "is a directory"), (&missing, "cannot read"), (&endpoints, "no release file")] {
        let ran = run(&["simulate", path]).await;
        assert_eq!((ran.code, ran.err.contains(word)), (2, true), "{}", ran.err);
    }
    let ran = run(&["simulate", &file, "--scenario", "helthy"]).await;
    assert_eq!((ran.code, ran.err.contains("failing-at=25%")), (2, true), "{}", ran.err);
}
