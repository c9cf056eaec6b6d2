//! The traffic policy of a service: how Envoy talks to its endpoints.

use std::time::Duration;

use super::Share;

/// `upstream:` of a release file. `None` means that Envoy's default holds, or, where Envoy's default would lose requests to a
/// release, the value that `translate` chooses and documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Protocol spoken to the endpoints.
    pub protocol: Protocol,
    /// Longest wait for a TCP connection.
    pub connect_timeout: Duration,
    /// Longest wait for a whole response; `None` leaves Envoy's 15 s.
    pub timeout: Option<Duration>,
    /// Retries, inside the version that was picked.
    pub retry: Option<Retry>,
    /// Active health checks.
    pub health_check: Option<HealthCheck>,
    /// Passive health checks: endpoints that fail are ejected for a while.
    pub outlier: Option<Outlier>,
    /// Circuit breakers, per version and Envoy.
    pub limits: Limits,
    /// TLS to the endpoints.
    pub tls: Option<Tls>,
}

impl Default for Upstream {
    fn default() -> Self {
        Upstream {
            protocol: Protocol::Http1,
            connect_timeout: Duration::from_secs(2),
            timeout: None,
            retry: None,
            health_check: None,
            outlier: None,
            limits: Limits::default(),
            tls: None,
        }
    }
}

/// Protocol to the endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2 with prior knowledge.
    Http2,
    /// gRPC: HTTP/2, and timeouts taken from the caller's `grpc-timeout`.
    Grpc,
}

/// When and how often a request is tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// What is tried again; never empty.
    pub on: Vec<RetryOn>,
    /// Retries after the first attempt, 1 to 10.
    pub tries: u32,
    /// Longest wait for each attempt.
    pub per_try_timeout: Option<Duration>,
}

/// A reason to try again, by Envoy's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RetryOn {
    /// Any 5xx answer, or none at all.
    FiveXx,
    /// 502, 503 and 504.
    GatewayError,
    /// The connection was reset.
    Reset,
    /// The connection could not be made.
    ConnectFailure,
    /// HTTP/2 REFUSED_STREAM.
    RefusedStream,
    /// gRPC status `unavailable`.
    Unavailable,
    /// gRPC status `resource-exhausted`.
    ResourceExhausted,
}

impl RetryOn {
    /// The word that files use, which is also Envoy's.
    pub fn as_str(self) -> &'static str {
        match self {
            RetryOn::FiveXx => "5xx",
            RetryOn::GatewayError => "gateway-error",
            RetryOn::Reset => "reset",
            RetryOn::ConnectFailure => "connect-failure",
            RetryOn::RefusedStream => "refused-stream",
            RetryOn::Unavailable => "unavailable",
            RetryOn::ResourceExhausted => "resource-exhausted",
        }
    }
}

/// Active health check of every endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck {
    /// Path asked for by HTTP (ignored for gRPC, where `grpc.health.v1` is asked).
    pub path: String,
    /// Time between checks.
    pub every: Duration,
    /// Longest wait for an answer.
    pub timeout: Duration,
    /// Good answers until an endpoint counts as healthy.
    pub healthy: u32,
    /// Bad answers until it counts as unhealthy.
    pub unhealthy: u32,
}

/// Passive health check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outlier {
    /// Consecutive 5xx until an endpoint is ejected.
    pub consecutive_5xx: u32,
    /// How long, times the number of ejections so far.
    pub eject_for: Duration,
    /// Greatest share of endpoints ejected at once.
    pub max_ejected: Share,
}

/// Circuit breakers; `None` leaves Envoy's 1024 (and for retries, the number that `translate` chooses).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// Connections to all endpoints of a version.
    pub connections: Option<u32>,
    /// Requests waiting for a connection.
    pub pending: Option<u32>,
    /// Requests in flight.
    pub requests: Option<u32>,
    /// Retries in flight.
    pub retries: Option<u32>,
}

/// TLS to the endpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// Server name sent and verified; `None` sends none.
    pub sni: Option<String>,
    /// CA bundle, a path on the Envoy's machine; `None` trusts whatever certificate comes.
    pub ca: Option<String>,
}
