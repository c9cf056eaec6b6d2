//! Short ways to say common parts of Envoy's messages.

use std::net::SocketAddr;
use std::time::Duration;

use envoy_types::pb::envoy::config::core::v3 as core;
use envoy_types::pb::envoy::r#type::matcher::v3::{RegexMatcher, StringMatcher, string_matcher::MatchPattern};
use envoy_types::pb::google::protobuf;

/// A duration.
pub(super) fn duration(duration: Duration) -> protobuf::Duration {
    let seconds = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    protobuf::Duration { seconds, nanos: duration.subsec_nanos() as i32 }
}

/// A number that may also be absent.
pub(super) fn uint32(value: u32) -> protobuf::UInt32Value {
    protobuf::UInt32Value { value }
}

/// A truth value that may also be absent.
pub(super) fn boolean(value: bool) -> protobuf::BoolValue {
    protobuf::BoolValue { value }
}

/// A TCP address, by IP address or host name.
pub(super) fn address(host: &str, port: u16) -> core::Address {
    let port = core::socket_address::PortSpecifier::PortValue(port.into());
    let socket = core::SocketAddress { address: host.to_owned(), port_specifier: Some(port), ..core::SocketAddress::default() };
    core::Address { address: Some(core::address::Address::SocketAddress(socket)) }
}

/// A TCP address.
pub(super) fn socket_address(socket: SocketAddr) -> core::Address {
    address(&socket.ip().to_string(), socket.port())
}

/// "Ask on the aggregated stream."
pub(super) fn ads() -> core::ConfigSource {
    core::ConfigSource {
        resource_api_version: core::ApiVersion::V3.into(),
        config_source_specifier: Some(core::config_source::ConfigSourceSpecifier::Ads(core::AggregatedConfigSource {})),
        ..core::ConfigSource::default()
    }
}

/// "Ask the server that this came from."
pub(super) fn itself() -> core::ConfigSource {
    let specifier = core::config_source::ConfigSourceSpecifier::Self_(core::SelfConfigSource::default());
    core::ConfigSource { config_source_specifier: Some(specifier), ..core::ConfigSource::default() }
}

/// An RE2 expression that the whole of a text must match.
pub(super) fn regex(regex: impl Into<String>) -> RegexMatcher {
    RegexMatcher { regex: regex.into(), ..RegexMatcher::default() }
}

/// A match on a text.
pub(super) fn string(pattern: MatchPattern) -> StringMatcher {
    StringMatcher { match_pattern: Some(pattern), ..StringMatcher::default() }
}
