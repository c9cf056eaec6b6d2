//! Commands that need no server.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::fixture::{command, run};

const GOOD: &str = "service: checkout\nhosts: [checkout.example.com]\nversions:\n  v41: [127.0.1.11:8080]\n  v42: [127.0.1.21:8080]\n\
                    stable: v41\nsplit: {v41: 90%, v42: 10%}\n";
const BROKEN: &str = "service: payments\nhosts: [payments.example.com]\nversions:\n  blue: [127.0.2.1:80]\nstabel: blue\n";
const FOR_EDGE: &str =
    "service: search\nfleets: [edge]\nhosts: [search.example.com]\nversions:\n  v1: {file: search.json}\nstable: v1\n";
const FLEETS: &str = "fleets: {edge: {node_cluster: edge}}\n";

fn folder(files: &[(&str, &str)]) -> TempDir {
    let dir = TempDir::new().unwrap();
    for (name, text) in files {
        fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test]
async fn lint_is_content_with_good_files() {
    let dir = folder(&[("checkout.yaml", GOOD)]);
    let ran = run(&["lint", text(dir.path())]).await;
    assert_eq!((ran.code, ran.out.as_str()), (0, ""));
    assert_eq!(ran.err, "1 release file: 0 errors, 0 warnings\n");
}

#[tokio::test]
async fn lint_names_the_place_in_every_form() {
    let dir = folder(&[("checkout.yaml", GOOD), ("payments.yaml", BROKEN)]);
    let file = dir.path().join("payments.yaml");
    let dir = text(dir.path());
    let as_text = run(&["lint", dir]).await;
    assert_eq!(as_text.code, 1);
    assert!(as_text.out.contains("payments.yaml:5:1") && !as_text.out.contains('\u{1b}'), "{}", as_text.out);
    let json: Value = serde_json::from_str(&run(&["lint", dir, "-o", "json"]).await.out).unwrap();
    let first = json.as_array().unwrap().iter().find(|problem| problem["line"] == 5).unwrap();
    assert_eq!((&first["file"], &first["column"]), (&text(&file).into(), &1.into()));
    let github = run(&["lint", dir, "-o", "github"]).await.out;
    assert!(github.contains(&format!("::error file={},line=5,", text(&file))), "{github}");
}

#[tokio::test]
async fn files_are_named_as_they_would_be_opened_from_here() {
    let scratch = TempDir::new().unwrap();
    fs::create_dir(scratch.path().join("releases")).unwrap();
    fs::write(scratch.path().join("releases/payments.yaml"), BROKEN).unwrap();
    let from = async |place: &str, arguments: &[&str]| {
        let ran = command(arguments).current_dir(scratch.path().join(place)).output().await.unwrap();
        String::from_utf8([ran.stdout, ran.stderr].concat()).unwrap()
    };
    for (place, dir, want) in [
        ("", "releases/", "releases/payments.yaml"),
        ("", "./releases", "releases/payments.yaml"),
        ("releases", ".", "payments.yaml"),
        ("releases", "../releases", "../releases/payments.yaml"),
    ] {
        for (arguments, said) in [
            (&["lint", dir][..], format!("--> {want}:5:1\n")),
            (&["lint", dir, "-o", "github"], format!("::error file={want},line=5,")),
            (&["lint", dir, "-o", "json"], format!("\"file\": \"{want}\",\n")),
            (&["render", dir], format!("--> {want}:5:1\n")),
        ] {
            let told = from(place, arguments).await;
            assert!(told.contains(&said), "{said} is not in what {arguments:?} says:\n{told}");
        }
    }
}

#[tokio::test]
async fn warnings_count_only_when_asked() {
    let dir = folder(&[("checkout.yaml", &GOOD.replace("[127.0.1.21:8080]", "[]"))]);
    let dir = text(dir.path());
    let ran = run(&["lint", dir]).await;
    assert!(ran.code == 0 && ran.err.contains("0 errors, 1 warning"), "{}{}", ran.out, ran.err);
    assert_eq!(run(&["lint", dir, "--deny-warnings"]).await.code, 1);
}

#[tokio::test]
async fn nothing_to_look_at_is_no_success() {
    let empty = folder(&[("notes.txt", "")]);
    let missing = empty.path().join("missing");
    let file = empty.path().join("notes.txt");
    for (path, word) in [(empty.path(), "no release files"), (&missing, "no directory"), (&file, "is a file")] {
        for command in [&["lint"][..], &["render"], &["explain", "--service", "checkout"]] {
            let ran = run(&[command, &[text(path)]].concat()).await;
            assert_eq!((ran.code, ran.err.contains(word)), (2, true), "{command:?}: {}", ran.err);
        }
    }
    let good = folder(&[("checkout.yaml", GOOD)]);
    let ran = run(&["lint", text(good.path()), "--config", "nowhere.yaml"]).await;
    assert_eq!((ran.code, ran.err.contains("nowhere.yaml")), (2, true), "{}", ran.err);
}

#[tokio::test]
async fn render_prints_each_resource_once() {
    let dir = folder(&[("checkout.yaml", GOOD)]);
    let ran = run(&["render", text(dir.path())]).await;
    let titles: Vec<&str> = ran.out.lines().filter(|line| line.starts_with("# ")).collect();
    let want = [
        "# CDS checkout/v41",
        "# CDS checkout/v42",
        "# EDS checkout/v41",
        "# EDS checkout/v42",
        "# SRDS checkout.example.com",
        "# RDS tidegate",
        "# RDS tidegate/checkout.example.com",
        "# LDS checkout (on request)",
        "# LDS checkout.example.com (on request)",
        "# RDS tidegate/grpc/host/checkout.example.com (on request)",
        "# RDS tidegate/grpc/service/checkout (on request)",
    ];
    assert_eq!((ran.code, titles), (0, want.to_vec()));
    assert_eq!(ran.out.matches("---\n").count(), want.len());
}

#[tokio::test]
async fn render_is_for_the_node_that_is_said() {
    let endpoints = r#"[{"targets": ["127.0.4.1:80"]}]"#;
    let dir = folder(&[("checkout.yaml", GOOD), ("search.yaml", FOR_EDGE), ("search.json", endpoints), ("tidegate.yaml", FLEETS)]);
    let dir = text(dir.path());
    let all = run(&["render", dir]).await;
    assert!(all.out.contains("127.0.4.1") && all.out.contains("checkout/v41"), "{}{}", all.out, all.err);
    assert!(run(&["render", dir, "--node-cluster", "edge"]).await.out.contains("search/v1"));
    let other = run(&["render", dir, "--node-cluster", "sidecar"]).await.out;
    assert!(!other.contains("search/v1") && other.contains("checkout/v41"), "{other}");
    let one = run(&["render", dir, "--service", "search"]).await.out;
    assert!(one.contains("search/v1") && !one.contains("checkout"), "{one}");
    let none = run(&["render", dir, "--service", "serach"]).await;
    assert_eq!((none.code, none.err.contains("checkout, search")), (2, true), "{}", none.err);
}

#[tokio::test]
async fn render_goes_on_without_a_broken_file() {
    let dir = folder(&[("checkout.yaml", GOOD), ("payments.yaml", BROKEN)]);
    let ran = run(&["render", text(dir.path())]).await;
    assert_eq!(ran.code, 1);
    assert!(ran.out.contains("checkout/v41") && ran.err.contains("payments.yaml:5:1"), "{}", ran.err);
}

const RULED: &str = "rules:\n  - {name: beta, when: {cookie: {beta: \"1\"}, query: {a: b}}, send: v42}\n";

#[tokio::test]
async fn explain_tells_where_a_request_goes() {
    let dir = folder(&[("checkout.yaml", &format!("{GOOD}{RULED}"))]);
    let dir = text(dir.path());
    let ran = run(&["explain", dir, "--service", "checkout"]).await;
    let want = "GET checkout.example.com/ is for checkout, and its split decides\n\n  90%  v41\n  10%  v42\n\n  \
                no   rule `beta`: cookie `beta` must be `1`, and is absent\n";
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, want, ""));
    let flags = ["--host", "checkout.example.com:8443", "--cookie", "uid=7", "--cookie", "beta=1", "--query", "a=b", "-o", "json"];
    let ran = run(&[&["explain", dir], &flags[..]].concat()).await;
    let json: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, &json["service"], &json["rule"]), (0, &"checkout".into(), &"beta".into()));
    assert_eq!(json["split"][1]["share"]["text"], "100%");
}

#[tokio::test]
async fn explain_ends_as_the_others_do() {
    let dir = folder(&[("checkout.yaml", GOOD), ("payments.yaml", BROKEN)]);
    let dir = text(dir.path());
    let broken = run(&["explain", dir, "--service", "checkout"]).await;
    assert_eq!((broken.code, broken.out.contains("90%  v41"), broken.err.contains("payments.yaml:5:1")), (1, true, true));
    let good = folder(&[("checkout.yaml", GOOD)]);
    let dir = text(good.path());
    for (flags, code, said) in [
        (&["--host", "other.example.com"][..], 1, "no service answers there"),
        (&["--service", "checkout", "--host", "other.example.com"], 1, "is not for checkout"),
        (&["--service", "chekcout"], 2, "there are: checkout"),
        (&[], 2, "--host"),
        (&["--service", "checkout", "--path", "cart"], 2, "`/cart`"),
        (&["--service", "checkout", "--fleet", "edge"], 2, "no fleet `edge`"),
    ] {
        let ran = run(&[&["explain", dir], flags].concat()).await;
        assert_eq!(
            (ran.code, [ran.out.as_str(), &ran.err].concat().contains(said)),
            (code, true),
            "{flags:?}: {}{}",
            ran.out,
            ran.err
        );
    }
}

#[tokio::test]
async fn a_bootstrap_has_what_was_asked_for() {
    let flags =
        ["--node-id", "edge-7", "--cluster", "edge", "--mode", "sotw", "--admin-port", "9999", "--metadata", "team=payments"];
    let ran = run(&[&["bootstrap"], &flags[..], &["--xds", "127.0.0.5:18000,127.0.0.6:18000"]].concat()).await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    for word in ["edge-7", "9999", "team: payments", "127.0.0.5", "127.0.0.6", "api_type: GRPC"] {
        assert!(ran.out.contains(word), "{word} is not in\n{}", ran.out);
    }
    assert!(run(&["bootstrap"]).await.out.contains("api_type: DELTA_GRPC"));
    for wrong in [["--xds", "nowhere"], ["--node-id", ""], ["--metadata", "team"]] {
        assert_eq!(run(&[&["bootstrap"], &wrong[..]].concat()).await.code, 2, "{wrong:?}");
    }
}

#[tokio::test]
async fn an_address_to_listen_on_is_answered_by_one() {
    for (arguments, example) in [
        (["serve", "releases", "--xds", "localhost:1"].as_slice(), "127.0.0.1:1`"),
        (&["bootstrap", "--listener", "8080"], "127.0.0.1:8080`"),
    ] {
        let ran = run(arguments).await;
        assert_eq!((ran.code, ran.err.contains(example)), (2, true), "{}", ran.err);
    }
}

#[tokio::test]
async fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let ran = run(&["completions", shell]).await;
        assert!(ran.code == 0 && ran.out.contains("bootstrap") && ran.out.contains("warm-timeout"), "{shell}");
    }
}

#[tokio::test]
async fn a_bare_number_is_no_duration() {
    let ran = run(&["serve", "releases", "--poll", "2"]).await;
    assert_eq!((ran.code, ran.err.contains("write it with its unit")), (2, true), "{}", ran.err);
}
