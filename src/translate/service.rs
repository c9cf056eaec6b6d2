//! One release, translated and checked.

use bytes::Bytes;
use envoy_types::pb::envoy::config::route::v3::Route;

use super::{Hosts, Invalid, Object, ServiceObjects, canonical, cluster, descriptors, proxyless, route_config, validate};
use crate::model::{Release, Traffic, Version};

/// A release, and what it becomes at rest: of this, what is equal in the next one need be neither made nor checked again.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// The release.
    pub release: &'a Release,
    /// Its translation, where all of its endpoints are in service.
    pub at_rest: &'a ServiceObjects,
}

impl Known<'_> {
    /// The cluster and the endpoints of a version, if they are those of this release: all in them follows from what is compared.
    fn objects(&self, release: &Release, version: &Version) -> Option<Vec<Object>> {
        if !cluster::are_alike(self.release, release) || self.release.version(&version.name) != Some(version) {
            return None;
        }
        let name = cluster::name(&release.service, &version.name);
        Some(self.at_rest.objects.iter().filter(|object| object.name == name).cloned().collect())
    }
}

/// What one release becomes, as it is served at one moment.
///
/// # Errors
///
/// Everything in it that Envoy would refuse, or that cannot be said in Envoy's routes.
pub fn service(release: &Release, traffic: &Traffic) -> Result<ServiceObjects, Vec<Invalid>> {
    service_after(None, release, traffic)
}

/// The same, at the cost of what is other than in what is known: clusters and endpoints that are equal are taken from there.
///
/// # Errors
///
/// As [`service`].
pub fn service_after(known: Option<Known<'_>>, release: &Release, traffic: &Traffic) -> Result<ServiceObjects, Vec<Invalid>> {
    let (mut objects, mut invalid) = (Vec::new(), Vec::new());
    for version in &release.versions {
        match of_version(known, release, version, traffic) {
            Ok(made) => objects.extend(made),
            Err(broken) => invalid.extend(broken),
        }
    }
    match with_routes(release, traffic, objects) {
        Ok(made) if invalid.is_empty() => Ok(made),
        Ok(_) => Err(invalid),
        Err(broken) => Err(invalid.into_iter().chain(broken).collect()),
    }
}

/// The cluster and the endpoints of one version.
fn of_version(
    known: Option<Known<'_>>,
    release: &Release,
    version: &Version,
    traffic: &Traffic,
) -> Result<Vec<Object>, Vec<Invalid>> {
    let placed = traffic.placed.get(&version.name).map(Vec::as_slice);
    let same = known.filter(|_| placed.is_none()).and_then(|known| known.objects(release, version));
    if let Some(same) = same {
        return Ok(same);
    }
    let made = cluster::objects(release, version, placed);
    let invalid: Vec<Invalid> = made.iter().flat_map(broken).collect();
    if invalid.is_empty() { Ok(made) } else { Err(invalid) }
}

/// The routes are checked where they will stand: in a RouteConfiguration under the service's hosts.
fn with_routes(release: &Release, traffic: &Traffic, objects: Vec<Object>) -> Result<ServiceObjects, Vec<Invalid>> {
    let routes = super::routes::routes(release, traffic)?;
    let encoded: Vec<(&Route, bool, Bytes)> =
        routes.all().map(|(route, shared)| (route, shared, canonical::encode(route).into())).collect();
    let shared = encoded.iter().filter(|(_, shared, _)| *shared).map(|(route, _, bytes)| (*route, bytes));
    let shared_refs = super::routes::shared_refs(release, traffic);
    let made = ServiceObjects {
        service: release.service.clone(),
        fleets: release.fleets.clone(),
        objects,
        hosts: hosts(release, traffic),
        preview: traffic.preview.as_ref().map(|preview| preview.host.clone()),
        path: release.path.clone(),
        routes: encoded.iter().map(|(_, _, bytes)| bytes.clone()).collect(),
        proxyless_routes: proxyless::routes(release, shared),
        route_refs: super::routes::refs(release, traffic, &shared_refs),
        proxyless_refs: shared_refs,
    };
    let invalid = broken(&route_config::object_of_all(&Hosts::new(&[&made])));
    if invalid.is_empty() { Ok(made) } else { Err(invalid) }
}

/// The release's own hosts, and that of the preview.
fn hosts(release: &Release, traffic: &Traffic) -> Vec<String> {
    let preview = traffic.preview.iter().map(|preview| &preview.host).filter(|host| !release.hosts.contains(host));
    release.hosts.iter().chain(preview).cloned().collect()
}

/// The rules of Envoy's that a resource breaks.
fn broken(object: &Object) -> Vec<Invalid> {
    let Some(message) = descriptors::message_of(object.kind.type_url()) else { return vec![] };
    let about = |broken: validate::Broken| Invalid {
        kind: object.kind,
        name: object.name.clone(),
        field: broken.field,
        rule: None,
        reason: broken.reason,
    };
    validate::broken(message, &object.bytes).into_iter().map(about).collect()
}
