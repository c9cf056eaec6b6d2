//! How bytes go to the endpoints: the protocol and TLS.

use envoy_types::pb::envoy::config::core::v3::data_source::Specifier;
use envoy_types::pb::envoy::config::core::v3::transport_socket::ConfigType;
use envoy_types::pb::envoy::config::core::v3::{DataSource, Http2ProtocolOptions, TransportSocket};
use envoy_types::pb::envoy::extensions::transport_sockets::tls::v3::common_tls_context::ValidationContextType;
use envoy_types::pb::envoy::extensions::transport_sockets::tls::v3::{
    CertificateValidationContext, CommonTlsContext, SubjectAltNameMatcher, UpstreamTlsContext, subject_alt_name_matcher::SanType,
};
use envoy_types::pb::envoy::extensions::upstreams::http::v3::HttpProtocolOptions;
use envoy_types::pb::envoy::extensions::upstreams::http::v3::http_protocol_options::explicit_http_config::ProtocolConfig;
use envoy_types::pb::envoy::extensions::upstreams::http::v3::http_protocol_options::{ExplicitHttpConfig, UpstreamProtocolOptions};
use envoy_types::pb::envoy::r#type::matcher::v3::string_matcher::MatchPattern;
use envoy_types::pb::google::protobuf::Any;
use envoy_types::util::pack_any;

use super::pb::string;
use crate::model::{Protocol, Tls};

/// Key of the HTTP options among a cluster's extension options, by which Envoy finds them.
const HTTP_OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// The extension option that sets the protocol; none for HTTP/1.1, which is Envoy's default.
pub(super) fn protocol_options(protocol: Protocol) -> Option<(String, Any)> {
    match protocol {
        Protocol::Http1 => None,
        Protocol::Http2 | Protocol::Grpc => Some(http2(Http2ProtocolOptions::default())),
    }
}

/// The extension option for HTTP/2 with prior knowledge.
pub(super) fn http2(options: Http2ProtocolOptions) -> (String, Any) {
    let explicit = ExplicitHttpConfig { protocol_config: Some(ProtocolConfig::Http2ProtocolOptions(options)) };
    let options = HttpProtocolOptions {
        upstream_protocol_options: Some(UpstreamProtocolOptions::ExplicitHttpConfig(explicit)),
        ..HttpProtocolOptions::default()
    };
    (HTTP_OPTIONS.to_owned(), pack_any(options))
}

/// A TLS socket. HTTP/2 is said by ALPN too, as servers go on in HTTP/1.1 unless it is.
pub(super) fn tls_socket(protocol: Protocol, tls: &Tls) -> TransportSocket {
    let alpn = match protocol {
        Protocol::Http1 => None,
        Protocol::Http2 | Protocol::Grpc => Some("h2".to_owned()),
    };
    let context = UpstreamTlsContext {
        sni: tls.sni.clone().unwrap_or_default(),
        common_tls_context: Some(CommonTlsContext {
            alpn_protocols: alpn.into_iter().collect(),
            validation_context_type: tls.ca.as_deref().map(|ca| verified_by(ca, tls.sni.as_deref())),
            ..CommonTlsContext::default()
        }),
        ..UpstreamTlsContext::default()
    };
    socket(context)
}

/// The socket of that context.
pub(super) fn socket(context: UpstreamTlsContext) -> TransportSocket {
    TransportSocket {
        name: "envoy.transport_sockets.tls".to_owned(),
        config_type: Some(ConfigType::TypedConfig(pack_any(context))),
    }
}

/// What is in that file, on the Envoy's machine.
pub(super) fn file(path: &str) -> DataSource {
    DataSource { specifier: Some(Specifier::Filename(path.to_owned())), ..DataSource::default() }
}

/// An alternative name that is exactly this.
pub(super) fn named(kind: SanType, name: &str) -> SubjectAltNameMatcher {
    SubjectAltNameMatcher {
        san_type: kind.into(),
        matcher: Some(string(MatchPattern::Exact(name.to_owned()))),
        ..SubjectAltNameMatcher::default()
    }
}

/// The certificate must come from this CA and, if a server name is sent, be made out for it: a CA alone would accept any of its
/// certificates.
fn verified_by(ca: &str, name: Option<&str>) -> ValidationContextType {
    ValidationContextType::ValidationContext(CertificateValidationContext {
        trusted_ca: Some(file(ca)),
        match_typed_subject_alt_names: name.map(|name| named(SanType::Dns, name)).into_iter().collect(),
        ..CertificateValidationContext::default()
    })
}
