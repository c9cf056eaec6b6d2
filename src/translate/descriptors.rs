//! The descriptors of Envoy's messages, for printing, canonical bytes, validation and reflection.

use std::sync::LazyLock;

use prost_reflect::{DescriptorPool, MessageDescriptor};

static SET: &[u8] = include_bytes!("../../proto/envoy.binpb");

static POOL: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(SET).expect("proto/envoy.binpb is a FileDescriptorSet, as its test says"));

/// A `FileDescriptorSet` of the discovery, load reporting and client status services, of the resources they carry, and of all that
/// these need.
pub fn descriptor_set() -> &'static [u8] {
    SET
}

/// The message of that full name, if the set has it.
pub(super) fn message(full_name: &str) -> Option<MessageDescriptor> {
    POOL.get_message_by_name(full_name)
}

/// The message that a `type_url` names, if the set has it.
pub(super) fn message_of(type_url: &str) -> Option<MessageDescriptor> {
    message(type_url.rsplit('/').next().unwrap_or(type_url))
}

/// All descriptors.
pub(super) fn pool() -> &'static DescriptorPool {
    &POOL
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::Kind;

    #[test]
    fn every_kind_and_every_service_is_there() {
        for kind in Kind::ALL {
            assert!(message_of(kind.type_url()).is_some(), "{}", kind.type_url());
        }
        for service in [
            "envoy.service.discovery.v3.AggregatedDiscoveryService",
            "envoy.service.cluster.v3.ClusterDiscoveryService",
            "envoy.service.endpoint.v3.EndpointDiscoveryService",
            "envoy.service.listener.v3.ListenerDiscoveryService",
            "envoy.service.route.v3.RouteDiscoveryService",
            "envoy.service.route.v3.ScopedRoutesDiscoveryService",
            "envoy.service.route.v3.VirtualHostDiscoveryService",
            "envoy.service.runtime.v3.RuntimeDiscoveryService",
            "envoy.service.secret.v3.SecretDiscoveryService",
            "envoy.service.load_stats.v3.LoadReportingService",
            "envoy.service.status.v3.ClientStatusDiscoveryService",
        ] {
            assert!(pool().get_service_by_name(service).is_some(), "{service}");
        }
    }
}
