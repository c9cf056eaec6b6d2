//! Calls by HTTP.

use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

use super::{Answer, Call};

/// The most of an answer's body that is read, in bytes.
const BODY: usize = 64 << 10;
/// Content type of hooks.
const JSON: &str = "application/json";

/// Makes calls, each on a connection of its own. Clones share what is costly.
///
/// The URL's host is called itself: a proxy that the environment names for other programs would get to see the tokens. Redirects are
/// not followed, since a call that is let go on by another server than the one named is let go on by nobody.
#[derive(Debug, Clone)]
pub struct Caller {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    /// No certificate authority is known, so no `https://` can be called.
    rootless: bool,
}

impl Caller {
    /// A caller that trusts whom the system trusts. Reads the system's certificates, which takes some milliseconds, once.
    ///
    /// # Errors
    /// TLS cannot be set up at all. A system without certificates is no error before an `https://` is called.
    pub fn new() -> Result<Caller, rustls::Error> {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::debug!(%error, "a certificate of the system's is left out");
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(found.certs);
        Caller::trusting(roots)
    }

    /// A caller that trusts these authorities alone.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn trusting(roots: RootCertStore) -> Result<Caller, rustls::Error> {
        let rootless = roots.is_empty();
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(tcp);
        // Calls are minutes apart; a connection that was kept is one that may be gone when it is needed.
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        Ok(Caller { client, rootless })
    }

    /// Makes the call once. What it gives is never an error: who cannot be reached has not answered.
    pub async fn call(&self, call: Call) -> Answer {
        self.post(&call, JSON).await
    }

    pub(super) async fn post(&self, call: &Call, content_type: &'static str) -> Answer {
        let Some(until) = Instant::now().checked_add(call.timeout) else {
            return Answer::Stop("no clock reaches as far as its timeout".to_owned());
        };
        let request = match call.request(content_type) {
            Ok(request) => request,
            Err(error) => return Answer::Stop(format!("cannot be called: {error}")),
        };
        if self.rootless && request.uri().scheme() == Some(&http::uri::Scheme::HTTPS) {
            return Answer::Again(
                "this machine has no CA certificates to check it by: install them (`ca-certificates`)".to_owned(),
            );
        }
        match timeout_at(until, self.client.request(request)).await {
            Err(_) => Answer::Again(format!("no answer within {:?}", call.timeout)),
            Ok(Err(error)) => Answer::Again(format!("no answer: {}", causes(&error))),
            Ok(Ok(response)) => {
                let status = response.status();
                Answer::from_http(status, &beginning(response.into_body(), until).await)
            }
        }
    }
}

/// The beginning of a body, as much of it as comes in time: the status has answered already.
async fn beginning(mut body: Incoming, until: Instant) -> Vec<u8> {
    let mut read = Vec::new();
    while read.len() < BODY
        && let Ok(Some(Ok(frame))) = timeout_at(until, body.frame()).await
    {
        let data = frame.data_ref().map(|data| &data[..data.len().min(BODY - read.len())]);
        read.extend_from_slice(data.unwrap_or_default());
    }
    read
}

/// What is behind an error, without the client's own words for where it happened, and each cause once: some repeat the next.
fn causes(error: &(dyn Error + 'static)) -> String {
    let chain = std::iter::successors(error.source(), |&error| error.source()).map(ToString::to_string);
    let mut told: Vec<String> = Vec::new();
    for cause in chain {
        if !told.last().is_some_and(|last| last.ends_with(&cause)) {
            told.push(cause);
        }
    }
    if told.is_empty() { error.to_string() } else { told.join(": ") }
}
