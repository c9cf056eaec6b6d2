//! The routes of one service.

use std::collections::BTreeSet;

use envoy_types::pb::envoy::config::route::v3::{Route, RouteMatch, route};

use super::action::{action, destinations};
use super::matching::route_matches;
use super::{Invalid, Kind, ROUTES};
use crate::model::{Release, Rule, Split};

/// A service's routes in order: its rules, first match wins, and then the split for every other request under the service's path.
pub(super) fn routes(release: &Release, split: &Split) -> Result<Vec<Route>, Vec<Invalid>> {
    let (mut routes, mut invalid) = (Vec::new(), Vec::new());
    for rule in &release.rules {
        match of_rule(release, rule) {
            Ok(made) => routes.extend(made),
            Err(problem) => invalid.push(problem),
        }
    }
    match route_matches(&release.path, &[]) {
        Ok(rest) => routes.extend(rest.into_iter().map(|place| route(release, release.service.clone(), place, split))),
        Err(problem) => invalid.push(refused(release, None, &problem)),
    }
    if invalid.is_empty() { Ok(routes) } else { Err(invalid) }
}

/// The clusters that a service's routes send to, sorted, each once.
pub(super) fn refs(release: &Release, split: &Split) -> Vec<String> {
    let splits = release.rules.iter().map(|rule| &rule.send).chain([split]);
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
