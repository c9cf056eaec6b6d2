//! The bootstrap of an Envoy that is to be managed.

mod options;
mod server;
mod socket;

pub(super) use server::stream;

pub use options::{BadAddress, BootstrapOptions, XdsAddress, XdsTls, XdsVariant};

use std::net::SocketAddr;
use std::time::Duration;

use envoy_types::pb::envoy::config::bootstrap::v3::bootstrap::{DynamicResources, StaticResources};
use envoy_types::pb::envoy::config::bootstrap::v3::{Admin, Bootstrap, ClusterManager};
use envoy_types::pb::envoy::config::core::v3::{ConfigSource, Locality, Node};
use envoy_types::pb::envoy::config::listener::v3::Listener;
use prost::Name;
use serde_json::Value;

use super::pb::{ads, duration, socket_address};
use super::{canonical, descriptors, listener, print};
use crate::model;

/// Name of the listener that a bootstrap may bring along.
const LISTENER: &str = "http";

/// An Envoy bootstrap as YAML. It passes `envoy --mode validate` of every supported Envoy.
pub fn bootstrap(options: &BootstrapOptions) -> String {
    let made = Bootstrap {
        node: Some(node(options)),
        admin: Some(Admin { address: Some(socket_address(options.admin)), ..Admin::default() }),
        dynamic_resources: Some(dynamic_resources(options)),
        cluster_manager: Some(cluster_manager()),
        static_resources: Some(StaticResources {
            clusters: vec![server::cluster(&options.xds, options.tls.as_ref())],
            listeners: options.listener.map(own_listener).into_iter().collect(),
            ..StaticResources::default()
        }),
        ..Bootstrap::default()
    };
    let json = descriptors::message(&Bootstrap::full_name()).map(|message| print::json(message, &canonical::encode(&made)));
    print::yaml(&with_metadata(json.unwrap_or_default(), options))
}

fn node(options: &BootstrapOptions) -> Node {
    let model::Locality { region, zone, sub_zone } = options.locality.clone();
    let somewhere = options.locality != model::Locality::default();
    Node {
        id: options.node_id.clone(),
        cluster: options.node_cluster.clone(),
        locality: somewhere.then_some(Locality { region, zone, sub_zone }),
        ..Node::default()
    }
}

/// Metadata goes in as the JSON it is, in the order in which it was given.
fn with_metadata(mut json: Value, options: &BootstrapOptions) -> Value {
    if !options.metadata.is_empty() {
        json["node"]["metadata"] = Value::Object(options.metadata.clone());
    }
    json
}

/// Requests in progress are reported to the server, which must know when a version is not in use any more. There is no incremental
/// variant of that.
fn cluster_manager() -> ClusterManager {
    ClusterManager { load_stats_config: Some(stream(XdsVariant::Sotw, server::CLUSTER)), ..ClusterManager::default() }
}

fn own_listener(bind: SocketAddr) -> Listener {
    listener::listener_of(LISTENER, bind, false, until_it_comes(ads()))
}

/// With a listener of its own, an Envoy asks for no others.
fn dynamic_resources(options: &BootstrapOptions) -> DynamicResources {
    DynamicResources {
        ads_config: Some(stream(options.variant, server::CLUSTER)),
        cds_config: Some(until_it_comes(ads())),
        lds_config: options.listener.is_none().then(|| until_it_comes(ads())),
        ..DynamicResources::default()
    }
}

/// Waits for the first answer for as long as it takes. After Envoy's 15 s it would go on with nothing: a fleet that is restarted while
/// the server is away would open its listeners and answer 404, where it should not count as ready yet.
fn until_it_comes(source: ConfigSource) -> ConfigSource {
    ConfigSource { initial_fetch_timeout: Some(duration(Duration::ZERO)), ..source }
}
