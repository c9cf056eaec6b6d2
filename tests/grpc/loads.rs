//! Load reports: what the client tells of its calls.

use crate::backend::Backend;
use crate::run::bounded;
use crate::server::{Server, release};

const FILE: &str = "checkout.yaml";
const TARGET: &str = "xds:///checkout";

/// Clusters are reported by name, to the server that gave them.
#[test]
fn k1_the_client_reports_what_it_calls() {
    bounded(async |grpc| {
        let (v1, v2) = (Backend::start("v1").await, Backend::start("v2").await);
        let file = release("checkout", &[("v1", &[&v1]), ("v2", &[&v2])], "split: {v1: 50%, v2: 50%}");
        let server = Server::start(&[(FILE, file)]).await;
        let mut client = grpc.client(server.xds()).await;
        client.load(TARGET, 100).await;
        client.more(500).await;
        let totals = client.lost_none().await;
        server
            .loads_until(|loads| {
                ["v1", "v2"].iter().all(|version| {
                    let load = loads.clusters([format!("checkout/{version}").as_str()]).remove(0);
                    load.is_some_and(|load| load.totals.succeeded == totals.of(version) && load.in_progress == 0)
                })
            })
            .await;
    });
}
