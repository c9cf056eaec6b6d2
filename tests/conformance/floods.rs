//! Clients that ask for much (rows N).

use std::collections::BTreeSet;

use envoy_types::pb::envoy::service::discovery::v3::DiscoveryRequest;

use crate::client::{Sotw, node};
use crate::server::{EDS, TestServer};

/// An Envoy that adds its clusters one by one sends its whole list again for each, faster than it answers.
#[tokio::test]
async fn n3_c5_lists_that_grow_on_one_nonce_are_all_served() {
    const MANY: usize = 2_000;
    let versions: String = (0..MANY).map(|n| format!("  v{n}: [\"127.0.1.11:8080\"]\n")).collect();
    let text = format!("service: s\nhosts: [s.example.com]\nversions:\n{versions}stable: v0\n");
    let server = TestServer::start(&[("s.yaml".into(), text)]).await;
    let names: Vec<String> = (0..MANY).map(|n| format!("s/v{n}")).collect();
    let mut stream = Sotw::open(server.xds()).await;
    stream.ask(Some(node("n1")), EDS, &["s/v0"]).await;
    let first = stream.next().await;
    let (requests, nonce) = (stream.requests(), first.nonce.clone());
    let all = names.clone();
    let flood = tokio::spawn(async move {
        for count in 2..=all.len() {
            let (type_url, response_nonce, resource_names) = (EDS.to_owned(), nonce.clone(), all[..count].to_vec());
            let request = DiscoveryRequest { type_url, response_nonce, resource_names, ..Default::default() };
            requests.send(request).await.expect("an open stream");
        }
    });
    let mut served: BTreeSet<String> = first.names().into_iter().collect();
    let mut responses = 0;
    while served.len() < MANY {
        let news = stream.next().await;
        assert!(news.names().iter().all(|name| served.insert(name.clone())), "nothing is sent twice");
        responses += 1;
    }
    flood.await.expect("everything was asked");
    assert!(responses < MANY, "requests that wait are answered together: {responses} responses");
}
