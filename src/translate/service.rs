//! One release, translated and checked.

use super::{Hosts, Invalid, Object, ServiceObjects, canonical, cluster, descriptors, proxyless, route_config, validate};
use crate::model::{Release, Traffic, Version};

/// What one release becomes, as it is served at one moment.
///
/// # Errors
///
/// Everything in it that Envoy would refuse, or that cannot be said in Envoy's routes.
pub fn service(release: &Release, traffic: &Traffic) -> Result<ServiceObjects, Vec<Invalid>> {
    let placed = |version: &Version| traffic.placed.get(&version.name).map(Vec::as_slice);
    let objects: Vec<Object> =
        release.versions.iter().flat_map(|version| cluster::objects(release, version, placed(version))).collect();
    let broken: Vec<Invalid> = objects.iter().flat_map(broken).collect();
    match with_routes(release, traffic, objects) {
        Ok(made) if broken.is_empty() => Ok(made),
        Ok(_) => Err(broken),
        Err(invalid) => Err(broken.into_iter().chain(invalid).collect()),
    }
}

/// The same, at less cost: clusters and endpoints are those that the release has `at_rest`, unless its endpoints are placed otherwise.
///
/// # Errors
///
/// As [`service`].
pub fn moved(at_rest: &ServiceObjects, release: &Release, traffic: &Traffic) -> Result<ServiceObjects, Vec<Invalid>> {
    if !traffic.placed.is_empty() {
        return service(release, traffic);
    }
    with_routes(release, traffic, at_rest.objects.clone())
}

/// The routes are checked where they will stand: in a RouteConfiguration under the service's hosts.
fn with_routes(release: &Release, traffic: &Traffic, objects: Vec<Object>) -> Result<ServiceObjects, Vec<Invalid>> {
    let routes = super::routes::routes(release, traffic)?;
    let made = ServiceObjects {
        service: release.service.clone(),
        fleets: release.fleets.clone(),
        objects,
        hosts: hosts(release, traffic),
        preview: traffic.preview.as_ref().map(|preview| preview.host.clone()),
        path: release.path.clone(),
        routes: routes.all().map(|route| canonical::encode(route).into()).collect(),
        proxyless_routes: proxyless::routes(release, routes.without_proxy()),
        route_refs: super::routes::refs(release, traffic),
        proxyless_refs: super::routes::shared_refs(release, traffic),
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
