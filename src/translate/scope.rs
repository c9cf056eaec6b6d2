//! Scopes: which RouteConfiguration the requests for a host take.

use envoy_types::pb::envoy::config::route::v3::ScopedRouteConfiguration;
use envoy_types::pb::envoy::config::route::v3::scoped_route_configuration::{Key, key::Fragment, key::fragment};

use super::{Kind, Object, route_config};

/// The scope of a host.
pub(super) fn object(host: &str) -> Object {
    let routes = route_config::name_of_host(host);
    let key = Key { fragments: vec![Fragment { r#type: Some(fragment::Type::StringKey(host.to_owned())) }] };
    let scope = ScopedRouteConfiguration {
        name: host.to_owned(),
        route_configuration_name: routes.clone(),
        key: Some(key),
        ..ScopedRouteConfiguration::default()
    };
    Object::new(Kind::ScopedRoute, host, &scope, vec![routes])
}
