//! Data flows one way and `use` points the other way: this test holds it.
//!
//! Each module may use those named beside it, and no other. Cycles between modules are how a code base becomes one that can
//! neither be tested nor read in parts.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Module, and the modules of this crate that it may use.
const MAY_USE: &[(&str, &[&str])] = &[
    ("diag", &[]),
    ("model", &["diag"]),
    ("rollout", &["model"]),
    ("simulation", &["model", "rollout"]),
    ("translate", &["model"]),
    ("snapshot", &["model", "translate"]),
    ("xds", &["snapshot"]),
    ("reports", &["snapshot", "xds"]),
    ("sources", &["diag", "model"]),
    ("store", &[]),
    ("tls", &[]),
    ("hooks", &["model"]),
    ("control", &["diag", "model", "probes", "reports", "rollout", "snapshot", "sources", "store", "tls", "translate", "xds"]),
    ("probes", &["model"]),
    ("forecast", &["control", "model", "rollout", "translate"]),
    ("telemetry", &["control", "diag", "hooks", "model", "reports", "snapshot", "xds"]),
    ("admin", &["control", "diag", "model", "rollout", "snapshot", "xds"]),
    ("web", &["control", "telemetry"]),
    ("testbed", &[]),
    (
        "serve",
        &[
            "admin",
            "control",
            "diag",
            "hooks",
            "model",
            "probes",
            "reports",
            "rollout",
            "snapshot",
            "sources",
            "store",
            "telemetry",
            "tls",
            "translate",
            "web",
            "xds",
        ],
    ),
    ("demo", &["admin", "control", "model", "rollout", "serve", "snapshot", "testbed", "translate", "xds"]),
    (
        "cli",
        &[
            "admin",
            "control",
            "demo",
            "diag",
            "forecast",
            "model",
            "rollout",
            "serve",
            "simulation",
            "snapshot",
            "sources",
            "store",
            "telemetry",
            "translate",
        ],
    ),
];

/// Crates that only some modules may name: pure modules stay pure, and Envoy's messages stay where they are built.
const ONLY_IN: &[(&str, &[&str])] = &[
    ("envoy_types", &["translate", "reports", "admin"]),
    ("tonic", &["xds", "reports", "probes", "admin", "serve", "cli", "demo", "telemetry"]),
    (
        "tokio",
        &[
            "xds",
            "reports",
            "hooks",
            "probes",
            "sources",
            "control",
            "admin",
            "web",
            "serve",
            "cli",
            "demo",
            "testbed",
            "telemetry",
        ],
    ),
    ("rustls", &["tls", "hooks", "serve"]),
    ("webpki", &["tls"]),
    ("notify", &["sources"]),
    ("redb", &["store"]),
    ("clap", &["cli"]),
    ("axum", &["web"]),
];

fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("src is readable") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Lines of each top-level module, comments and unit tests left out.
fn code() -> BTreeMap<String, Vec<(PathBuf, String)>> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    files(&src, &mut found);
    let mut code: BTreeMap<String, Vec<(PathBuf, String)>> = BTreeMap::new();
    let below = |path: &PathBuf| path.strip_prefix(&src).expect("under src").with_extension("");
    let is_test = |path: &PathBuf| below(path).iter().any(|part| part.to_string_lossy().ends_with("tests"));
    for path in found.into_iter().filter(|path| !is_test(path)) {
        let relative = path.strip_prefix(&src).expect("under src");
        let first = relative.components().next().expect("a name").as_os_str().to_string_lossy();
        let module = first.trim_end_matches(".rs").to_owned();
        let text = fs::read_to_string(&path).expect("a readable file");
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
            code.entry(module.clone()).or_default().push((relative.to_path_buf(), line.to_owned()));
        }
    }
    code
}

#[test]
fn modules_use_only_what_lies_before_them() {
    let code = code();
    let modules: Vec<&str> = MAY_USE.iter().map(|(module, _)| *module).collect();
    let mut wrong = Vec::new();
    for (module, lines) in code.iter().filter(|(module, _)| *module != "lib" && *module != "main") {
        let Some((_, may)) = MAY_USE.iter().find(|(name, _)| name == module) else {
            wrong.push(format!("module {module} has no row in MAY_USE"));
            continue;
        };
        for (path, line) in lines {
            for other in modules.iter().filter(|other| *other != module && !may.contains(other)) {
                if line.contains(&format!("crate::{other}")) {
                    wrong.push(format!("{}: {module} may not use {other}: {line}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn crates_stay_in_their_rooms() {
    let mut wrong = Vec::new();
    for (module, lines) in code() {
        for (name, rooms) in ONLY_IN {
            if rooms.contains(&module.as_str()) || module == "main" {
                continue;
            }
            for (path, line) in lines.iter().filter(|(_, line)| line.contains(&format!("{name}::"))) {
                wrong.push(format!("{}: {name} may not be named in {module}: {line}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_row_names_a_module() {
    let code = code();
    let missing: Vec<&str> = MAY_USE.iter().map(|(module, _)| *module).filter(|module| !code.contains_key(*module)).collect();
    assert!(missing.is_empty(), "rows of MAY_USE without a module: {missing:?}");
}
