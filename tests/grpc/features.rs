//! What a release may say of its requests and its endpoints that a client without a proxy has to take in, if only to leave it out.

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
