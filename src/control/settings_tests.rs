//! The configuration in force, and its doors, over generations.

use std::collections::BTreeMap;
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};

use super::settings::{Settings, Taken};
use crate::diag::{Problem, SourceFile};
use crate::sources::{DirectoryState, Generation};
use crate::tls::Door;

const TLS: &str = "admin: {tls: {certificate: s.pem, key: s.key}}\n";

fn pair() -> [(&'static str, String); 2] {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["a.example".to_owned()]).unwrap().self_signed(&key).unwrap();
    [("s.pem", certificate.pem()), ("s.key", key.serialize_pem())]
}

/// A generation of these files, read with what the settings want.
fn generation(settings: &Settings, files: &[(&str, String)]) -> Generation {
    let file =
        |(path, text): &(&str, String)| (path.to_string(), Arc::new(SourceFile { path: path.to_string(), text: text.clone() }));
    Generation {
        files: files.iter().map(file).collect(),
        unreadable: BTreeMap::new(),
        config: files.iter().any(|(path, _)| *path == "tidegate.yaml").then(|| "tidegate.yaml".to_owned()),
        extra: settings.wanted().clone(),
        directory: DirectoryState::Present,
    }
}

/// Takes a generation in as the writer does; whether there is something to go on with, and the codes of its problems.
fn take(settings: &mut Settings, files: &[(&str, String)]) -> (bool, Vec<&'static str>) {
    let mut problems: Vec<Problem> = Vec::new();
    let mut taken = settings.take(&generation(settings, files), &mut problems);
    if matches!(taken, Taken::Unread) {
        problems.clear();
        taken = settings.take(&generation(settings, files), &mut problems);
    }
    let codes = problems.iter().map(|problem| problem.code).collect();
    match taken {
        Taken::Now(config, ports) => {
            settings.accept(config, ports);
            (true, codes)
        }
        other => {
            settings.stay(other);
            (false, codes)
        }
    }
}

fn door(settings: &Settings) -> &'static str {
    match settings.doors().borrow().as_ref().map(|doors| doors.admin.clone()) {
        None => "not known",
        Some(Door::Open) => "open",
        Some(Door::Guarded(_)) => "guarded",
        Some(Door::Shut) => "shut",
    }
}

fn with(config: &str, pair: &[(&'static str, String)]) -> Vec<(&'static str, String)> {
    [&[("tidegate.yaml", config.to_owned())], pair].concat()
}

#[test]
fn a_door_is_known_from_the_first_generation_on() {
    let mut settings = Settings::new(false);
    assert_eq!(door(&settings), "not known");
    assert_eq!((take(&mut settings, &[]), door(&settings)), ((true, vec![]), "open"));
    assert_eq!((take(&mut settings, &with(TLS, &pair())), door(&settings)), ((true, vec![]), "guarded"));
    assert_eq!((take(&mut settings, &with("listeners: {}", &[])), door(&settings)), ((true, vec![]), "open"));
}

#[test]
fn what_cannot_be_had_is_not_given_for_nothing() {
    let mut settings = Settings::new(false);
    assert_eq!((take(&mut settings, &with(TLS, &[])), door(&settings)), ((false, vec!["T902"]), "shut"));
    assert_eq!((take(&mut settings, &with(TLS, &pair())), door(&settings)), ((true, vec![]), "guarded"));
    // From here on there is something to go on with.
    for files in [with(TLS, &[]), with("admin: [", &pair()), with(TLS, &[pair()[0].clone(), pair()[1].clone()])] {
        let (goes_on, codes) = take(&mut settings, &files);
        assert_eq!((goes_on, codes.is_empty(), door(&settings)), (true, false, "guarded"), "{codes:?}");
    }
    assert_eq!((take(&mut settings, &[]), door(&settings)), ((true, vec!["T903"]), "guarded"));
}

#[test]
fn what_was_in_force_before_a_restart_is_in_force_after() {
    let mut settings = Settings::new(false);
    settings.recall("tidegate.yaml", TLS);
    assert_eq!(settings.wanted().iter().collect::<Vec<_>>(), ["s.key", "s.pem"]);
    let pair = pair();
    // The file that would say otherwise cannot be understood.
    assert_eq!((take(&mut settings, &with("admin: [", &pair)).0, door(&settings)), (true, "guarded"));
    let mut settings = Settings::new(false);
    settings.recall("tidegate.yaml", TLS);
    let missing = Generation { directory: DirectoryState::Missing, ..generation(&settings, &[]) };
    let taken = settings.take(&missing, &mut Vec::new());
    settings.stay(taken);
    assert_eq!(door(&settings), "shut", "a directory that is gone takes its keys along");
}

#[test]
fn the_same_files_are_the_same_door() {
    let mut settings = Settings::new(false);
    let files = with(TLS, &pair());
    take(&mut settings, &files);
    let config = settings.config().cloned().unwrap();
    take(&mut settings, &with(&format!("# A comment.\n{TLS}"), &files[1..]));
    assert!(Arc::ptr_eq(&config, settings.config().unwrap()));
}
