//! Hosts that are patterns, where listeners have scoped routes: scopes are found by exact names.

use std::collections::BTreeSet;

use super::words::quoted;
use super::yaml::Span;
use super::{Config, Document, Listener, ListenerRoutes, MOST_HOSTS_IN_ONE, Release, code};
use crate::diag::{Label, Problem, Severity};

/// A file that serves.
type Accepted<'a> = (&'a Document<Release>, &'a Release);

/// The patterns of a file that a listener with scoped routes would not find.
pub(super) fn refused(document: &Document<Release>, release: &Release, config: &Config) -> Vec<Problem> {
    let scoped = |listener: &&Listener| listener.routes == ListenerRoutes::Scoped;
    let Some(listener) = config.listeners.iter().filter(scoped).find(|listener| may_meet(&listener.fleets, &release.fleets)) else {
        return vec![];
    };
    let problem = |(host, span): &(String, Span)| {
        let title = format!("host {} is a pattern, and listener {} has scoped routes", quoted(host), quoted(&listener.name));
        let help = "name the hosts, or give the listener `routes: single`";
        problem(document, span, listener, (code::PATTERN_UNDER_SCOPES, Severity::Error), title, help)
    };
    patterns(document).map(problem).collect()
}

/// The patterns that keep a listener from having scoped routes, where it has hosts enough.
pub(super) fn warnings<'a>(accepted: &[Accepted<'a>], config: &Config) -> Vec<(&'a Document<Release>, Problem)> {
    if accepted.iter().all(|(document, _)| patterns(document).next().is_none()) {
        return vec![];
    }
    let mut found: Vec<(&Document<Release>, Problem)> = Vec::new();
    for listener in config.listeners.iter().filter(|listener| listener.routes == ListenerRoutes::Auto) {
        for (document, span, hosts) in views(config, listener).iter().flat_map(|fleet| kept_from_scopes(accepted, *fleet)) {
            let title = format!("this pattern keeps listener {} from scoped routes for its {hosts} hosts", quoted(&listener.name));
            let help = "name the hosts; or say `routes: single`, and every change costs each Envoy what all hosts together cost";
            let kind = (code::PATTERN_AMONG_MANY, Severity::Warning);
            let problem = problem(document, span, listener, kind, title, help);
            if !found.iter().any(|(_, other)| other.primary == problem.primary) {
                found.push((document, problem));
            }
        }
    }
    found
}

/// The fleets whose nodes get a listener; `None` for nodes of no fleet.
fn views<'a>(config: &'a Config, listener: &'a Listener) -> Vec<Option<&'a str>> {
    match listener.fleets.as_slice() {
        [] => config.fleets.iter().map(|fleet| Some(fleet.name.as_str())).chain([None]).collect(),
        fleets => fleets.iter().map(|fleet| Some(fleet.as_str())).collect(),
    }
}

/// The patterns among the hosts of a fleet, if these are many, and how many they are.
fn kept_from_scopes<'a>(accepted: &[Accepted<'a>], fleet: Option<&str>) -> Vec<(&'a Document<Release>, &'a Span, usize)> {
    let is_of =
        |release: &Release| release.fleets.is_empty() || fleet.is_some_and(|fleet| release.fleets.iter().any(|f| f == fleet));
    let seen: Vec<&Accepted<'a>> = accepted.iter().filter(|(_, release)| is_of(release)).collect();
    let hosts: BTreeSet<&String> = seen.iter().flat_map(|(_, release)| &release.hosts).collect();
    if hosts.len() <= MOST_HOSTS_IN_ONE {
        return vec![];
    }
    seen.into_iter().flat_map(|(document, _)| patterns(document).map(|(_, span)| (*document, span, hosts.len()))).collect()
}

fn patterns(document: &Document<Release>) -> impl Iterator<Item = &(String, Span)> {
    document.places.hosts.iter().filter(|(host, _)| host.starts_with('*'))
}

/// Whether one Envoy may be given both: not if each names its fleets and none of them is named by both.
pub fn may_meet(one: &[String], other: &[String]) -> bool {
    one.is_empty() || other.is_empty() || one.iter().any(|fleet| other.contains(fleet))
}

fn problem(
    document: &Document<Release>,
    span: &Span,
    listener: &Listener,
    (code, severity): (&'static str, Severity),
    title: String,
    help: &str,
) -> Problem {
    let related = listener.written.0.clone().map(|label| Label { text: format!("listener {}", quoted(&listener.name)), ..label });
    let primary = document.label(span, "");
    Problem { code, severity, title, primary, related: related.into_iter().collect(), help: Some(help.to_owned()) }
}
