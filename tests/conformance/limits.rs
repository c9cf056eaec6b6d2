//! Rows N3, N4, N6, N7 and N10: what one client may do to the server, and to others.

use std::time::{Duration, Instant};

use tidegate::serve::{Limits, Options, Rate};
use tonic::Code;
use tonic::transport::Channel;

use crate::client::{Delta, Sotw, node};
use crate::raw::{self, Raw};
use crate::server::{CDS, EDS, TestServer, release};

pub const ADS: &str = "envoy.service.discovery.v3.AggregatedDiscoveryService";

async fn limited(files: &[(String, String)], limits: Limits) -> TestServer {
    TestServer::start_with(files, |options| Options { limits, ..options }).await
}

fn shop() -> [(String, String); 1] {
    [release("shop", &["v1"], "v1")]
}

/// A stream that has been answered.
async fn served(server: &TestServer, id: &str) -> Delta {
    let mut stream = Delta::open(server.xds()).await;
    stream.ask(Some(node(id)), CDS, &[]).await;
    assert_eq!(stream.next().await.names(), ["shop/v1"]);
    stream
}

#[tokio::test]
async fn n3_who_asks_too_fast_is_read_slowly_and_served_all_the_same() {
    let requests = Rate { per_second: 1, burst: 3 };
    let server = limited(&shop(), Limits { requests, ..Limits::default() }).await;
    let mut stream = Delta::open(server.xds()).await;
    stream.ask(Some(node("n1")), CDS, &[]).await;
    stream.next().await.ack_on(&mut stream).await;
    for _ in 0..100 {
        stream.ask(None, EDS, &["shop/v1"]).await;
    }
    assert_eq!(stream.next().await.names(), ["shop/v1"], "the third request is answered");
    server.write(&release("cart", &["v1"], "v1"));
    let pushed = stream.next().await;
    assert_eq!((pushed.type_url.as_str(), pushed.names()), (CDS, vec!["cart/v1".to_owned()]), "what changes is sent meanwhile");
    let throttled = server.metrics_line("tidegate_xds_throttled_total").await;
    assert_ne!(throttled, "tidegate_xds_throttled_total 0");
    let mut other = Delta::open(server.xds()).await;
    other.ask(Some(node("n2")), CDS, &[]).await;
    assert_eq!(other.next().await.names(), ["cart/v1", "shop/v1"], "others are read as ever");
}

#[tokio::test]
async fn n3_requests_that_came_in_a_flood_are_all_answered_in_the_end() {
    let server = TestServer::start(&shop()).await;
    let mut stream = served(&server, "n1").await;
    for _ in 0..3000 {
        stream.ask(None, CDS, &["shop/v1"]).await;
    }
    stream.ask(None, EDS, &["shop/v1"]).await;
    while stream.next().await.type_url != EDS {}
    assert_eq!(
        server.metrics_line("tidegate_xds_throttled_total").await,
        "tidegate_xds_throttled_total 0",
        "no Envoy is slowed down"
    );
}

#[tokio::test]
async fn n4_who_reads_nothing_is_cut_off_and_who_has_nothing_to_read_is_not() {
    let many: Vec<String> = (1..=6000).map(|port| format!("\"127.0.1.11:{port}\"")).collect();
    let text = format!("service: big\nhosts: [big.example.com]\nversions:\n  v1: [{}]\nstable: v1\n", many.join(", "));
    let unread = Duration::from_millis(300);
    let server = limited(&[("big.yaml".into(), text)], Limits { unread, ..Limits::default() }).await;
    let mut idle = Delta::open(server.xds()).await;
    idle.ask(Some(node("idle")), CDS, &[]).await;
    idle.next().await.ack_on(&mut idle).await;

    let endpoint = Channel::from_shared(format!("http://{}", server.xds())).expect("an address").initial_stream_window_size(65_535);
    let channel = endpoint.connect().await.expect("a server");
    let mut deaf = Sotw::open_by(channel, &format!("{ADS}/StreamAggregatedResources")).await;
    deaf.ask(Some(node("deaf")), EDS, &["big/v1"]).await;
    server.board_until(|streams| streams.iter().any(|stream| stream.node.id == "deaf")).await;
    let left = server.board_until(|streams| streams.len() == 1).await;
    assert_eq!(left[0].node.id, "idle");
    assert_eq!(server.metrics_line("tidegate_xds_unread_total").await, "tidegate_xds_unread_total 1");
    server.write(&release("cart", &["v1"], "v1"));
    assert_eq!(idle.next().await.names(), ["cart/v1"]);
}

#[tokio::test]
async fn n6_new_streams_wait_their_turn() {
    let openings = Rate { per_second: 10, burst: 1 };
    let server = limited(&shop(), Limits { openings, ..Limits::default() }).await;
    let begun = Instant::now();
    let all = (0..5).map(|turn| {
        let server = &server;
        async move { drop(served(server, &format!("n{turn}")).await) }
    });
    futures_util::future::join_all(all).await;
    assert!(begun.elapsed() >= Duration::from_millis(350), "four of them waited: {:?}", begun.elapsed());
}

#[tokio::test]
async fn n6_n2_who_would_wait_too_long_is_sent_away_as_unavailable() {
    let limits = Limits { openings: Rate { per_second: 1, burst: 1 }, opening_wait: Duration::ZERO, ..Limits::default() };
    let server = limited(&shop(), limits).await;
    let (first, second) = tokio::join!(Delta::open(server.xds()), Delta::open(server.xds()));
    let mut codes = Vec::new();
    for mut stream in [first, second] {
        if stream.is_open() {
            stream.ask(Some(node("n1")), CDS, &[]).await;
            assert_eq!(stream.next().await.names(), ["shop/v1"]);
        } else {
            codes.push(stream.error().await.code());
        }
    }
    assert_eq!(codes, [Code::Unavailable]);
    let rush = "tidegate_xds_refused_total{reason=\"rush\"}";
    assert_eq!(server.metrics_line(rush).await, format!("{rush} 1"));
}

#[tokio::test]
async fn n6_n2_there_are_only_so_many_streams() {
    let server = limited(&shop(), Limits { streams: 2, ..Limits::default() }).await;
    let (one, _two) = (served(&server, "n1").await, served(&server, "n2").await);
    assert_eq!(Delta::open(server.xds()).await.error().await.code(), Code::ResourceExhausted);
    drop(one);
    server.board_until(|streams| streams.len() == 1).await;
    let mut again = Delta::open(server.xds()).await;
    // The place is given back just after the row on the board.
    while !again.is_open() {
        again = Delta::open(server.xds()).await;
    }
    let full = "tidegate_xds_refused_total{reason=\"too_many_streams\"}";
    assert!(server.metrics_line(full).await.starts_with(full));
}

/// `PING` of RFC 9113 section 6.7, and the acknowledgement of one.
const PING: [u8; 17] = *b"\0\0\x08\x06\0\0\0\0\0tidegate";

#[tokio::test]
async fn n7_pings_of_clients_are_answered_however_many() {
    let server = TestServer::start(&shop()).await;
    let mut connection = Raw::open(&server).await;
    let mut answered = 0;
    while answered < 1000 {
        connection.send(&PING).await;
        answered += u32::from(is_next_ping_an_answer(&mut connection).await);
    }
}

/// Whatever ends the connection fails.
async fn is_next_ping_an_answer(connection: &mut Raw) -> bool {
    loop {
        let frame = connection.next().await;
        match frame.kind {
            raw::PING => return frame.flags == 1,
            raw::GOAWAY => panic!("GOAWAY: {:?}", frame.body),
            _ => {}
        }
    }
}

#[tokio::test]
async fn n7_the_age_of_what_is_unanswered_is_told() {
    let server = TestServer::start(&shop()).await;
    let age = async || {
        let line = server.metrics_line("tidegate_xds_oldest_unanswered_seconds ").await;
        line.rsplit(' ').next().and_then(|age| age.parse::<f64>().ok()).expect("a number")
    };
    let mut stream = Delta::open(server.xds()).await;
    stream.ask(Some(node("n1")), CDS, &[]).await;
    let received = stream.next().await;
    assert!(age().await > 0.0);
    received.ack_on(&mut stream).await;
    server.board_until(|streams| streams.iter().all(|stream| stream.types.values().all(|of_type| of_type.in_sync))).await;
    assert_eq!(age().await, 0.0);
}

/// Whatever ends one stream leaves the others of the same connection alone.
#[tokio::test]
async fn n10_n2_who_asks_for_too_much_ends_only_their_own_stream() {
    let server = limited(&shop(), Limits { names: 10, ..Limits::default() }).await;
    let channel = Channel::from_shared(format!("http://{}", server.xds())).expect("an address").connect().await.expect("a server");
    let open = async || Delta::open_by(channel.clone(), &format!("{ADS}/DeltaAggregatedResources")).await;
    let mut bystander = open().await;
    bystander.ask(Some(node("bystander")), CDS, &[]).await;
    bystander.next().await.ack_on(&mut bystander).await;

    let (long, many): (String, Vec<String>) = ("n".repeat(1 << 20), (0..11).map(|name| name.to_string()).collect());
    let fields = vec!["a"; 500_001];
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for (id, names) in [("n1", &[long.as_str()][..]), ("n1", &many), ("n1", &fields), (&long, &["a"])] {
        let mut stream = open().await;
        stream.ask(Some(node(id)), EDS, names).await;
        let error = stream.error().await;
        assert_eq!(error.code(), Code::ResourceExhausted, "{error}");
    }
    let mut stream = open().await;
    stream.ask(Some(node("n1")), EDS, &many[..6]).await;
    stream.next().await.ack_on(&mut stream).await;
    stream.ask(None, CDS, &many[5..]).await;
    let error = stream.error().await;
    assert_eq!(error.code(), Code::ResourceExhausted, "names count over all types: {error}");

    server.board_until(|streams| streams.len() == 1).await;
    server.write(&release("cart", &["v1"], "v1"));
    assert_eq!(bystander.next().await.names(), ["cart/v1"]);
    let refused = "tidegate_xds_refused_total{reason=\"too_much\"}";
    assert_eq!(server.metrics_line(refused).await, format!("{refused} 5"));
    assert_eq!(server.metrics_line("tidegate_xds_panics_total").await, "tidegate_xds_panics_total 0");
}

#[tokio::test]
async fn n10_n2_what_is_no_message_is_an_invalid_argument() {
    let server = TestServer::start(&shop()).await;
    let mut stream = Sotw::open_by(
        Channel::from_shared(format!("http://{}", server.xds())).expect("an address").connect().await.expect("a server"),
        &format!("{ADS}/DeltaAggregatedResources"),
    )
    .await;
    // In a delta request, this field is a message and no text: `shop/v1` is none.
    stream.resume_raw(node("n1"), "shop/v1").await;
    assert_eq!(stream.error().await.code(), Code::InvalidArgument);
}
