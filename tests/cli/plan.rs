//! `tidegate plan`, against files and against a server in mid-release.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use crate::fixture::run;
use crate::orders::{CANARY, Shop};

fn folder(text: &str) -> TempDir {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("checkout.yaml"), text).unwrap();
    dir
}

fn path(dir: &TempDir) -> &str {
    dir.path().to_str().unwrap()
}

#[tokio::test]
async fn a_server_is_asked_how_far_it_is() {
    let shop = Shop::open(CANARY).await;
    shop.at_step(1).await;
    let address = shop.running.admin.to_string();
    let plan = async |text: &str| {
        let dir = folder(text);
        let ran = run(&["plan", path(&dir), "--against", &address, "-o", "json", "--exit-code"]).await;
        (ran.code, serde_json::from_str::<Value>(&ran.out).unwrap_or_else(|error| panic!("{error}: {}", ran.err)))
    };
    let (code, same) = plan(CANARY).await;
    assert_eq!((code, &same["changes"], &same["nodes"]), (0, &false.into(), &0.into()));
    let (code, later) = plan(&CANARY.replace("50% until approved", "50% for 1h")).await;
    let service = &later["services"][0];
    assert_eq!((code, &service["rollout"][0]), (1, &"the steps to come are other ones".into()));
    assert_eq!(
        (&service["until_full"]["time_ms"], &service["after"]["steps"][0]["state"]),
        (&3_600_000.into(), &"under_way".into())
    );
    let (code, now) = plan(&CANARY.replace("5% until approved, ", "7% until approved, ")).await;
    assert_eq!((code, &now["services"][0]["change"]), (1, &"refused".into()));
    shop.running.shutdown().await.unwrap();
}

#[tokio::test]
async fn two_directories_are_compared() {
    let (old, new) = (folder(&CANARY.replace("candidate: v42\n", "")), folder(CANARY));
    let ran = run(&["plan", path(&new), "--against-dir", path(&old)]).await;
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(ran.out.contains("checkout changes (checkout.yaml): candidate\n"), "{}", ran.out);
    assert!(ran.out.contains("\n  rollout     v42 is to be released; v41 has everything\n"), "{}", ran.out);
    let same = run(&["plan", path(&new), "--against-dir", path(&new), "--exit-code"]).await;
    assert_eq!((same.code, same.out.as_str()), (0, "nothing would change (1 service)\n"));
    let changed = run(&["plan", path(&new), "--exit-code"]).await;
    assert_eq!((changed.code, changed.out.starts_with("services: 1 new\n")), (1, true), "{}", changed.out);
}

#[tokio::test]
async fn broken_files_are_a_problem_and_nothing_to_look_at_is_a_failure() {
    let broken = folder("service: checkout\n");
    let ran = run(&["plan", path(&broken)]).await;
    assert!(ran.code == 1 && ran.err.contains(&format!("{}/checkout.yaml", path(&broken))), "{}", ran.err);
    let empty = TempDir::new().unwrap();
    let ran = run(&["plan", path(&empty)]).await;
    assert_eq!((ran.code, ran.err.contains("has no release files")), (2, true), "{}", ran.err);
    let good = folder(CANARY);
    let ran = run(&["plan", path(&good), "--against", "127.0.0.1:1"]).await;
    assert_eq!((ran.code, ran.err.contains("no tidegate server answers at 127.0.0.1:1")), (2, true), "{}", ran.err);
}
