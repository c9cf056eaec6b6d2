//! Shares and rules.

use crate::backend::Backend;
use crate::run::bounded;
use crate::server::{Server, release};

const FILE: &str = "checkout.yaml";
const TARGET: &str = "xds:///checkout";

/// Calls to tell a share by: the standard deviation of a tenth is 0.67 % here, so 3.5 % off does not come by chance.
const CALLS: u64 = 2000;

#[test]
fn a_tenth_is_a_tenth() {
    bounded(async |grpc| {
        let (v1, v2) = (Backend::start("v1").await, Backend::start("v2").await);
        let file = release("checkout", &[("v1", &[&v1]), ("v2", &[&v2])], "split: {v1: 90%, v2: 10%}");
        let server = Server::start(&[(FILE, file)]).await;
        let mut client = grpc.client(server.xds()).await;
        let totals = client.calls(TARGET, CALLS).await.lost_none();
        let share = totals.of("v2") as f64 / CALLS as f64;
        assert!((0.065..=0.135).contains(&share), "{totals:?}");
        server.nothing_was_rejected();
    });
}

#[test]
fn a_canary_by_hand_loses_nothing() {
    bounded(async |grpc| {
        let (v1, v2) = (Backend::start("v1").await, Backend::start("v2").await);
        let split = |percent: u32| {
            let split = format!("split: {{v1: {}%, v2: {percent}%}}", 100 - percent);
            release("checkout", &[("v1", &[&v1]), ("v2", &[&v2])], &split)
        };
        let server = Server::start(&[(FILE, split(0))]).await;
        let mut client = grpc.client(server.xds()).await;
        client.load(TARGET, 400).await;
        for (percent, expected) in [(10, 0.03..=0.20), (50, 0.38..=0.62), (100, 1.0..=1.0), (0, 0.0..=0.0)] {
            server.save(FILE, &split(percent));
            server.routes_acknowledged_again().await;
            // Those under way went by the routes before, and the client takes in what it has acknowledged a moment later.
            client.more(100).await;
            let totals = client.more(400).await;
            let share = totals.of("v2") as f64 / totals.answered() as f64;
            assert!(expected.contains(&share), "{share} at {percent} %");
        }
        client.lost_none().await;
        server.nothing_was_rejected();
    });
}

#[test]
fn rules_send_to_the_candidate() {
    bounded(async |grpc| {
        let (v1, v2) = (Backend::start("v1").await, Backend::start("v2").await);
        let rules = r#"
rules:
- {name: qa, when: {header: {x-canary: always}}, send: v2}
- {name: staff, when: {header: {x-role: {in: [staff, support]}}}, send: v2}
- {name: new, when: {header: {x-build: {regex: "[0-9]+"}}}, send: v2}
- {name: other, when: {path: {prefix: /another.Service/}}, send: v2}
"#;
        let server = Server::start(&[(FILE, release("checkout", &[("v1", &[&v1]), ("v2", &[&v2])], rules))]).await;
        let mut client = grpc.client(server.xds()).await;
        assert_eq!(client.calls(TARGET, 20).await.lost_none().of("v1"), 20);
        for header in [("x-canary", "always"), ("x-role", "support"), ("x-build", "42")] {
            assert_eq!(client.calls_with(TARGET, 20, &[header]).await.lost_none().of("v2"), 20, "{header:?}");
        }
        for header in [("x-canary", "sometimes"), ("x-role", "guest"), ("x-build", "42b")] {
            assert_eq!(client.calls_with(TARGET, 20, &[header]).await.lost_none().of("v1"), 20, "{header:?}");
        }
        server.nothing_was_rejected();
    });
}
