//! Listeners, and the HTTP connection manager in them.

use std::net::SocketAddr;
use std::time::Duration;

use envoy_types::pb::envoy::config::accesslog::v3::{AccessLog, access_log};
use envoy_types::pb::envoy::config::core::v3::ConfigSource;
use envoy_types::pb::envoy::config::listener::v3::{self as pb, Filter, FilterChain, filter};
use envoy_types::pb::envoy::extensions::access_loggers::stream::v3::StdoutAccessLog;
use envoy_types::pb::envoy::extensions::filters::http::router::v3::Router;
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3::http_connection_manager::RouteSpecifier;
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3::scoped_routes::ConfigSpecifier;
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3::scoped_routes::ScopeKeyBuilder;
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3::scoped_routes::scope_key_builder::{
    FragmentBuilder, fragment_builder,
};
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3::{
    HttpConnectionManager, HttpFilter, Rds, ScopedRds, ScopedRoutes, http_filter,
};
use envoy_types::pb::google::protobuf::Any;
use envoy_types::util::pack_any;
use fragment_builder::{HeaderValueExtractor, header_value_extractor::ExtractType};

use super::pb::{ads, boolean, duration, socket_address};
use super::{HostCount, Kind, Object, ROUTES};
use crate::model::{Listener, ListenerRoutes, MOST_HOSTS_IN_ONE};

/// A listener as LDS gives it, with scoped routes only if `scopes` are taken. One with scoped routes refers to no RouteConfiguration:
/// its scopes do.
pub(super) fn object(listener: &Listener, hosts: HostCount, scopes: bool) -> Object {
    let (routes, refs) = if scopes && is_scoped(listener, hosts) {
        (scoped(&listener.name, ads()), vec![])
    } else {
        (single(ads()), vec![ROUTES.to_owned()])
    };
    let made = with_routes(&listener.name, listener.bind, listener.access_log, routes);
    Object::new(Kind::Listener, &listener.name, &made, refs)
}

/// Scopes know names alone. Where a host is a pattern, a listener stays as it is even if its routes are asked to be scoped: lint
/// says so, and no request is lost to it.
fn is_scoped(listener: &Listener, hosts: HostCount) -> bool {
    let wanted = match listener.routes {
        ListenerRoutes::Auto => hosts.all > MOST_HOSTS_IN_ONE,
        ListenerRoutes::Single => false,
        ListenerRoutes::Scoped => true,
    };
    wanted && hosts.patterns == 0
}

/// A listener that takes the routes `tidegate` from a source.
pub(super) fn listener_of(name: &str, bind: SocketAddr, access_log: bool, routes: ConfigSource) -> pb::Listener {
    with_routes(name, bind, access_log, single(routes))
}

fn with_routes(name: &str, bind: SocketAddr, access_log: bool, routes: RouteSpecifier) -> pb::Listener {
    let manager = Filter {
        name: "envoy.filters.network.http_connection_manager".to_owned(),
        config_type: Some(filter::ConfigType::TypedConfig(pack_any(manager(name, access_log, routes)))),
    };
    pb::Listener {
        name: name.to_owned(),
        address: Some(socket_address(bind)),
        filter_chains: vec![FilterChain { filters: vec![manager], ..FilterChain::default() }],
        ..pb::Listener::default()
    }
}

/// - The client's address is the connection's: a client must not be able to claim another, or to pass as an internal one.
/// - Paths are normalised: services and rules are picked by path, and `/a/../b` must not be picked as `/a` and served as `/b`.
fn manager(name: &str, access_log: bool, routes: RouteSpecifier) -> HttpConnectionManager {
    HttpConnectionManager {
        stat_prefix: name.to_owned(),
        use_remote_address: Some(boolean(true)),
        normalize_path: Some(boolean(true)),
        route_specifier: Some(routes),
        http_filters: vec![router()],
        access_log: if access_log { vec![stdout_log()] } else { vec![] },
        ..HttpConnectionManager::default()
    }
}

fn single(source: ConfigSource) -> RouteSpecifier {
    RouteSpecifier::Rds(Rds { config_source: Some(source), route_config_name: ROUTES.to_owned() })
}

/// Picks the scope by what stands before the port in `:authority`. A listener that becomes scoped serves with its old routes until it
/// has all new ones, for as long as that takes: after Envoy's 15 s it would answer 404 to what is not there yet.
fn scoped(name: &str, source: ConfigSource) -> RouteSpecifier {
    let source = ConfigSource { initial_fetch_timeout: Some(duration(Duration::ZERO)), ..source };
    let authority = HeaderValueExtractor {
        name: ":authority".to_owned(),
        element_separator: ":".to_owned(),
        extract_type: Some(ExtractType::Index(0)),
    };
    RouteSpecifier::ScopedRoutes(ScopedRoutes {
        name: name.to_owned(),
        scope_key_builder: Some(ScopeKeyBuilder {
            fragments: vec![FragmentBuilder { r#type: Some(fragment_builder::Type::HeaderValueExtractor(authority)) }],
        }),
        rds_config_source: Some(source.clone()),
        config_specifier: Some(ConfigSpecifier::ScopedRds(ScopedRds {
            scoped_rds_config_source: Some(source),
            ..ScopedRds::default()
        })),
    })
}

/// The filter that sends requests where their routes lead.
pub(super) fn router() -> HttpFilter {
    let config: Any = pack_any(Router::default());
    HttpFilter {
        name: "envoy.filters.http.router".to_owned(),
        config_type: Some(http_filter::ConfigType::TypedConfig(config)),
        ..HttpFilter::default()
    }
}

fn stdout_log() -> AccessLog {
    AccessLog {
        name: "envoy.access_loggers.stdout".to_owned(),
        config_type: Some(access_log::ConfigType::TypedConfig(pack_any(StdoutAccessLog::default()))),
        ..AccessLog::default()
    }
}
