//! What changed between two statuses, a line each: what `watch` says where it cannot redraw.

use std::collections::BTreeSet;

use super::look::clean;
use super::rollout_changes::rollout;
use super::status_text::stale;
use crate::admin::pb;

/// The lines that lead from one status to the next; from `None`, the lines that tell where things stand.
pub fn changes(before: Option<&pb::Status>, after: &pb::Status) -> Vec<String> {
    let nothing = pb::Status::default();
    let old = before.unwrap_or(&nothing);
    let mut lines = Vec::new();
    lines.extend(server(before, after));
    for service in &after.services {
        lines.extend(changed_service(old.services.iter().find(|old| old.name == service.name), service));
    }
    let gone = old.services.iter().filter(|old| after.services.iter().all(|service| service.name != old.name));
    lines.extend(gone.map(|service| format!("{}: no longer served", clean(&service.name))));
    lines.extend(problems(old, after));
    lines.extend(fleet(before, after));
    lines
}

fn server(before: Option<&pb::Status>, after: &pb::Status) -> Vec<String> {
    let new = after.server.clone().unwrap_or_default();
    let old = before.and_then(|before| before.server.clone());
    let mut lines = Vec::new();
    if old.as_ref().is_none_or(|old| old.ready != new.ready) {
        lines.push(if new.ready { "server: ready".to_owned() } else { "server: not ready, Envoys are refused".to_owned() });
    }
    let had = old.map(|old| old.directory_problem).unwrap_or_default();
    match new.directory_problem.as_str() {
        problem if problem == had => {}
        "" => lines.push("directory: fine again".to_owned()),
        problem => lines.push(format!("directory: {}", clean(problem))),
    }
    lines
}

fn changed_service(old: Option<&pb::Service>, new: &pb::Service) -> Vec<String> {
    let name = clean(&new.name);
    let mut lines = Vec::new();
    match old {
        None => lines.push(format!("{name}: {} (stable {})", split(new), clean(&new.stable))),
        Some(old) => {
            if split(old) != split(new) {
                lines.push(format!("{name}: {} (was {})", split(new), split(old)));
            }
            if old.stable != new.stable {
                lines.push(format!("{name}: stable {} (was {})", clean(&new.stable), clean(&old.stable)));
            }
            if old.rules != new.rules {
                lines.push(format!("{name}: rules {}", named(&new.rules)));
            }
        }
    }
    match (old.and_then(stale), stale(new)) {
        (before, Some(stale)) if before.is_none() => {
            lines.push(format!("{name}: stale, its last good content is served: {}", clean(&stale.problem)));
        }
        (Some(_), None) => lines.push(format!("{name}: its file is fine again")),
        _ => {}
    }
    lines.extend(rollout(old, new).into_iter().map(|line| format!("{name}: {line}")));
    lines
}

fn split(service: &pb::Service) -> String {
    let share = |version: &pb::Version| {
        format!("{} {}", clean(&version.name), version.share.as_ref().map_or("0%", |share| share.text.as_str()))
    };
    service.versions.iter().map(share).collect::<Vec<_>>().join(", ")
}

fn named(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { clean(&names.join(", ")) }
}

fn problems(old: &pb::Status, new: &pb::Status) -> Vec<String> {
    // By their lines, and not by their drawings: those differ when anything near them is edited.
    let mut known: BTreeSet<String> = old.problems.iter().map(problem).collect();
    let mut lines: Vec<String> = new.problems.iter().map(problem).filter(|line| known.insert(line.clone())).collect();
    if new.problems.is_empty() && !old.problems.is_empty() {
        lines.push("problems: none left".to_owned());
    }
    lines
}

fn problem(problem: &pb::Problem) -> String {
    let word = if problem.severity() == pb::Severity::Warning { "warning" } else { "error" };
    let (file, text) = (clean(&problem.file), clean(&problem.text));
    format!("{word}[{}]: {file}:{}:{}: {text}", problem.code, problem.line, problem.column)
}

fn fleet(before: Option<&pb::Status>, after: &pb::Status) -> Vec<String> {
    let of = |status: &pb::Status| status.fleet.clone().unwrap_or_default();
    let (old, new) = (before.map(of), of(after));
    let mut lines = Vec::new();
    // What else is counted shows in no line of its own: a node that goes from waiting to rejecting would say the same twice.
    let counts = |fleet: &pb::Fleet| fleet.sync.map_or((0, 0), |sync| (sync.in_sync, sync.nodes));
    if old.as_ref().map(counts) != Some(counts(&new)) {
        let (in_sync, nodes) = counts(&new);
        lines.push(format!("fleet: {in_sync}/{nodes} in sync"));
    }
    let known = old.map(|old| old.lagging).unwrap_or_default();
    // A node that is merely on its way would be a line at every change; what does not go by itself is worth one.
    let stuck = new.lagging.iter().filter(|node| node.reason.contains("rejected:") && !known.contains(node));
    lines.extend(stuck.map(|node| format!("{}: {}", clean(&node.node), clean(&node.reason))));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(split: &[(&str, u32)], stable: &str) -> pb::Service {
        let version = |(name, percent): &(&str, u32)| pb::Version {
            name: (*name).into(),
            share: Some(pb::Share { thousandths: percent * 1000, text: format!("{percent}%") }),
            endpoints: vec![],
        };
        let (versions, stable) = (split.iter().map(version).collect(), stable.into());
        pb::Service { name: "checkout".into(), versions, stable, ..pb::Service::default() }
    }

    fn status(services: Vec<pb::Service>) -> pb::Status {
        let server = Some(pb::Server { ready: true, ..pb::Server::default() });
        pb::Status { server, services, ..pb::Status::default() }
    }

    #[test]
    fn the_first_status_tells_where_things_stand() {
        let lines = changes(None, &status(vec![service(&[("v41", 90), ("v42", 10)], "v41")]));
        assert_eq!(lines, ["server: ready", "checkout: v41 90%, v42 10% (stable v41)", "fleet: 0/0 in sync"]);
    }

    #[test]
    fn an_equal_status_says_nothing() {
        let status = status(vec![service(&[("v41", 100)], "v41")]);
        assert_eq!(changes(Some(&status), &status), Vec::<String>::new());
    }

    #[test]
    fn a_moved_split_and_a_new_stable_are_told_with_what_was() {
        let before = status(vec![service(&[("v41", 90), ("v42", 10)], "v41")]);
        let after = status(vec![service(&[("v41", 0), ("v42", 100)], "v42")]);
        let want = ["checkout: v41 0%, v42 100% (was v41 90%, v42 10%)", "checkout: stable v42 (was v41)"];
        assert_eq!(changes(Some(&before), &after), want);
        assert_eq!(changes(Some(&after), &status(vec![])), ["checkout: no longer served"]);
    }

    #[test]
    fn a_broken_file_and_its_repair_are_told() {
        let good = status(vec![service(&[("v41", 100)], "v41")]);
        let mut bad = good.clone();
        let stale = pb::file_state::Stale { since: None, problem: "checkout.yaml:2:1: unknown key".into() };
        bad.services[0].file_state = Some(pb::FileState { state: Some(pb::file_state::State::Stale(stale)) });
        bad.problems.push(pb::Problem {
            code: "T002".into(),
            severity: pb::Severity::Error.into(),
            file: "checkout.yaml".into(),
            line: 2,
            column: 1,
            text: "unknown key".into(),
            ..pb::Problem::default()
        });
        let broken = changes(Some(&good), &bad);
        assert_eq!(broken[0], "checkout: stale, its last good content is served: checkout.yaml:2:1: unknown key");
        assert_eq!(broken[1], "error[T002]: checkout.yaml:2:1: unknown key");
        assert_eq!(changes(Some(&bad), &good), ["checkout: its file is fine again", "problems: none left"]);
    }

    #[test]
    fn no_line_is_said_twice() {
        let fleet = |waiting| {
            let sync = Some(pb::Sync { nodes: 2, waiting, ..pb::Sync::default() });
            Some(pb::Fleet { sync, lagging: vec![] })
        };
        let problem = |rendered: &str| pb::Problem { rendered: rendered.into(), ..pb::Problem::default() };
        let before = pb::Status { fleet: fleet(0), problems: vec![problem("a")], ..status(vec![]) };
        let after = pb::Status { fleet: fleet(1), problems: vec![problem("b"), problem("c")], ..status(vec![]) };
        assert_eq!(changes(Some(&before), &after), Vec::<String>::new());
    }

    #[test]
    fn a_rejection_is_told_once() {
        let lagging = pb::Lagging { node: "edge-1".into(), cluster: "edge".into(), reason: "RDS rejected: no".into() };
        let sync = Some(pb::Sync { nodes: 1, rejecting: 1, ..pb::Sync::default() });
        let before = status(vec![]);
        let after = pb::Status { fleet: Some(pb::Fleet { sync, lagging: vec![lagging] }), ..before.clone() };
        assert_eq!(changes(Some(&before), &after), ["fleet: 0/1 in sync", "edge-1: RDS rejected: no"]);
        assert!(changes(Some(&after), &after).is_empty());
    }
}
