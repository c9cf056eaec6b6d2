//! TLS between an Envoy and its servers.

use envoy_types::pb::envoy::config::core::v3::TransportSocket;
use envoy_types::pb::envoy::extensions::transport_sockets::tls::v3::common_tls_context::ValidationContextType;
use envoy_types::pb::envoy::extensions::transport_sockets::tls::v3::{
    CertificateValidationContext, CommonTlsContext, SubjectAltNameMatcher, TlsCertificate, UpstreamTlsContext,
    subject_alt_name_matcher::SanType,
};

use super::{XdsAddress, XdsTls};
use crate::translate::transport::{file, named, socket};

/// The socket by which these servers are reached.
pub(super) fn tls(tls: &XdsTls, servers: &[XdsAddress]) -> TransportSocket {
    let mut names = servers.iter().filter(|server| server.is_name()).map(|server| &server.host);
    let common = CommonTlsContext {
        alpn_protocols: vec!["h2".to_owned()],
        tls_certificates: tls.certificate.iter().map(own).collect(),
        validation_context_type: Some(ValidationContextType::ValidationContext(CertificateValidationContext {
            trusted_ca: Some(file(&tls.ca)),
            match_typed_subject_alt_names: wanted(tls, servers),
            ..CertificateValidationContext::default()
        })),
        ..CommonTlsContext::default()
    };
    let sni = tls.server_name.as_ref().or_else(|| names.next()).cloned().unwrap_or_default();
    socket(UpstreamTlsContext { sni, common_tls_context: Some(common), ..UpstreamTlsContext::default() })
}

fn own((certificate, key): &(String, String)) -> TlsCertificate {
    TlsCertificate { certificate_chain: Some(file(certificate)), private_key: Some(file(key)), ..TlsCertificate::default() }
}

/// Who the server must be. Never only "somebody with a certificate of this CA": that is every Envoy of the fleet.
fn wanted(tls: &XdsTls, servers: &[XdsAddress]) -> Vec<SubjectAltNameMatcher> {
    let of_host = |server: &XdsAddress| named(if server.is_name() { SanType::Dns } else { SanType::IpAddress }, &server.host);
    match &tls.server_name {
        Some(name) => vec![named(SanType::Dns, name)],
        None => servers.iter().map(of_host).collect(),
    }
}
