//! Active health checks.

use envoy_types::pb::envoy::config::core::v3 as core;
use envoy_types::pb::envoy::config::core::v3::health_check::{GrpcHealthCheck, HealthChecker, HttpHealthCheck};
use envoy_types::pb::envoy::r#type::v3::CodecClientType;

use super::pb::{duration, uint32};
use crate::model::{HealthCheck, Protocol, Release};

/// A check by HTTP, or for gRPC by `grpc.health.v1`. An endpoint without traffic is checked as often as one with traffic: with
/// Envoy's 60 s, a version that is about to get traffic would be known as healthy a minute late, and as broken a minute late too.
pub(super) fn check(release: &Release, check: &HealthCheck) -> core::HealthCheck {
    core::HealthCheck {
        timeout: Some(duration(check.timeout)),
        interval: Some(duration(check.every)),
        no_traffic_interval: Some(duration(check.every)),
        healthy_threshold: Some(uint32(check.healthy)),
        unhealthy_threshold: Some(uint32(check.unhealthy)),
        health_checker: Some(checker(release, check)),
        ..core::HealthCheck::default()
    }
}

fn checker(release: &Release, check: &HealthCheck) -> HealthChecker {
    let authority = release.check_host().to_owned();
    let http = |codec: CodecClientType| {
        HealthChecker::HttpHealthCheck(HttpHealthCheck {
            host: authority.clone(),
            path: check.path.clone(),
            codec_client_type: codec.into(),
            ..HttpHealthCheck::default()
        })
    };
    match release.upstream.protocol {
        Protocol::Http1 => http(CodecClientType::Http1),
        Protocol::Http2 => http(CodecClientType::Http2),
        Protocol::Grpc => {
            HealthChecker::GrpcHealthCheck(GrpcHealthCheck { authority: authority.clone(), ..GrpcHealthCheck::default() })
        }
    }
}
