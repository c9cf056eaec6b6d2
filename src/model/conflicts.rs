//! What can be told only of several files together.

use std::collections::HashMap;

use super::config::fleet_help;
use super::patterns::{self, may_meet};
use super::words::quoted;
use super::yaml::Span;
use super::{Config, Document, Release, code};
use crate::diag::{Problem, Severity};

/// A problem of one file that another file has a part in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The problem. As an error it means that the file is not served.
    pub problem: Problem,
    /// Path of the file that is refused.
    pub file: String,
}

/// Compares files with each other and with the configuration. `documents` stand in order of precedence: of two that clash the later
/// one is refused, and what is refused takes nothing away from those behind it. Documents without a value are passed over. Without
/// a configuration, because it is broken, no fleet is called unknown.
pub fn conflicts(documents: &[&Document<Release>], config: Option<&Config>) -> Vec<Conflict> {
    let fleets: Option<Vec<&str>> = config.map(|config| config.fleets.iter().map(|fleet| fleet.name.as_str()).collect());
    let mut claims = Claims::default();
    let (mut found, mut accepted) = (Vec::new(), Vec::new());
    for document in documents {
        let Some(release) = &document.value else { continue };
        let mut problems = fleets.as_ref().map(|fleets| unknown_fleets(document, fleets)).unwrap_or_default();
        problems.extend(claims.clashes(document, release));
        problems.extend(config.map(|config| patterns::refused(document, release, config)).unwrap_or_default());
        if problems.is_empty() {
            claims.take(document, release);
            accepted.push((*document, release));
        }
        let file = &document.file.path;
        found.extend(problems.into_iter().map(|problem| Conflict { problem, file: file.clone() }));
    }
    let warnings = config.map(|config| patterns::warnings(&accepted, config)).unwrap_or_default();
    found.extend(warnings.into_iter().map(|(document, problem)| Conflict { problem, file: document.file.path.clone() }));
    found
}

/// Whether two readings of a file claim the same: then one may stand for the other among files of which there is nothing to say.
pub fn claims_alike(one: &Document<Release>, other: &Document<Release>) -> bool {
    let of = |document: &Document<Release>| {
        document.value.as_ref().map(|r| (r.service.clone(), r.path.clone(), r.fleets.clone(), r.hosts.clone()))
    };
    let names = |places: &[(String, Span)]| places.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    let preview = |document: &Document<Release>| document.places.preview.as_ref().map(|(host, _)| host.clone());
    let places = |document: &Document<Release>| (names(&document.places.hosts), names(&document.places.fleets), preview(document));
    of(one) == of(other) && places(one) == places(other)
}

fn unknown_fleets(document: &Document<Release>, known: &[&str]) -> Vec<Problem> {
    let unknown = document.places.fleets.iter().filter(|(fleet, _)| !known.contains(&fleet.as_str()));
    let problem = |(fleet, span): &(String, Span)| {
        let title = format!("there is no fleet {}", quoted(fleet));
        error(document, code::UNKNOWN_FLEET, span, title, "", fleet_help(fleet, known))
    };
    unknown.map(problem).collect()
}

fn error(document: &Document<Release>, code: &'static str, span: &Span, title: String, label: &str, help: String) -> Problem {
    let primary = document.label(span, label);
    Problem { code, severity: Severity::Error, title, primary, related: Vec::new(), help: Some(help) }
}

/// A file that serves, with the place of what it claims.
type Claim<'a> = (&'a Document<Release>, &'a Release, &'a Span);

/// What the files so far have taken.
#[derive(Default)]
struct Claims<'a> {
    services: HashMap<&'a str, Claim<'a>>,
    hosts: HashMap<(&'a str, &'a str), Vec<Claim<'a>>>,
}

impl<'a> Claims<'a> {
    fn take(&mut self, document: &'a Document<Release>, release: &'a Release) {
        self.services.insert(&release.service, (document, release, &document.places.service));
        for (host, span) in document.places.claimed() {
            self.hosts.entry((host, &release.path)).or_default().push((document, release, span));
        }
    }

    fn clashes(&self, document: &Document<Release>, release: &Release) -> Vec<Problem> {
        let service = self.services.get(release.service.as_str()).map(|first| service_twice(document, release, first));
        let hosts = document.places.claimed().filter_map(|(host, span)| {
            let claims = self.hosts.get(&(host.as_str(), release.path.as_str()))?;
            let first = claims.iter().find(|(_, other, _)| may_meet(&release.fleets, &other.fleets))?;
            Some(host_twice(document, release, (host, span), first))
        });
        service.into_iter().chain(hosts).collect()
    }
}

fn service_twice(document: &Document<Release>, release: &Release, (first, _, at): &Claim<'_>) -> Problem {
    let title = format!("service {} is in two files", quoted(&release.service));
    let help = format!("one file is one service: rename this one, or merge it into {}", quoted(&first.file.path));
    let mut problem = error(document, code::SERVICE_TWICE, &document.places.service, title, "again here", help);
    problem.related.push(first.label(at, "first here, and served from here"));
    problem
}

fn host_twice(document: &Document<Release>, release: &Release, (host, span): (&str, &Span), first: &Claim<'_>) -> Problem {
    let (file, other, at) = first;
    let title = format!("host {} with path {} is in two files", quoted(host), quoted(&release.path));
    let help = "services may share a host if their paths differ: give one of them another `path`".to_owned();
    let mut problem = error(document, code::HOST_TWICE, span, title, "again here", help);
    problem.related.push(file.label(at, format!("service {} has it", quoted(&other.service))));
    problem
}
