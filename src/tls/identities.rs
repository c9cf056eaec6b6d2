//! Who a certificate says that its holder is.

use tokio_rustls::rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;

const SPIFFE: &str = "spiffe://";

/// The SPIFFE IDs that a certificate is made out for; if there are none, its DNS names. The common name counts for nothing: no CA is
/// bound to check it. The certificate must have been verified.
pub fn identities(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok(certificate) = EndEntityCert::try_from(certificate) else { return Vec::new() };
    let spiffe: Vec<String> = certificate.valid_uri_names().filter(|uri| uri.starts_with(SPIFFE)).map(str::to_owned).collect();
    if spiffe.is_empty() { certificate.valid_dns_names().map(str::to_owned).collect() } else { spiffe }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    fn of(sans: Vec<SanType>) -> Vec<String> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "common");
        params.subject_alt_names = sans;
        identities(params.self_signed(&KeyPair::generate().unwrap()).unwrap().der())
    }

    #[test]
    fn spiffe_ids_come_before_dns_names_and_the_common_name_is_none() {
        let uri = |text: &str| SanType::URI(text.try_into().unwrap());
        let dns = |text: &str| SanType::DnsName(text.try_into().unwrap());
        let ip = SanType::IpAddress([127, 0, 0, 1].into());
        assert_eq!(of(vec![dns("a.example"), uri("spiffe://prod/a"), ip.clone()]), ["spiffe://prod/a"]);
        assert_eq!(of(vec![dns("a.example"), uri("https://a.example"), dns("b.example")]), ["a.example", "b.example"]);
        assert_eq!(of(vec![ip]), Vec::<String>::new());
        assert_eq!(identities(&CertificateDer::from(vec![1, 2, 3])), Vec::<String>::new());
    }
}
