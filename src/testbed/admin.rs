//! What an Envoy says of itself on its admin port.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;

use serde_json::Value;
use thiserror::Error;

use super::{Client, RequestError};

/// Why the admin port did not tell.
#[derive(Debug, Error)]
pub enum AdminError {
    /// It did not answer.
    #[error("admin port: {0}")]
    Request(#[from] RequestError),
    /// It answered with an error.
    #[error("admin port: {path}: {status}")]
    Status {
        /// The path asked for.
        path: String,
        /// Its status.
        status: http::StatusCode,
    },
    /// It answered with something else than JSON.
    #[error("admin port: {path}: {error}")]
    Json {
        /// The path asked for.
        path: String,
        /// What is wrong with it.
        error: serde_json::Error,
    },
}

/// An Envoy's admin port.
#[derive(Debug, Clone)]
pub struct Admin {
    address: SocketAddr,
    client: Client,
}

impl Admin {
    /// The admin port at that address.
    pub fn new(address: SocketAddr) -> Admin {
        Admin { address, client: Client::new(2) }
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The text of a page, for example `/clusters`.
    pub async fn text(&self, path: &str) -> Result<String, AdminError> {
        let response = self.client.get(self.address, "admin", path, &[]).await?;
        if response.status.is_success() {
            Ok(response.body)
        } else {
            Err(AdminError::Status { path: path.into(), status: response.status })
        }
    }

    /// A page as JSON.
    pub async fn json(&self, path: &str) -> Result<Value, AdminError> {
        let text = self.text(path).await?;
        serde_json::from_str(&text).map_err(|error| AdminError::Json { path: path.into(), error })
    }

    /// Everything Envoy was configured with, endpoints included.
    pub async fn config_dump(&self) -> Result<Value, AdminError> {
        self.json("/config_dump?include_eds").await
    }

    /// Whether Envoy serves: it has had its first configuration and is not draining.
    pub async fn ready(&self) -> bool {
        self.text("/ready").await.is_ok()
    }

    /// One counter or gauge; 0 when there is none of that name (Envoy makes many only when they first count).
    pub async fn stat(&self, name: &str) -> Result<u64, AdminError> {
        let stats = self.stats(&format!("^{}$", regex::escape(name))).await?;
        Ok(stats.get(name).copied().unwrap_or(0))
    }

    /// The counters and gauges whose names match the expression, anywhere in the name.
    pub async fn stats(&self, filter: &str) -> Result<BTreeMap<String, u64>, AdminError> {
        let text = self.text(&format!("/stats?filter={}", encode(filter))).await?;
        Ok(parse_stats(&text))
    }

    /// Where the listener of that name is bound; `None` while there is no such listener.
    pub async fn listener(&self, name: &str) -> Result<Option<SocketAddr>, AdminError> {
        Ok(find_listener(&self.json("/listeners?format=json").await?, name))
    }
}

/// Lines are `name: value`; histograms and texts, whose values are not whole numbers, are left out.
fn parse_stats(text: &str) -> BTreeMap<String, u64> {
    let line = |line: &str| {
        let (name, value) = line.rsplit_once(": ")?;
        Some((name.to_owned(), value.trim().parse().ok()?))
    };
    text.lines().filter_map(line).collect()
}

fn find_listener(listeners: &Value, name: &str) -> Option<SocketAddr> {
    let all = listeners["listener_statuses"].as_array()?;
    let socket = &all.iter().find(|one| one["name"] == name)?["local_address"]["socket_address"];
    let port = u16::try_from(socket["port_value"].as_u64()?).ok()?;
    Some(SocketAddr::new(socket["address"].as_str()?.parse().ok()?, port))
}

/// Percent-encodes a value of a query string.
fn encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stats_are_read_and_histograms_left_out() {
        let text = "cluster.a/v1.upstream_rq_total: 12\ncluster.a/v1.upstream_rq_time: P0(nan,1) P50(nan,2)\nversion: \"x\"\n";
        assert_eq!(parse_stats(text), BTreeMap::from([("cluster.a/v1.upstream_rq_total".into(), 12)]));
    }

    #[test]
    fn a_listener_is_found_by_name() {
        let page = serde_json::json!({"listener_statuses": [
            {"name": "other", "local_address": {"socket_address": {"address": "127.0.0.1", "port_value": 1}}},
            {"name": "http", "local_address": {"socket_address": {"address": "127.0.0.1", "port_value": 4711}}},
        ]});
        assert_eq!(find_listener(&page, "http"), Some(([127, 0, 0, 1], 4711).into()));
        assert_eq!(find_listener(&page, "none"), None);
    }

    #[test]
    fn expressions_survive_a_query_string() {
        assert_eq!(encode(r"^a/b\.c$"), "%5Ea%2Fb%5C.c%24");
    }
}
