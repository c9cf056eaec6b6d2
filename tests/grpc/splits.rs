//! Shares and rules.

use crate::backend::Backend;
use crate::run::bounded;
use crate::server::{Server, release};

/// Calls to tell a share by: the standard deviation of a tenth is 0.67 % here, so 3.5 % off does not come by chance.
const CALLS: u64 = 2000;

#[test]
fn a_tenth_is_a_tenth() {
    bounded(async |grpc| {
        let (v1, v2) = (Backend::start("v1").await, Backend::start("v2").await);
        let server = Server::start(("checkout.yaml", &release("checkout", &[&v1, &v2], "split: {v1: 90%, v2: 10%}"))).await;
        let mut client = grpc.client(server.xds()).await;
        let totals = client.calls("xds:///checkout", CALLS).await.lost_none();
        let share = totals.of("v2") as f64 / CALLS as f64;
        assert!((0.065..=0.135).contains(&share), "{totals:?}");
    });
}

#[test]
fn a_rule_sends_by_header() {
    bounded(async |grpc| {
        let (v1, v2) = (Backend::start("v1").await, Backend::start("v2").await);
        let rules = "rules:\n- name: qa\n  when: {header: {x-canary: always}}\n  send: v2";
        let server = Server::start(("checkout.yaml", &release("checkout", &[&v1, &v2], rules))).await;
        let mut client = grpc.client(server.xds()).await;
        assert_eq!(client.calls("xds:///checkout", 50).await.lost_none().of("v1"), 50);
        let within = std::time::Duration::from_secs(20);
        let asked = client.calls_with("xds:///checkout", 50, &[("x-canary", "always")], within).await.lost_none();
        assert_eq!(asked.of("v2"), 50);
    });
}
