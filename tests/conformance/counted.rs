//! Rows E6, M4, N1 and O5: what is counted, and who says so.

use tonic::Code;

use crate::client::{Delta, Sotw, node};
use crate::server::{CDS, EDS, TestServer, release};

const EXTENSION: &str = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig";

#[tokio::test]
async fn n1_an_unknown_type_is_counted_once_per_stream_also_after_known_ones() {
    let server = TestServer::start(&[release("shop", &["v1"], "v1")]).await;
    let counted = async || server.metrics_line("tidegate_xds_unknown_types_total").await;
    assert_eq!(counted().await, "tidegate_xds_unknown_types_total 0");
    let mut stream = Delta::open(server.xds()).await;
    stream.ask(Some(node("n1")), CDS, &[]).await;
    let known = stream.next().await;
    for _ in 0..2 {
        stream.ask(None, EXTENSION, &["flags"]).await;
        let answer = stream.next().await;
        assert_eq!((answer.removed.as_slice(), &answer.identifier), (&["flags".to_owned()][..], &known.identifier));
    }
    assert_eq!(counted().await, "tidegate_xds_unknown_types_total 1");
    let mut stream = Sotw::open(server.xds()).await;
    for (node, type_url) in [(Some(node("n1")), EXTENSION), (None, EXTENSION), (None, "made.up/Type"), (None, CDS)] {
        stream.ask(node, type_url, &[]).await;
    }
    assert_eq!(stream.next().await.names(), ["shop/v1"]);
    assert_eq!(counted().await, "tidegate_xds_unknown_types_total 3");
}

#[tokio::test]
async fn e6_a_request_beyond_the_limit_is_counted_as_refused() {
    let server = TestServer::start(&[release("shop", &["v1"], "v1")]).await;
    let mut stream = Delta::open(server.xds()).await;
    let long = "n".repeat(65 << 20);
    stream.ask(Some(node("n1")), CDS, &[&long]).await;
    assert_eq!(stream.error().await.code(), Code::ResourceExhausted);
    let refused = "tidegate_xds_refused_total{reason=\"too_much\"}";
    assert_eq!(server.metrics_line(refused).await, format!("{refused} 1"));
}

#[tokio::test]
async fn m4_a_response_near_the_limit_of_grpc_is_counted() {
    // A response of all of them has about 5 MiB; a file may not be as long.
    let endpoints: Vec<String> = (0..40_000).map(|at| format!("\"127.0.{}.{}:80\"", at / 250, at % 250 + 1)).collect();
    let of = |service: &str| {
        let (name, text) = release(service, &["v1"], "v1");
        (name, text.replace("\"127.0.1.11:8080\"", &endpoints.join(", ")))
    };
    let server = TestServer::start(&["a", "b", "c", "d"].map(of)).await;
    let mut stream = Delta::open(server.xds()).await;
    let large = "tidegate_xds_large_responses_total{type=\"EDS\"}";
    stream.ask(Some(node("n1")), EDS, &["a/v1"]).await;
    stream.next().await.ack_on(&mut stream).await;
    assert_eq!(server.metrics_line(large).await, format!("{large} 0"));
    stream.ask(None, EDS, &["b/v1", "c/v1", "d/v1", "a/v1"]).await;
    assert_eq!(stream.next().await.endpoints("d/v1"), 40_000);
    assert_eq!(server.metrics_line(large).await, format!("{large} 1"));
}
