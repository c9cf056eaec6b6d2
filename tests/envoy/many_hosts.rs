//! What a change costs an Envoy when there are many hosts. Numbers, not only yes or no, so it is asked for by name and in a release
//! build, on a machine that does nothing else:
//!
//! `cargo test --release --test envoy many_hosts -- --ignored --nocapture`

use std::time::{Duration, Instant};

use tidegate::snapshot::Kind;
use tidegate::testbed::Client;

use crate::proxy::{Proxy, free};
use crate::releases::{FILE, Two, list, of_service};
use crate::run::{Setup, bounded_by};
use crate::server::Server;

/// Longest time for all of it.
const LIMIT: Duration = Duration::from_secs(600);
/// Changes of one service.
const CHANGES: u32 = 50;
/// Requests a second meanwhile. A build without optimisation cannot ask more often.
const RATE: u32 = if cfg!(debug_assertions) { 200 } else { 2000 };

/// What one change cost.
#[derive(Debug, Clone, Copy)]
struct Cost {
    /// Bytes of routes sent.
    bytes: u64,
    /// Of Envoy's main thread; the median.
    cpu: Duration,
}

#[test]
#[ignore = "measures; takes minutes, and a release build"]
fn a_change_costs_the_same_among_ten_and_among_five_thousand() {
    bounded_by(LIMIT, async {
        let few = cost_among(10).await;
        for services in [1000, 5000] {
            let many = cost_among(services).await;
            assert!(many.bytes < 1000, "{} bytes among {services} services", many.bytes);
            assert!(many.cpu < few.cpu * 3 / 2, "{:?} among {services} services, {:?} among 10", many.cpu, few.cpu);
        }
    });
}

/// The cost of a change of one service among so many, on a listener with scoped routes. No request may fail meanwhile.
async fn cost_among(services: usize) -> Cost {
    let (two, bind) = (Two::start().await, free("127.0.22.7").await);
    let other = |i: usize| of_service(&format!("s{i}"), &[("v1", &list(&[&two.v1])), ("v2", &list(&[&two.v2]))], "v1", "");
    let others: Vec<(String, String)> = (1..services).map(|i| (format!("s{i}.yaml"), other(i))).collect();
    let config = format!("listeners: {{http: {{bind: \"{bind}\", routes: scoped}}}}\n");
    let mut files: Vec<(&str, String)> = others.iter().map(|(name, text)| (name.as_str(), text.clone())).collect();
    files.extend([(FILE, two.file("")), ("tidegate.yaml", config)]);

    let started = Instant::now();
    let server = Server::start(&files).await;
    let loaded = started.elapsed();
    let mut proxy = Proxy::start_without_listener(Setup::USUAL, &server, bind).await;
    proxy.envoy.wait_ready().await.expect("ready");
    server.in_sync(1).await;
    println!("{services} services: loaded after {loaded:?}, in sync after {:?}", started.elapsed());

    let load = proxy.load_of(RATE).await;
    let before = bytes_of_routes(&server).await;
    let (mut cpu, mut took) = (Vec::new(), Vec::new());
    for change in 1..=CHANGES {
        let (computed, saved) = (main_thread(&proxy), Instant::now());
        let share = change * 100 / CHANGES;
        server.change(Kind::Route, FILE, &two.file(&format!("split: {{v1: {}%, v2: {share}%}}", 100 - share))).await;
        took.push(saved.elapsed());
        cpu.push(main_thread(&proxy) - computed);
    }
    let bytes = (bytes_of_routes(&server).await - before) / u64::from(CHANGES);
    let sent = load.lost_none().await.sent;
    let (cpu, took) = (median(cpu), median(took));
    println!(
        "{services} services: {bytes} bytes, {cpu:?} of Envoy's main thread, {took:?} from save to ACK; 0 of {sent} requests lost"
    );
    Cost { bytes, cpu }
}

/// Every 5 s Envoy writes down its statistics, which takes longer than a change: the median leaves that out.
fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// What Envoy's main thread has computed so far: the first number of its `schedstat`, in nanoseconds.
fn main_thread(proxy: &Proxy) -> Duration {
    let id = proxy.envoy.id().expect("a process");
    let text = std::fs::read_to_string(format!("/proc/{id}/task/{id}/schedstat")).expect("statistics of a thread");
    Duration::from_nanos(text.split_whitespace().next().expect("a number").parse().expect("nanoseconds"))
}

async fn bytes_of_routes(server: &Server) -> u64 {
    let page = Client::default().get(server.http(), "tidegate", "/metrics", &[]).await.expect("metrics").body;
    let line = page.lines().find_map(|line| line.strip_prefix("tidegate_xds_bytes_total{type=\"RDS\"} "));
    line.unwrap_or_else(|| panic!("no bytes in {page}")).parse().expect("a number")
}
