//! How an Envoy reaches its server.

use std::time::Duration;

use envoy_types::pb::envoy::config::cluster::v3::Cluster;
use envoy_types::pb::envoy::config::cluster::v3::cluster::{ClusterDiscoveryType, DiscoveryType, DnsLookupFamily};
use envoy_types::pb::envoy::config::core::v3::api_config_source::ApiType;
use envoy_types::pb::envoy::config::core::v3::grpc_service::{EnvoyGrpc, TargetSpecifier};
use envoy_types::pb::envoy::config::core::v3::{
    ApiConfigSource, ApiVersion, BackoffStrategy, GrpcService, Http2ProtocolOptions, KeepaliveSettings, RetryPolicy,
};

use super::{XdsAddress, XdsTls, XdsVariant, socket};
use crate::translate::pb::duration;
use crate::translate::{endpoints, transport};

/// Name of the cluster that is the server.
pub(super) const CLUSTER: &str = "xds";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// A connection that died without a word is noticed after both: to Envoy it looks like a server with no news.
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(5);
/// Pauses between attempts to connect again. Envoy's 0.5 to 30 s left it without a server for up to 20 s after the server was back.
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_LONGEST: Duration = Duration::from_secs(1);

/// All servers as endpoints of one cluster: when one fails, Envoy takes the next within 0.1 s. With priorities, or with a cluster for
/// each, it would stay with the dead one.
pub(super) fn cluster(servers: &[XdsAddress], tls: Option<&XdsTls>) -> Cluster {
    let named = servers.iter().any(XdsAddress::is_name);
    let kind = if named { DiscoveryType::StrictDns } else { DiscoveryType::Static };
    let family = if named { DnsLookupFamily::V4Preferred } else { DnsLookupFamily::Auto };
    let pings = KeepaliveSettings {
        interval: Some(duration(PING_EVERY)),
        timeout: Some(duration(PING_TIMEOUT)),
        ..KeepaliveSettings::default()
    };
    let http2 = Http2ProtocolOptions { connection_keepalive: Some(pings), ..Http2ProtocolOptions::default() };
    Cluster {
        name: CLUSTER.to_owned(),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(kind.into())),
        dns_lookup_family: family.into(),
        connect_timeout: Some(duration(CONNECT_TIMEOUT)),
        load_assignment: Some(endpoints::of_names(CLUSTER, servers.iter().map(|server| (server.host.as_str(), server.port)))),
        typed_extension_protocol_options: [transport::http2(http2)].into(),
        transport_socket: tls.map(|tls| socket::tls(tls, servers)),
        ..Cluster::default()
    }
}

/// A stream to the server that is this cluster. The node, some 60 kB with the list of extensions, is told once a stream and not with
/// every request.
pub(in crate::translate) fn stream(variant: XdsVariant, cluster: &str) -> ApiConfigSource {
    let api_type = match variant {
        XdsVariant::Delta => ApiType::DeltaGrpc,
        XdsVariant::Sotw => ApiType::Grpc,
    };
    let back_off = BackoffStrategy { base_interval: Some(duration(RETRY_FIRST)), max_interval: Some(duration(RETRY_LONGEST)) };
    let target = EnvoyGrpc {
        cluster_name: cluster.to_owned(),
        retry_policy: Some(RetryPolicy { retry_back_off: Some(back_off), ..RetryPolicy::default() }),
        ..EnvoyGrpc::default()
    };
    ApiConfigSource {
        api_type: api_type.into(),
        transport_api_version: ApiVersion::V3.into(),
        grpc_services: vec![GrpcService { target_specifier: Some(TargetSpecifier::EnvoyGrpc(target)), ..GrpcService::default() }],
        set_node_on_first_message_only: true,
        ..ApiConfigSource::default()
    }
}
