//! The routes of one service.

use std::collections::BTreeSet;

use envoy_types::pb::envoy::config::route::v3::{Route, RouteMatch, route};

use super::action::{action, destinations, mirror_policy};
use super::matching::{for_authority, route_matches};
use super::{Invalid, Kind, ROUTES, cluster};
use crate::model::{Match, Mirror, PreviewHost, Release, Rule, Share, Split, Subject, Test, Traffic};

/// A service's routes, in the order in which they are tried.
#[derive(Default)]
pub(super) struct Routes {
    /// Requests for the preview's host.
    preview: Vec<Route>,
    /// The rules, first match wins.
    rules: Vec<Route>,
    /// Requests of the split of which copies are sent.
    copied: Vec<Route>,
    /// The split for every other request under the service's path.
    rest: Vec<Route>,
}

impl Routes {
    /// All of them, each with whether it is for gRPC clients without a proxy, too: these send no copies, and their routes have no host to
    /// be told apart by.
    pub fn all(&self) -> impl Iterator<Item = (&Route, bool)> {
        let all = [(&self.preview, false), (&self.rules, true), (&self.copied, false), (&self.rest, true)];
        all.into_iter().flat_map(|(routes, shared)| routes.iter().map(move |route| (route, shared)))
    }
}

/// A service's routes for its traffic at one moment.
pub(super) fn routes(release: &Release, traffic: &Traffic) -> Result<Routes, Vec<Invalid>> {
    let (mut routes, mut invalid) = (Routes::default(), Vec::new());
    for rule in &traffic.rules {
        match of_rule(release, rule) {
            Ok(made) => routes.rules.extend(made),
            Err(problem) => invalid.push(problem),
        }
    }
    match of_split(release, traffic, &mut routes) {
        Ok(()) if invalid.is_empty() => Ok(routes),
        Ok(()) => Err(invalid),
        Err(problem) => Err([invalid, vec![problem]].concat()),
    }
}

/// What does not depend on rules: the preview, and the split with its copies.
fn of_split(release: &Release, traffic: &Traffic, routes: &mut Routes) -> Result<(), Invalid> {
    let under = |conditions: &[Match]| route_matches(&release.path, conditions).map_err(|e| refused(release, None, &e));
    let split = |place| route(release, release.service.clone(), place, &traffic.split);
    routes.rest = under(&[])?.into_iter().map(split).collect();
    if let Some(mirror) = &traffic.mirror {
        routes.copied = under(&[of_methods(mirror)])?.into_iter().map(|place| copied(release, split(place), mirror)).collect();
    }
    if let Some(preview) = &traffic.preview {
        let places = under(&[])?.into_iter().flat_map(|place| for_authority(&place, &preview.host));
        routes.preview = places.map(|place| of_preview(release, place, preview)).collect();
    }
    Ok(())
}

/// The clusters that a service's routes send to, sorted, each once, of which these are `shared`.
pub(super) fn refs(release: &Release, traffic: &Traffic, shared: &[String]) -> Vec<String> {
    let preview = traffic.preview.iter().map(|preview| &preview.version);
    let alone = preview.chain(traffic.mirror.iter().map(|mirror| &mirror.version));
    let alone = alone.map(|version| cluster::name(&release.service, version));
    shared.iter().cloned().chain(alone).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Those of its rules and its split, likewise.
pub(super) fn shared_refs(release: &Release, traffic: &Traffic) -> Vec<String> {
    let splits = traffic.rules.iter().map(|rule| &rule.send).chain([&traffic.split]);
    splits.flat_map(|split| destinations(&release.service, split)).collect::<BTreeSet<_>>().into_iter().collect()
}

/// A route for each alternative.
fn of_rule(release: &Release, rule: &Rule) -> Result<Vec<Route>, Invalid> {
    let mut routes = Vec::new();
    for alternative in &rule.alternatives {
        let places = route_matches(&release.path, alternative).map_err(|e| refused(release, Some(&rule.name), &e))?;
        let name = format!("{}/{}", release.service, rule.name);
        routes.extend(places.into_iter().map(|place| route(release, name.clone(), place, &rule.send)));
    }
    Ok(routes)
}

fn of_methods(mirror: &Mirror) -> Match {
    Match { subject: Subject::Method, test: Test::In(mirror.methods.clone()), invert: false }
}

/// The same route, with copies sent.
fn copied(release: &Release, mut route: Route, mirror: &Mirror) -> Route {
    if let Some(route::Action::Route(action)) = &mut route.action {
        action.request_mirror_policies = vec![mirror_policy(release, mirror)];
    }
    route
}

fn of_preview(release: &Release, place: RouteMatch, preview: &PreviewHost) -> Route {
    let all = Split::new(vec![(preview.version.clone(), Share::FULL)]).unwrap_or_default();
    route(release, format!("{}/{}", release.service, preview.host), place, &all)
}

fn route(release: &Release, name: String, place: RouteMatch, split: &Split) -> Route {
    let action = Some(route::Action::Route(action(release, split)));
    Route { name, r#match: Some(place), action, ..Route::default() }
}

/// A rule that cannot be said, or else the service's path.
fn refused(release: &Release, rule: Option<&String>, reason: &dyn std::error::Error) -> Invalid {
    let field = rule.map_or("path".to_owned(), |rule| format!("rules.{rule}"));
    Invalid {
        kind: Kind::Route,
        name: ROUTES.to_owned(),
        field: format!("{}.{field}", release.service),
        rule: rule.cloned(),
        reason: reason.to_string(),
    }
}
