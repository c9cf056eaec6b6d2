//! A plain HTTP/1.1 client for exact checks: ask, and see who answered.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use thiserror::Error;

/// Longest wait for a whole answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// An answer.
#[derive(Debug, Clone)]
pub struct Response {
    /// Status.
    pub status: StatusCode,
    /// Who answered, by the header `x-version` that [`super::Backend`] sets.
    pub version: Option<String>,
    /// All headers.
    pub headers: HeaderMap,
    /// The body as text, invalid UTF-8 replaced.
    pub body: String,
}

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum RequestError {
    /// Host, path or a header is not one that HTTP can carry.
    #[error("not a request: {0}")]
    Malformed(#[from] http::Error),
    /// Nobody answered, or not to the end.
    #[error("{0}")]
    Failed(String),
    /// Nobody answered in time.
    #[error("no answer within {} s", TIMEOUT.as_secs())]
    Late,
}

/// A client with connections that are kept and used again.
#[derive(Debug, Clone)]
pub struct Client {
    pool: Pool<HttpConnector, Empty<Bytes>>,
}

impl Default for Client {
    fn default() -> Self {
        Client::new(16)
    }
}

impl Client {
    /// A client that keeps so many idle connections to each address.
    pub fn new(connections: usize) -> Client {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let pool =
            Pool::builder(TokioExecutor::new()).pool_max_idle_per_host(connections).pool_timer(TokioTimer::new()).build(connector);
        Client { pool }
    }

    /// `GET path` from the address, for the host, with more headers as given.
    pub async fn get(
        &self,
        address: SocketAddr,
        host: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Response, RequestError> {
        let mut request = Request::get(format!("http://{address}{path}")).header(http::header::HOST, host);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Empty::new())?).await
    }

    /// As [`Client::get`], with headers made once and used for many requests.
    pub(super) async fn get_with(&self, uri: &http::Uri, headers: &[(HeaderName, HeaderValue)]) -> Result<Response, RequestError> {
        let mut request = Request::get(uri.clone()).body(Empty::new())?;
        request.headers_mut().extend(headers.iter().cloned());
        self.send(request).await
    }

    async fn send(&self, request: Request<Empty<Bytes>>) -> Result<Response, RequestError> {
        tokio::time::timeout(TIMEOUT, self.exchange(request)).await.unwrap_or(Err(RequestError::Late))
    }

    async fn exchange(&self, request: Request<Empty<Bytes>>) -> Result<Response, RequestError> {
        let (head, body) = self.pool.request(request).await.map_err(failed)?.into_parts();
        let body = body.collect().await.map_err(failed)?.to_bytes();
        let version = head.headers.get("x-version").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = String::from_utf8_lossy(&body).into_owned();
        Ok(Response { status: head.status, version, headers: head.headers, body })
    }
}

/// The whole chain of causes: the outermost alone says "client error (SendRequest)".
fn failed(error: impl std::error::Error) -> RequestError {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    RequestError::Failed(text)
}
