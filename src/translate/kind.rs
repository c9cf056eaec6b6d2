//! The kinds of xDS resources.

/// A kind of resource. The declaration order is make-before-break: what comes later may refer to what comes before, so changes are
/// sent in this order ("Eventual consistency considerations" of the xDS protocol specification).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// CDS.
    Cluster,
    /// EDS.
    Endpoints,
    /// SDS.
    Secret,
    /// LDS.
    Listener,
    /// SRDS.
    ScopedRoute,
    /// RDS.
    Route,
    /// VHDS.
    VirtualHost,
    /// RTDS.
    Runtime,
}

impl Kind {
    /// Every kind, in the order in which changes are sent.
    pub const ALL: [Kind; 8] = [
        Kind::Cluster,
        Kind::Endpoints,
        Kind::Secret,
        Kind::Listener,
        Kind::ScopedRoute,
        Kind::Route,
        Kind::VirtualHost,
        Kind::Runtime,
    ];

    /// The `type_url` of the kind's resources.
    pub fn type_url(self) -> &'static str {
        match self {
            Kind::Cluster => "type.googleapis.com/envoy.config.cluster.v3.Cluster",
            Kind::Endpoints => "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
            Kind::Secret => "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
            Kind::Listener => "type.googleapis.com/envoy.config.listener.v3.Listener",
            Kind::ScopedRoute => "type.googleapis.com/envoy.config.route.v3.ScopedRouteConfiguration",
            Kind::Route => "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
            Kind::VirtualHost => "type.googleapis.com/envoy.config.route.v3.VirtualHost",
            Kind::Runtime => "type.googleapis.com/envoy.service.runtime.v3.Runtime",
        }
    }

    /// The kind of a `type_url`.
    pub fn from_type_url(type_url: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.type_url() == type_url)
    }

    /// The usual short name: `CDS`, `EDS`, `SDS`, `LDS`, `SRDS`, `RDS`, `VHDS`, `RTDS`.
    pub fn short(self) -> &'static str {
        match self {
            Kind::Cluster => "CDS",
            Kind::Endpoints => "EDS",
            Kind::Secret => "SDS",
            Kind::Listener => "LDS",
            Kind::ScopedRoute => "SRDS",
            Kind::Route => "RDS",
            Kind::VirtualHost => "VHDS",
            Kind::Runtime => "RTDS",
        }
    }

    /// Whether a response in state-of-the-world mode holds all resources of the kind, so that absence means deletion: CDS and LDS by
    /// the specification, SRDS by what Envoy does (`ScopedRdsConfigSubscription::onConfigUpdate`).
    pub fn is_full_state(self) -> bool {
        matches!(self, Kind::Cluster | Kind::Listener | Kind::ScopedRoute)
    }

    /// Whether a subscription without names means "everything".
    pub fn has_wildcard(self) -> bool {
        self.is_full_state() || self == Kind::VirtualHost
    }

    /// Whether the kind is there in delta alone: a virtual host can be subscribed to one by one only (VHDS).
    pub fn is_delta_only(self) -> bool {
        self == Kind::VirtualHost
    }
}
