//! From the server's own status to the messages of the API.

use jiff::Timestamp;

use super::{pb, rollout};
use crate::control::{FileState, ServerStatus, ServiceStatus, VersionStatus};
use crate::diag::{Problem, Severity};
use crate::model::Share;

/// A moment in the API's form.
pub(super) fn timestamp(at: Timestamp) -> prost_types::Timestamp {
    // Before 1970 jiff gives negative nanoseconds, which protobuf does not allow.
    let (seconds, nanos) = (at.as_second(), at.subsec_nanosecond());
    let (seconds, nanos) = if nanos < 0 { (seconds - 1, nanos + 1_000_000_000) } else { (seconds, nanos) };
    prost_types::Timestamp { seconds, nanos }
}

/// What concerns the server as a whole.
pub(super) fn server(status: &ServerStatus) -> pb::Server {
    pb::Server {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        generation: status.generation,
        loaded_at: status.loaded_at.map(timestamp),
        ready: status.ready,
        directory_problem: status.directory.clone().unwrap_or_default(),
        failed_loads: status.failed_loads,
        snapshot: status.snapshot,
    }
}

/// One service; how much of the fleet holds it, and how many nodes have acknowledged what is served of it, is counted elsewhere.
pub(super) fn service(service: &ServiceStatus, (sync, acked_nodes): (pb::Sync, u32)) -> pb::Service {
    pb::Service {
        name: service.name.clone(),
        file: service.file.clone(),
        file_state: Some(file_state(&service.state)),
        hosts: service.hosts.clone(),
        path: service.path.clone(),
        fleets: service.fleets.clone(),
        stable: service.stable.clone(),
        versions: service.versions.iter().map(version).collect(),
        rules: service.rules.clone(),
        sync: Some(sync),
        revision: service.revision,
        snapshot: service.snapshot,
        acked_nodes,
        rollout: service.rollout.as_ref().map(|rollout| rollout::rollout(rollout, sync.nodes, acked_nodes)),
        instead: service.instead.as_ref().map(rollout::instead),
        previous: service.previous.clone().unwrap_or_default(),
    }
}

fn version(version: &VersionStatus) -> pb::Version {
    pb::Version { name: version.name.clone(), share: Some(share(version.share)), endpoints: version.endpoints.clone() }
}

/// A share as a number and as a text.
pub(super) fn share(share: Share) -> pb::Share {
    pb::Share { thousandths: share.thousandths(), text: share.to_string() }
}

fn file_state(state: &FileState) -> pb::FileState {
    use pb::file_state::{Current, Stale, State};
    let state = match state {
        FileState::Current => State::Current(Current {}),
        FileState::Stale { since, problem } => State::Stale(Stale { since: Some(timestamp(*since)), problem: problem.clone() }),
    };
    pb::FileState { state: Some(state) }
}

/// One problem, with its drawing.
pub(super) fn problem(problem: &Problem) -> pb::Problem {
    let (line, column) = problem.position();
    pb::Problem {
        code: problem.code.to_owned(),
        severity: severity(problem.severity).into(),
        file: problem.primary.file.path.clone(),
        line: count(line),
        column: count(column),
        text: problem.title.clone(),
        help: problem.help.clone().unwrap_or_default(),
        rendered: crate::diag::render(std::slice::from_ref(problem), false),
    }
}

fn severity(severity: Severity) -> pb::Severity {
    match severity {
        Severity::Warning => pb::Severity::Warning,
        Severity::Error => pb::Severity::Error,
    }
}

/// A count in the API's width; counts that do not fit are told as the largest that does.
pub(super) fn count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::diag::{Label, SourceFile};

    #[test]
    fn timestamps_keep_nanoseconds_and_never_have_negative_ones() {
        let at = |text: &str| timestamp(text.parse().unwrap());
        assert_eq!(at("2026-11-21T07:00:00.25Z"), prost_types::Timestamp { seconds: 1_795_244_400, nanos: 250_000_000 });
        assert_eq!(at("1969-12-31T23:59:59.75Z"), prost_types::Timestamp { seconds: -1, nanos: 750_000_000 });
    }

    #[test]
    fn a_problem_keeps_its_place_and_way_out() {
        let file = Arc::new(SourceFile { path: "checkout.yaml".into(), text: "service: checkout\nstabel: v41\n".into() });
        let made = problem(&Problem {
            code: "T002",
            severity: Severity::Error,
            title: "unknown key `stabel`".into(),
            primary: Label { file, span: 18..24, text: String::new() },
            related: vec![],
            help: Some("did you mean `stable`?".into()),
        });
        assert_eq!((made.file.as_str(), made.line, made.column), ("checkout.yaml", 2, 1));
        assert_eq!(made.severity(), pb::Severity::Error);
        assert_eq!(made.help, "did you mean `stable`?");
        assert!(made.rendered.contains("T002") && made.rendered.contains("checkout.yaml:2:1"), "{}", made.rendered);
    }

    #[test]
    fn shares_are_told_as_number_and_as_text() {
        let made = share(Share::from_thousandths(12_500).unwrap());
        assert_eq!((made.thousandths, made.text.as_str()), (12_500, "12.5%"));
    }

    #[test]
    fn a_stale_file_says_since_when_and_why() {
        let state = FileState::Stale { since: Timestamp::UNIX_EPOCH, problem: "checkout.yaml:2:1: unknown key".into() };
        let Some(pb::file_state::State::Stale(stale)) = file_state(&state).state else { panic!("not stale") };
        assert_eq!((stale.since.unwrap().seconds, stale.problem.as_str()), (0, "checkout.yaml:2:1: unknown key"));
    }
}
