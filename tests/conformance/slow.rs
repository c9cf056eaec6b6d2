//! Clients that do not read, or ask for much before they do (rows M3, N4 and N5).

use tidegate::xds::Variant;
use tonic::transport::Channel;

use crate::client::node;
use crate::either::{BOTH, Either};
use crate::limits::ADS;
use crate::server::{CDS, EDS, TestServer};

/// A stream of a connection on which less can come at once than any first answer here is long, unless it is read.
async fn open_deaf(server: &TestServer, variant: Variant) -> Either {
    let endpoint = Channel::from_shared(format!("http://{}", server.xds())).expect("an address").initial_stream_window_size(65_535);
    Either::open_by(endpoint.connect().await.expect("a server"), variant, ADS, "AggregatedResources").await
}

/// A service with one version on so many endpoints.
fn endpoints(count: usize) -> (String, String) {
    let all: Vec<String> = (1..=count).map(|port| format!("\"127.0.1.11:{port}\"")).collect();
    ("big.yaml".into(), format!("service: big\nhosts: [big.example.com]\nversions:\n  v1: [{}]\nstable: v1\n", all.join(", ")))
}

#[tokio::test]
async fn n4_m3_who_does_not_read_is_sent_the_newest_in_the_end_and_holds_up_nobody() {
    const FIRST: usize = 3000;
    const CHANGES: usize = 20;
    for variant in BOTH {
        let server = TestServer::start(&[endpoints(FIRST)]).await;
        let mut deaf = open_deaf(&server, variant).await;
        deaf.ask(Some(node("deaf")), EDS, &["big/v1"]).await;
        server.board_until(|streams| streams.iter().any(|stream| stream.types.values().any(|of| of.pushes == 1))).await;
        let mut healthy = Either::open(&server, variant).await;
        healthy.ask(Some(node("healthy")), EDS, &["big/v1"]).await;
        for count in FIRST..=FIRST + CHANGES {
            if count > FIRST {
                server.write(&endpoints(count));
            }
            let news = healthy.next().await;
            assert_eq!(news.endpoints("big/v1"), count, "each change comes, when it is made");
            healthy.ack(&news, &["big/v1"]).await;
        }
        let mut read = Vec::new();
        while read.last() != Some(&(FIRST + CHANGES)) {
            let news = deaf.next().await;
            deaf.ack(&news, &["big/v1"]).await;
            read.push(news.endpoints("big/v1"));
        }
        // Beside what is on its way, HTTP/2 holds one that was made when the first had been without an answer for long.
        assert!(read.len() <= 3 && read[0] == FIRST && read.is_sorted(), "{variant:?}: what was in between is skipped: {read:?}");
    }
}

/// A service with so many versions, the first of them on so many endpoints.
fn versions(count: usize, endpoints: usize) -> (String, String) {
    let first: Vec<String> = (0..endpoints).map(|port| format!("\"127.0.1.11:{}\"", 8000 + port)).collect();
    let others: String = (1..count).map(|n| format!("  v{n}: [\"127.0.1.12:8080\"]\n")).collect();
    let text = format!("service: s\nhosts: [s.example.com]\nversions:\n  v0: [{}]\n{others}stable: v0\n", first.join(", "));
    ("s.yaml".into(), text)
}

/// The requests lie in the server's buffers, and the change beside them, when the client reads on.
#[tokio::test]
async fn n5_a_change_does_not_wait_for_all_requests_nor_the_first_request_for_a_change() {
    const REQUESTS: usize = 3000;
    for variant in BOTH {
        let server = TestServer::start(&[versions(REQUESTS, 1)]).await;
        let mut stream = open_deaf(&server, variant).await;
        stream.ask(Some(node("n1")), CDS, &[]).await;
        server.board_until(|streams| streams.iter().any(|stream| stream.types.values().any(|of| of.pushes == 1))).await;
        for n in 1..REQUESTS {
            stream.ask(None, EDS, &["s/v0", &format!("s/v{n}")]).await;
        }
        let before = server.generation();
        server.write(&versions(REQUESTS, 2));
        server.generation_after(before).await;

        assert_eq!(stream.next().await.type_url, CDS, "{variant:?}");
        let last = format!("s/v{}", REQUESTS - 1);
        let (mut first_answer, mut change, mut last_answer) = (None, None, None);
        for turn in 0.. {
            let received = stream.next_of(EDS).await;
            let names = received.names();
            first_answer = first_answer.or((!names.is_empty()).then_some(turn));
            change = change.or((names.iter().any(|name| name == "s/v0") && received.endpoints("s/v0") == 2).then_some(turn));
            last_answer = names.contains(&last).then_some(turn);
            if last_answer.is_some() {
                break;
            }
        }
        assert!(first_answer <= change, "{variant:?}: {first_answer:?} {change:?}");
        assert!(change.is_some() && change < last_answer, "{variant:?}: {change:?} {last_answer:?}");
    }
}
