//! One release, translated and checked.

use super::{Hosts, Invalid, Object, ServiceObjects, canonical, cluster, descriptors, proxyless, route_config, validate};
use crate::model::{Release, Traffic, Version};

/// What one release becomes, as it is served at one moment.
///
/// # Errors
///
/// Everything in it that Envoy would refuse, or that cannot be said in Envoy's routes.
pub fn service(release: &Release, traffic: &Traffic) -> Result<ServiceObjects, Vec<Invalid>> {
    let routes = super::routes::routes(release, traffic)?;
    let placed = |version: &Version| traffic.placed.get(&version.name).map(Vec::as_slice);
    let made = ServiceObjects {
        service: release.service.clone(),
        fleets: release.fleets.clone(),
        objects: release.versions.iter().flat_map(|version| cluster::objects(release, version, placed(version))).collect(),
        hosts: hosts(release, traffic),
        preview: traffic.preview.as_ref().map(|preview| preview.host.clone()),
        path: release.path.clone(),
        routes: routes.all().map(|route| canonical::encode(route).into()).collect(),
        proxyless_routes: proxyless::routes(release, routes.without_proxy()),
        route_refs: super::routes::refs(release, traffic),
        proxyless_refs: super::routes::shared_refs(release, traffic),
    };
    // The routes are checked where they will stand: in a RouteConfiguration under the service's hosts.
    let shared = route_config::object_of_all(&Hosts::new(&[&made]));
    let invalid: Vec<Invalid> = made.objects.iter().chain([&shared]).flat_map(broken).collect();
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
