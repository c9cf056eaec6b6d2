//! One call.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, USER_AGENT};
use http::{HeaderValue, Request};
use http_body_util::Full;

/// The header by which a call that comes twice is known to be one.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Who calls.
const CALLER: HeaderValue = HeaderValue::from_static(concat!("tidegate/", env!("CARGO_PKG_VERSION")));

/// A call by POST with a JSON body.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The same for every try of one question, and for no other; visible ASCII.
    pub token: String,
    /// `http://` or `https://`, in full.
    pub url: String,
    /// Longest wait for the whole answer, the connection included.
    pub timeout: Duration,
    /// What is sent.
    pub body: serde_json::Value,
}

impl Call {
    pub(super) fn request(&self, content_type: &'static str) -> Result<Request<Full<Bytes>>, http::Error> {
        Request::post(&self.url)
            .header(CONTENT_TYPE, content_type)
            .header(USER_AGENT, CALLER)
            .header(IDEMPOTENCY_KEY, &self.token)
            .body(Full::from(self.body.to_string()))
    }
}
