//! How an Envoy speaks: the variant of the protocol, and whether each type has a stream of its own.

use std::collections::HashMap;

use envoy_types::pb::envoy::config::core::v3::Node;
use envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
};
use tidegate::snapshot::{Kind, Transport};
use tidegate::xds::Variant;

/// A manner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manner {
    pub variant: Variant,
    /// Whether it asks the typed services, each on a stream of its own, and not the aggregated one.
    pub typed: bool,
}

impl Manner {
    /// Delta, on ADS.
    pub const USUAL: Manner = Manner { variant: Variant::Delta, typed: false };
    /// Delta, on ADS and on typed services.
    pub const DELTA: [Manner; 2] = [Manner::USUAL, Manner { variant: Variant::Delta, typed: true }];
    /// Every manner.
    pub const ALL: [Manner; 4] = [
        Manner::DELTA[0],
        Manner::DELTA[1],
        Manner { variant: Variant::Sotw, typed: false },
        Manner { variant: Variant::Sotw, typed: true },
    ];

    /// What its resources are made for.
    pub fn transport(self) -> Transport {
        if self.typed { Transport::Typed(self.variant) } else { Transport::Aggregated }
    }

    /// The method that it calls for a kind.
    pub fn path(self, kind: Kind) -> String {
        let prefix = match self.variant {
            Variant::Sotw => "Stream",
            Variant::Delta => "Delta",
        };
        let (service, method) = match kind {
            _ if !self.typed => ("discovery.v3.AggregatedDiscoveryService", "AggregatedResources"),
            Kind::Cluster => ("cluster.v3.ClusterDiscoveryService", "Clusters"),
            Kind::Endpoints => ("endpoint.v3.EndpointDiscoveryService", "Endpoints"),
            Kind::Route => ("route.v3.RouteDiscoveryService", "Routes"),
            other => panic!("{other:?} is not asked for here"),
        };
        format!("/envoy.service.{service}/{prefix}{method}")
    }
}

/// A request of either variant.
#[derive(Debug, Clone)]
pub struct Said {
    pub kind: Kind,
    pub node: Option<Node>,
    /// Of the response that it is about, or the newest one.
    pub nonce: String,
    pub version: String,
    /// All names that are asked for now.
    pub names: Vec<String>,
    /// Those that are new, and those that are no more asked for.
    pub more: Vec<String>,
    pub fewer: Vec<String>,
    /// Versions of what is held, when the stream begins.
    pub held: HashMap<String, String>,
}

impl From<Said> for DiscoveryRequest {
    fn from(said: Said) -> DiscoveryRequest {
        DiscoveryRequest {
            node: said.node,
            type_url: said.kind.type_url().into(),
            response_nonce: said.nonce,
            version_info: said.version,
            resource_names: said.names,
            ..Default::default()
        }
    }
}

impl From<Said> for DeltaDiscoveryRequest {
    fn from(said: Said) -> DeltaDiscoveryRequest {
        DeltaDiscoveryRequest {
            node: said.node,
            type_url: said.kind.type_url().into(),
            response_nonce: said.nonce,
            resource_names_subscribe: said.more,
            resource_names_unsubscribe: said.fewer,
            initial_resource_versions: said.held,
            ..Default::default()
        }
    }
}

/// A response of either variant.
#[derive(Debug)]
pub struct News {
    pub kind: Kind,
    pub nonce: String,
    pub version: String,
    pub given: Vec<Given>,
    pub removed: Vec<String>,
}

/// A resource.
#[derive(Debug, Clone)]
pub struct Given {
    /// In delta; in SotW its own name is in its content alone.
    pub name: Option<String>,
    pub version: String,
    pub content: Vec<u8>,
}

fn kind(type_url: &str) -> Kind {
    Kind::from_type_url(type_url).expect("a known type")
}

impl From<DiscoveryResponse> for News {
    fn from(response: DiscoveryResponse) -> News {
        let given = |any: envoy_types::pb::google::protobuf::Any| Given { name: None, version: String::new(), content: any.value };
        News {
            kind: kind(&response.type_url),
            nonce: response.nonce,
            version: response.version_info,
            given: response.resources.into_iter().map(given).collect(),
            removed: Vec::new(),
        }
    }
}

impl From<DeltaDiscoveryResponse> for News {
    fn from(response: DeltaDiscoveryResponse) -> News {
        let given = |resource: envoy_types::pb::envoy::service::discovery::v3::Resource| Given {
            name: Some(resource.name),
            version: resource.version,
            content: resource.resource.expect("a body").value,
        };
        News {
            kind: kind(&response.type_url),
            nonce: response.nonce,
            version: response.system_version_info,
            given: response.resources.into_iter().map(given).collect(),
            removed: response.removed_resources,
        }
    }
}
