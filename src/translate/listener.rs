//! Listeners, and the HTTP connection manager in them.

use std::net::SocketAddr;

use envoy_types::pb::envoy::config::accesslog::v3::{AccessLog, access_log};
use envoy_types::pb::envoy::config::core::v3::ConfigSource;
use envoy_types::pb::envoy::config::listener::v3::{self as pb, Filter, FilterChain, filter};
use envoy_types::pb::envoy::extensions::access_loggers::stream::v3::StdoutAccessLog;
use envoy_types::pb::envoy::extensions::filters::http::router::v3::Router;
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3::http_connection_manager::RouteSpecifier;
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3::{
    HttpConnectionManager, HttpFilter, Rds, http_filter,
};
use envoy_types::pb::google::protobuf::Any;
use envoy_types::util::pack_any;

use super::pb::{ads, boolean, socket_address};
use super::{Kind, Object, ROUTES};
use crate::model::Listener;

/// A listener as LDS gives it.
pub(super) fn object(listener: &Listener) -> Object {
    let made = listener_of(&listener.name, listener.bind, listener.access_log, ads());
    Object::new(Kind::Listener, &listener.name, &made, vec![ROUTES.to_owned()])
}

/// A listener that takes the routes `tidegate` from a source.
pub(super) fn listener_of(name: &str, bind: SocketAddr, access_log: bool, routes: ConfigSource) -> pb::Listener {
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
fn manager(name: &str, access_log: bool, routes: ConfigSource) -> HttpConnectionManager {
    HttpConnectionManager {
        stat_prefix: name.to_owned(),
        use_remote_address: Some(boolean(true)),
        normalize_path: Some(boolean(true)),
        route_specifier: Some(RouteSpecifier::Rds(Rds { config_source: Some(routes), route_config_name: ROUTES.to_owned() })),
        http_filters: vec![router()],
        access_log: if access_log { vec![stdout_log()] } else { vec![] },
        ..HttpConnectionManager::default()
    }
}

fn router() -> HttpFilter {
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
