//! Clients that ask for clusters and listeners by name, as gRPC does: what they get is what they asked for.

use super::client::{Delta, Sotw, node};
use super::server::{CDS, LDS, RDS, TestServer, release};

/// No resource here has a name of this form, which is of an authority (federation): none is known, however the name is written.
const ELSEWHERE: [&str; 3] = [
    "xdstp://elsewhere/envoy.config.listener.v3.Listener/shop?b=2&a=1",
    "xdstp://elsewhere/envoy.config.listener.v3.Listener/shop?a=1&b=2",
    "xdstp://elsewhere/envoy.config.listener.v3.Listener/*",
];

fn listeners() -> (String, String) {
    let text = "listeners:\n  a: {bind: \"127.0.1.11:8080\"}\n  b: {bind: \"127.0.1.12:8080\"}\n";
    ("tidegate.yaml".into(), text.into())
}

#[tokio::test]
async fn m1_m4_named_clusters_and_listeners_come_without_the_others() {
    let server = TestServer::start(&[release("shop", &["v1", "v2"], "v1"), release("cart", &["v1"], "v1"), listeners()]).await;
    let mut stream = Sotw::open(server.xds()).await;
    stream.ask(Some(node("n1")), LDS, &["b"]).await;
    assert_eq!(stream.next().await.names(), ["b"]);
    stream.ask(None, CDS, &["shop/v2"]).await;
    assert_eq!(stream.next().await.names(), ["shop/v2"]);
    stream.ask(None, CDS, &["shop/v1", "shop/v2"]).await;
    assert_eq!(stream.next().await.names(), ["shop/v1", "shop/v2"], "absence is deletion, so what it has is there as well");
}

#[tokio::test]
async fn m1_m4_changes_of_what_was_not_asked_for_send_nothing() {
    let server = TestServer::start(&[release("shop", &["v1"], "v1"), release("cart", &["v1"], "v1")]).await;
    let mut stream = Sotw::open(server.xds()).await;
    stream.ask(Some(node("n1")), CDS, &["shop/v1"]).await;
    let held = stream.next().await;
    stream.ack(&held, &["shop/v1"]).await;
    let before = server.generation();
    server.write(&release("cart", &["v1", "v2"], "v2"));
    server.generation_after(before).await;
    let (name, text) = release("shop", &["v1"], "v1");
    server.write(&(name, format!("{text}upstream: {{connect_timeout: 3s}}\n")));
    let next = stream.next().await;
    assert_eq!(
        (next.type_url.as_str(), next.names()),
        (CDS, vec!["shop/v1".to_owned()]),
        "the next to arrive is of its own change"
    );
    assert_ne!(next.version, held.version);
}

/// gRPC's listeners have the names of services. An Envoy could do nothing with them, and must not be given them by its wildcard.
#[tokio::test]
async fn m1_listeners_of_grpc_come_to_who_asks_by_name_and_to_nobody_else() {
    let server = TestServer::start(&[release("shop", &["v1"], "v1"), listeners()]).await;
    let mut sotw = Sotw::open(server.xds()).await;
    sotw.ask(Some(node("n1")), LDS, &["shop"]).await;
    assert_eq!(sotw.next().await.names(), ["shop"]);
    let mut sotw = Sotw::open(server.xds()).await;
    sotw.ask(Some(node("n2")), LDS, &[]).await;
    assert_eq!(sotw.next().await.names(), ["a", "b"]);
    let mut delta = Delta::open(server.xds()).await;
    delta.ask(Some(node("n3")), LDS, &[]).await;
    assert_eq!(delta.next().await.names(), ["a", "b"]);
}

/// A client that waits for a name counts it as missing after a while, and is not to be told of it by anything but its coming.
#[tokio::test]
async fn m2_a_name_that_does_not_exist_is_answered_by_its_absence_and_sent_when_it_is_there() {
    let server = TestServer::start(&[release("shop", &["v1"], "v1")]).await;
    let mut stream = Sotw::open(server.xds()).await;
    stream.ask(Some(node("n1")), CDS, &["cart/v1", "shop/v1"]).await;
    let held = stream.next().await;
    assert_eq!(held.names(), ["shop/v1"]);
    stream.ack(&held, &["cart/v1", "shop/v1"]).await;
    server.write(&release("cart", &["v1"], "v1"));
    assert_eq!(stream.next().await.names(), ["cart/v1", "shop/v1"]);
}

#[tokio::test]
async fn m6_d11_in_delta_names_of_unknown_authorities_are_told_as_removed_as_they_were_asked_for() {
    let server = TestServer::start(&[release("shop", &["v1"], "v1"), listeners()]).await;
    let mut stream = Delta::open(server.xds()).await;
    stream.ask(Some(node("n1")), LDS, &[&ELSEWHERE[..], &["a"]].concat()).await;
    let answer = stream.next().await;
    assert_eq!(answer.names(), ["a"], "the others are none the worse");
    let mut removed = answer.removed;
    removed.sort();
    let mut asked = ELSEWHERE;
    asked.sort();
    assert_eq!(removed, asked);
}

#[tokio::test]
async fn m6_d11_in_state_of_the_world_they_are_absent() {
    let server = TestServer::start(&[release("shop", &["v1"], "v1"), listeners()]).await;
    let mut stream = Sotw::open(server.xds()).await;
    stream.ask(Some(node("n1")), LDS, &[&ELSEWHERE[..], &["a"]].concat()).await;
    assert_eq!(stream.next().await.names(), ["a"]);
    stream.ask(None, RDS, &["xdstp://elsewhere/envoy.config.route.v3.RouteConfiguration/tidegate"]).await;
    // The next to arrive answers a later question: there was nothing to say to this one.
    stream.ask(None, CDS, &["shop/v1"]).await;
    assert_eq!(stream.next().await.type_url, CDS);
}
