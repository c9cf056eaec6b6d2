//! Resources for Envoys that ask each kind on a stream of its own.
//!
//! What clusters and listeners say about where endpoints and routes come from is "the aggregated stream". An Envoy whose bootstrap has
//! none refuses that (`ADS must be configured to support an ADS config source`), and `self`, "where this came from", is known to no
//! supported Envoy. It must be told the server by name, and that name is the one in its own bootstrap.

use envoy_types::pb::envoy::config::cluster::v3::Cluster;
use envoy_types::pb::envoy::config::core::v3::ConfigSource;
use envoy_types::pb::envoy::config::core::v3::config_source::ConfigSourceSpecifier;
use envoy_types::pb::envoy::config::listener::v3::{Filter, Listener, filter};
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3::http_connection_manager::RouteSpecifier;
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3::scoped_routes::ConfigSpecifier;
use envoy_types::util::pack_any;
use prost::Message;

use super::{Kind, Object, XdsVariant, bootstrap};

/// The same resource for an Envoy that speaks the typed discovery services in this variant with the server that its bootstrap calls
/// `server`. Endpoints, scopes and routes refer to no source, and stay as they are.
pub fn typed(object: &Object, variant: XdsVariant, server: &str) -> Object {
    let source = |source: Option<ConfigSource>| source.map(|source| named(source, variant, server));
    match object.kind {
        Kind::Cluster => remade(object, |cluster: &mut Cluster| {
            if let Some(eds) = &mut cluster.eds_cluster_config {
                eds.eds_config = source(eds.eds_config.take());
            }
        }),
        Kind::Listener => remade(object, |listener: &mut Listener| {
            let filters = listener.filter_chains.iter_mut().flat_map(|chain| &mut chain.filters);
            filters.for_each(|filter| in_manager(filter, source));
        }),
        _ => object.clone(),
    }
}

fn remade<M: Message + prost::Name + Default>(object: &Object, change: impl FnOnce(&mut M)) -> Object {
    let Ok(mut message) = M::decode(object.bytes.as_slice()) else { return object.clone() };
    change(&mut message);
    Object::new(object.kind, &object.name, &message, object.refs.clone())
}

fn in_manager(filter: &mut Filter, source: impl Fn(Option<ConfigSource>) -> Option<ConfigSource>) {
    let Some(filter::ConfigType::TypedConfig(any)) = &mut filter.config_type else { return };
    let Ok(mut manager) = HttpConnectionManager::decode(any.value.as_slice()) else { return };
    match &mut manager.route_specifier {
        Some(RouteSpecifier::Rds(rds)) => rds.config_source = source(rds.config_source.take()),
        Some(RouteSpecifier::ScopedRoutes(scoped)) => {
            scoped.rds_config_source = source(scoped.rds_config_source.take());
            if let Some(ConfigSpecifier::ScopedRds(scopes)) = &mut scoped.config_specifier {
                scopes.scoped_rds_config_source = source(scopes.scoped_rds_config_source.take());
            }
        }
        _ => {}
    }
    *any = pack_any(manager);
}

fn named(source: ConfigSource, variant: XdsVariant, server: &str) -> ConfigSource {
    let stream = ConfigSourceSpecifier::ApiConfigSource(bootstrap::stream(variant, server));
    ConfigSource { config_source_specifier: Some(stream), ..source }
}
