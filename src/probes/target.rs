//! Whom to ask, and how.

use std::time::Duration;

use crate::model::{Endpoint, HealthCheck, Protocol, Release};

/// An endpoint whose health is wanted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// Where it is.
    pub endpoint: Endpoint,
    /// How it is asked.
    pub how: How,
}

/// How an endpoint is asked, and how often it has to say so.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct How {
    /// What is asked.
    pub way: Way,
    /// Time between an answer and the next question.
    pub every: Duration,
    /// Longest wait for an answer.
    pub timeout: Duration,
    /// Good answers until an endpoint that was unhealthy is healthy.
    pub healthy: u32,
    /// Times without an answer until an endpoint that was healthy is unhealthy.
    pub unhealthy: u32,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// Nothing: to be connected to is enough.
    Connect,
    /// `GET path` over HTTP/1.1, for the host.
    Http1 {
        /// Host.
        host: String,
        /// Path, with its slash.
        path: String,
    },
    /// The same over HTTP/2 with prior knowledge.
    Http2 {
        /// Host.
        host: String,
        /// Path, with its slash.
        path: String,
    },
    /// `grpc.health.v1.Health/Check` of the whole server, for the host.
    Grpc {
        /// Host.
        host: String,
    },
}

impl How {
    /// As Envoy asks the endpoints of a release by its `health_check`. Without one, and where endpoints speak TLS, whose certificates
    /// are for the Envoys to judge, a connection is enough.
    pub fn of(release: &Release) -> How {
        let upstream = &release.upstream;
        let Some(check) = &upstream.health_check else { return How::CONNECT };
        let way = if upstream.tls.is_some() { Way::Connect } else { Way::of(release, check, upstream.protocol) };
        How { way, every: check.every, timeout: check.timeout, healthy: check.healthy, unhealthy: check.unhealthy }
    }

    /// Where a file says nothing of it.
    const CONNECT: How =
        How { way: Way::Connect, every: Duration::from_secs(1), timeout: Duration::from_secs(1), healthy: 1, unhealthy: 1 };
}

impl Way {
    fn of(release: &Release, check: &HealthCheck, protocol: Protocol) -> Way {
        let (host, path) = (release.check_host().to_owned(), check.path.clone());
        match protocol {
            Protocol::Http1 => Way::Http1 { host, path },
            Protocol::Http2 => Way::Http2 { host, path },
            Protocol::Grpc => Way::Grpc { host },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::diag::SourceFile;
    use crate::model::read_release;

    fn how(upstream: &str) -> How {
        let text = format!(
            "service: a\nhosts: [\"*.example.com\", a.example.com]\nversions: {{v1: []}}\nstable: v1\nupstream: {{{upstream}}}\n"
        );
        let file = Arc::new(SourceFile { path: "a.yaml".into(), text });
        How::of(&read_release(&file, &|_| None).value.expect("a release"))
    }

    #[test]
    fn it_is_asked_as_the_file_says() {
        let check = "health_check: {path: /up, every: 2s, timeout: 300ms, healthy: 4, unhealthy: 5}";
        let (host, path) = ("a.example.com".to_owned(), "/up".to_owned());
        let by =
            |way: Way| How { way, every: Duration::from_secs(2), timeout: Duration::from_millis(300), healthy: 4, unhealthy: 5 };
        assert_eq!(how(check), by(Way::Http1 { host: host.clone(), path: path.clone() }));
        assert_eq!(how(&format!("protocol: http2, {check}")), by(Way::Http2 { host: host.clone(), path }));
        let grpc = "protocol: grpc, health_check: {every: 2s, timeout: 300ms, healthy: 4, unhealthy: 5}";
        assert_eq!(how(grpc), by(Way::Grpc { host }));
        assert_eq!(how(&format!("tls: {{ca: ca.pem}}, {check}")), by(Way::Connect));
    }

    #[test]
    fn without_a_check_a_connection_is_enough() {
        let second = Duration::from_secs(1);
        let connect = How { way: Way::Connect, every: second, timeout: second, healthy: 1, unhealthy: 1 };
        assert_eq!(how("protocol: http2"), connect);
    }
}
