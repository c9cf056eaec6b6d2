//! What a release may say of its requests and its endpoints that a client without a proxy has to take in, if only to leave it out.

use std::time::Duration;

use crate::backend::Backend;
use crate::run::bounded;
use crate::server::{Server, release};

const FILE: &str = "checkout.yaml";
const TARGET: &str = "xds:///checkout";

/// Calls of a service with these lines at the end of its file: `v1` answers them, and the client rejects nothing.
fn calls_go_on(more: &'static str) {
    bounded(async |grpc| {
        let (v1, v2) = (Backend::start("v1").await, Backend::start("v2").await);
        let server = Server::start(&[(FILE, release("checkout", &[("v1", &[&v1]), ("v2", &[&v2])], more))]).await;
        let mut client = grpc.client(server.xds()).await;
        assert_eq!(client.calls(TARGET, 5).await.lost_none().of("v1"), 5);
        server.in_sync(1).await;
        server.nothing_was_rejected();
    });
}

#[test]
fn every_kind_of_rule() {
    calls_go_on(
        r#"
rules:
- {name: cookie, when: {cookie: {beta: "1"}}, send: v2}
- {name: query, when: {query: {preview: v2}}, send: v2}
- {name: method, when: {method: GET}, send: v2}
- {name: path, when: {path: {regex: "/nothing/[a-z]+"}}, send: v2}
- {name: exact, when: {path: /nothing}, send: v2}
- {name: absent, when: {header: {x-always: {present: true}}}, send: v2}
- {name: not, when: {header: {x-never: {not: {regex: "[a-z]+"}}, x-always: {suffix: s}}}, send: v2}
- {name: any, when: {any: [{header: {x-a: {contains: b}}}, {header: {x-b: {prefix: c}}}]}, send: {v1: 50%, v2: rest}}
"#,
    );
}

#[test]
fn everything_upstream() {
    calls_go_on(
        r#"
upstream:
  protocol: grpc
  connect_timeout: 1s
  timeout: 20s
  retry: {on: [5xx, gateway-error, reset, connect-failure, refused-stream, unavailable, resource-exhausted], tries: 3, per_try_timeout: 10s}
  health_check: {every: 10s, timeout: 2s, healthy: 1, unhealthy: 5}
  outlier: {consecutive_5xx: 3, eject_for: 1m, max_ejected: 25%}
  limits: {connections: 1000, pending: 1000, requests: 5000, retries: 100}
"#,
    );
}

#[test]
fn the_protocol_of_other_clients() {
    for protocol in ["http1", "http2"] {
        calls_go_on(if protocol == "http1" { "upstream: {protocol: http1}" } else { "upstream: {protocol: http2}" });
    }
}

#[test]
fn a_path_of_its_own() {
    calls_go_on("path: /tidegate.test.Who");
}

/// A service is found by its name, and by each of its hosts, where it may share them with others by their paths.
#[test]
fn hosts_are_targets_too() {
    bounded(async |grpc| {
        let (who, rest) = (Backend::start("who").await, Backend::start("rest").await);
        let on_host = |service: &str, backend: &Backend, more: &str| {
            release(service, &[("v1", &[backend])], more).replace(&format!("{service}.example.com"), "shop.example.com")
        };
        let [named, other] = [("checkout", &who, "path: /tidegate.test.Who"), ("other", &rest, "")]
            .map(|(service, backend, more)| on_host(service, backend, more));
        let server = Server::start(&[(FILE, named), ("other.yaml", other)]).await;
        let mut client = grpc.client(server.xds()).await;
        for (target, answers) in [(TARGET, "who"), ("xds:///other", "rest"), ("xds:///shop.example.com", "who")] {
            assert_eq!(client.calls(target, 5).await.lost_none().of(answers), 5, "{target}");
        }
        server.nothing_was_rejected();
    });
}

/// Clusters of such versions would be rejected, and a call would not be told why. A service of which there is one is not offered.
#[test]
fn what_grpc_does_not_take_is_not_offered() {
    bounded(async |grpc| {
        let v1 = Backend::start("v1").await;
        let tls = release("tls", &[("v1", &[&v1])], "upstream: {protocol: grpc, tls: {sni: a.example, ca: /etc/ca.pem}}");
        let dns = format!(
            "service: dns\nhosts: [dns.example.com]\nversions: {{v1: {{dns: \"localhost:{}\"}}}}\nstable: v1\n",
            v1.address().port()
        );
        let server =
            Server::start(&[(FILE, release("checkout", &[("v1", &[&v1])], "")), ("tls.yaml", tls), ("dns.yaml", dns)]).await;
        let mut client = grpc.client(server.xds()).await;
        assert_eq!(client.calls(TARGET, 1).await.lost_none().of("v1"), 1);
        for target in ["xds:///tls", "xds:///dns"] {
            let failed = client.waits_in_vain(target, Duration::from_millis(300)).await;
            assert!(failed.starts_with("DEADLINE_EXCEEDED"), "{failed}");
        }
        server.nothing_was_rejected();
    });
}
