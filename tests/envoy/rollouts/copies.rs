//! Which requests are copied to a candidate.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Empty;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use crate::proxy::Proxy;
use crate::releases::{FILE, HOST, Two};
use crate::rollouts::checkout::until_settled_at;
use crate::run::{Setup, bounded};
use crate::server::Server;

const PATIENCE: Duration = Duration::from_secs(10);

#[test]
fn only_the_methods_that_are_named_are_copied() {
    bounded(async {
        let two = Two::start().await;
        let server = Server::start(&[(FILE, two.file(""))]).await;
        let proxy = Proxy::start(Setup::USUAL, &server).await;
        server.save(FILE, &two.file("candidate: v2\nblue_green: {before: [{mirror: 100% for 1h, methods: [GET, PUT]}]}"));
        until_settled_at(&server, 1).await;
        for method in [Method::POST, Method::GET, Method::DELETE, Method::PUT, Method::GET] {
            ask(&proxy, method).await;
        }
        let copied = async {
            while two.v2.requests() < 3 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(PATIENCE, copied).await.expect("copies");
        // One more is copied after whatever came of the others.
        ask(&proxy, Method::GET).await;
        let last = async {
            while two.v2.requests() < 4 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(PATIENCE, last).await.expect("a copy");
        assert_eq!((two.v1.requests(), two.v2.requests()), (6, 4));
    });
}

/// Stable answers.
async fn ask(proxy: &Proxy, method: Method) {
    let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::builder().method(method).uri(format!("http://{}/", proxy.address)).header(http::header::HOST, HOST);
    let answer = client.request(request.body(Empty::new()).expect("a request")).await.expect("an answer");
    assert_eq!(answer.headers()["x-version"], "v1");
}
