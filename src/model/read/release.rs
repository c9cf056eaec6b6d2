//! A release file from the top.

use super::endpoint_file::EndpointFiles;
use super::fields::{Fields, each, items, some_items};
use super::http::{host, path};
use super::scalar::name;
use super::versions::Versions;
use super::{places, plan, rules, upstream};
use crate::model::document::Places;
use crate::model::notes::Notes;
use crate::model::words::quoted;
use crate::model::yaml::{Node, Span};
use crate::model::{Release, Split, Upstream, code};

const KEYS: [&str; 22] = [
    "service",
    "hosts",
    "path",
    "fleets",
    "versions",
    "stable",
    "split",
    "candidate",
    "canary",
    "blue_green",
    "rolling",
    "ab_test",
    "then",
    "rules",
    "sticky",
    "approvers",
    "checks",
    "on_failure",
    "on_new_candidate",
    "windows",
    "hold",
    "upstream",
];

/// Reads a release, and notes where those things stand that are later compared with other files.
pub(super) fn read(notes: &mut Notes, files: &mut EndpointFiles<'_>, places: &mut Places, root: &Node) -> Option<Release> {
    if let Some(flag) = root.get("flag").filter(|_| root.get("service").is_none()) {
        refuse_flag(notes, &flag.anchor);
        return None;
    }
    let fields = Fields::of(notes, root, "a release", &KEYS)?;
    let release = release(notes, files, places, &fields);
    let release = release.filter(|_| !notes.has_errors())?;
    plan::refuse_unserved(notes, &fields);
    Some(release)
}

fn refuse_flag(notes: &mut Notes, at: &Span) {
    notes
        .error(code::NOT_SERVED_YET, at, "feature flags are not served yet")
        .help("keep the file out of the directory until they are");
}

fn release(notes: &mut Notes, files: &mut EndpointFiles<'_>, places: &mut Places, fields: &Fields<'_>) -> Option<Release> {
    let service = fields.need(notes, "service", "checkout");
    places.service = service.map_or(0..0, |node| node.span.clone());
    let service = service.and_then(|node| name(notes, node, "the service's name").map(str::to_owned));
    let hosts = fields.need(notes, "hosts", "[checkout.example.com]").and_then(|node| hosts(notes, places, node));
    let path = fields.get("path").map_or(Some("/"), |node| path(notes, node, "`path`")).map(str::to_owned);
    let fleets = fields.get("fleets").map_or(Some(Vec::new()), |node| fleets(notes, places, node));
    let versions = fields.need(notes, "versions", "{v1: [\"127.0.1.11:8080\"]}");
    let versions = Versions::read(notes, files, versions);
    let stable = fields.need(notes, "stable", "v1").and_then(|node| versions.known(notes, node, "`stable`"));
    let split = fields.get("split").map(|node| versions.split(notes, node, "`split`"));
    let plan = plan::read(notes, fields, &versions, stable.as_deref());
    if let Some(Some(plan)) = &plan {
        places::of_plan(notes, places, fields, plan);
        refuse_own_host(notes, places);
    }
    warn_of_empty_stable(notes, fields, &versions, stable.as_deref());
    warn_of_shared(notes, &versions, plan.as_ref());
    let rules = fields
        .get("rules")
        .map_or(Some(Vec::new()), |node| rules::read(notes, &versions, places, path.as_deref().unwrap_or("/"), node));
    places::of_preview_rule(notes, places);
    let upstream = fields.get("upstream").map_or(Some(Upstream::default()), |node| upstream::read(notes, node));
    Some(Release {
        service: service?,
        hosts: hosts?,
        path: path?,
        fleets: fleets?,
        stable: stable?,
        split: split.map_or(Some(None), |split: Option<Split>| split.map(Some))?,
        plan: plan?,
        rules: rules?,
        upstream: upstream?,
        versions: versions.into_list(),
    })
}

fn hosts(notes: &mut Notes, places: &mut Places, node: &Node) -> Option<Vec<String>> {
    let items = some_items(notes, node, "`hosts`")?;
    let read = each(items, |item| host(notes, item).map(|host| (host, item.span.clone())))?;
    places.hosts = once(notes, read);
    Some(places.hosts.iter().map(|(host, _)| host.clone()).collect())
}

fn fleets(notes: &mut Notes, places: &mut Places, node: &Node) -> Option<Vec<String>> {
    let items = items(notes, node, "`fleets`")?;
    let read = each(items, |item| name(notes, item, "a fleet").map(|name| (name.to_owned(), item.span.clone())))?;
    places.fleets = once(notes, read);
    Some(places.fleets.iter().map(|(fleet, _)| fleet.clone()).collect())
}

/// Each of them once, warning of the others.
fn once(notes: &mut Notes, all: Vec<(String, Span)>) -> Vec<(String, Span)> {
    let mut kept: Vec<(String, Span)> = Vec::new();
    for (text, span) in all {
        match kept.iter().find(|(other, _)| *other == text) {
            Some((_, first)) => {
                notes
                    .warning(code::LISTED_TWICE, &span, format!("{} is listed twice", quoted(&text)))
                    .also(first, "first here")
                    .help("it counts once; take one out");
            }
            None => kept.push((text, span)),
        }
    }
    kept
}

/// A preview on one of the service's own hosts would take all of its traffic.
fn refuse_own_host(notes: &mut Notes, places: &Places) {
    let Some((host, span)) = &places.preview else { return };
    let Some((_, own)) = places.hosts.iter().find(|(own, _)| own == host) else { return };
    notes
        .error(code::PREVIEW_IS_HOST, span, format!("the preview's host {} is one of the service's own", quoted(host)))
        .label("all of its requests go to the candidate")
        .also(own, "and clients ask for it")
        .help("give the preview a host of its own, or find it by `header`");
}

/// Stable gets everything that nothing else does; where a split is held by hand, that says who gets what.
fn warn_of_empty_stable(notes: &mut Notes, fields: &Fields<'_>, versions: &Versions, stable: Option<&str>) {
    if let (Some(stable), Some(node), None) = (stable, fields.get("stable"), fields.get("split")) {
        versions.receives(notes, stable, &node.span);
    }
}

/// Versions that are upgraded in place have the same endpoints on purpose.
fn warn_of_shared(notes: &mut Notes, versions: &Versions, plan: Option<&Option<crate::model::Plan>>) {
    use crate::model::Strategy::Rolling;
    let in_place = plan.and_then(Option::as_ref).is_some_and(|plan| matches!(&plan.strategy, Rolling(it) if it.upgrade.is_some()));
    if !in_place {
        versions.warn_of_shared(notes);
    }
}
