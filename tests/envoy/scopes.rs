//! Listeners with scoped routes: a RouteConfiguration for each host.

use std::net::SocketAddr;

use tidegate::snapshot::Kind;
use tidegate::testbed::Client;

use crate::proxy::{Pressure, Proxy, free};
use crate::releases::{FILE, HOST, Two, list, of_service};
use crate::run::{Setup, bounded};
use crate::server::Server;

/// Services beside `checkout`.
const OTHERS: usize = 120;
/// Changes of its split.
const CHANGES: u64 = 20;
/// The largest that a response about one host may be, in bytes.
const SMALL: u64 = 1000;

fn config(bind: SocketAddr, routes: &str) -> (String, String) {
    ("tidegate.yaml".to_owned(), format!("listeners: {{http: {{bind: \"{bind}\", routes: {routes}}}}}\n"))
}

/// `checkout`, and so many services beside it that all run on one endpoint of it.
fn services(two: &Two, others: usize) -> Vec<(String, String)> {
    let other = |i: usize| (file(i), another(two, i));
    std::iter::once((FILE.to_owned(), two.file(""))).chain((0..others).map(other)).collect()
}

fn file(i: usize) -> String {
    format!("s{i}.yaml")
}

fn another(two: &Two, i: usize) -> String {
    of_service(&format!("s{i}"), &[("v1", &list(&[&two.v1]))], "v1", "")
}

async fn serve(files: Vec<(String, String)>) -> Server {
    Server::start(&files.iter().map(|(name, text)| (name.as_str(), text.clone())).collect::<Vec<_>>()).await
}

/// An Envoy whose listener comes from the server, once it serves.
async fn listening(setup: Setup, server: &Server, bind: SocketAddr) -> Proxy {
    let mut proxy = Proxy::start_without_listener(setup, server, bind).await;
    proxy.envoy.wait_ready().await.expect("ready");
    assert_eq!(proxy.envoy.wait_listener("http").await.expect("a listener"), bind);
    server.in_sync(1).await;
    proxy
}

async fn status(proxy: &Proxy, host: &str) -> u16 {
    proxy.get(host, "/", &[]).await.status.as_u16()
}

/// Waits until a host is answered with this status. That a scope is acknowledged says nothing of its routes yet.
async fn until(proxy: &mut Proxy, host: &str, want: u16) {
    let (client, address) = (proxy.client.clone(), proxy.address);
    let look = async || match client.get(address, host, "/", &[]).await {
        Ok(response) if response.status.as_u16() == want => Ok(()),
        Ok(response) => Err(response.status.to_string()),
        Err(error) => Err(error.to_string()),
    };
    proxy.envoy.wait_until(&format!("{want} from {host}"), look).await.expect("an answer");
}

/// Bytes of routes that were sent so far.
async fn bytes_of_routes(server: &Server) -> u64 {
    let page = Client::default().get(server.http(), "tidegate", "/metrics", &[]).await.expect("metrics").body;
    let line = page.lines().find_map(|line| line.strip_prefix("tidegate_xds_bytes_total{type=\"RDS\"} "));
    line.unwrap_or_else(|| panic!("no bytes in {page}")).parse().expect("a number")
}

#[test]
fn what_comes_and_goes_on_many_hosts_loses_nothing_delta() {
    bounded(what_comes_and_goes_on_many_hosts_loses_nothing(Setup::USUAL));
}

#[test]
fn what_comes_and_goes_on_many_hosts_loses_nothing_sotw() {
    bounded(what_comes_and_goes_on_many_hosts_loses_nothing(Setup::SOTW));
}

async fn what_comes_and_goes_on_many_hosts_loses_nothing(setup: Setup) {
    let (two, bind) = (Two::start().await, free("127.0.22.2").await);
    let files = services(&two, OTHERS).into_iter().chain([config(bind, "scoped")]).collect();
    let server = serve(files).await;
    let mut proxy = listening(setup, &server, bind).await;
    let clusters = proxy.stat("cluster_manager.active_clusters").await;
    let load = proxy.load_of(400).await;

    let (pushes, before) = (server.pushes(), bytes_of_routes(&server).await);
    for change in 1..=CHANGES {
        let share = change * 100 / CHANGES;
        server.change(Kind::Route, FILE, &two.file(&format!("split: {{v1: {}%, v2: {share}%}}", 100 - share))).await;
    }
    let bytes = (bytes_of_routes(&server).await - before) / CHANGES;
    assert!((100..SMALL).contains(&bytes), "{bytes} bytes for a change of one service among {OTHERS}");
    for ((kind, before), (_, after)) in pushes.into_iter().zip(server.pushes()) {
        assert_eq!(after, before + if kind == Kind::Route { CHANGES } else { 0 }, "{kind:?}");
    }
    load.more(20).await;
    assert_eq!(proxy.version().await, "v2");

    for i in OTHERS..OTHERS + 5 {
        server.change(Kind::ScopedRoute, &file(i), &another(&two, i)).await;
        until(&mut proxy, &format!("s{i}.example.com"), 200).await;
        let gone = i - OTHERS;
        let acks = server.count(Kind::ScopedRoute, |of| of.acks);
        std::fs::remove_file(server.path(&file(gone))).expect("removed");
        server.board_until("the scope to go", |_| server.count(Kind::ScopedRoute, |of| of.acks) > acks).await;
        until(&mut proxy, &format!("s{gone}.example.com"), 404).await;
    }
    let more_hosts = two.file("split: {v1: 0%, v2: 100%}").replace(HOST, &format!("{HOST}, second.example.com"));
    server.change(Kind::ScopedRoute, FILE, &more_hosts).await;
    until(&mut proxy, "second.example.com", 200).await;
    server.change(Kind::ScopedRoute, FILE, &two.file("split: {v1: 0%, v2: 100%}")).await;
    until(&mut proxy, "second.example.com", 404).await;

    load.lost_none().await;
    proxy.envoy.wait_stat("cluster_manager.active_clusters", |now| now == clusters).await.expect("as many as before");
    server.in_sync(1).await;
}

#[test]
fn hosts_are_found_with_any_port_and_in_lower_case_alone() {
    bounded(async {
        let (two, bind) = (Two::start().await, free("127.0.22.3").await);
        let server = serve(services(&two, 1).into_iter().chain([config(bind, "scoped")]).collect()).await;
        let proxy = listening(Setup::USUAL, &server, bind).await;
        for (host, want) in [
            (HOST, 200),
            ("checkout.example.com:8080", 200),
            ("s0.example.com", 200),
            ("Checkout.example.com", 404),
            ("unknown.example.com", 404),
        ] {
            assert_eq!(status(&proxy, host).await, want, "{host}");
        }
    });
}

#[test]
fn beyond_a_hundred_hosts_a_listener_changes_and_loses_nothing_delta() {
    bounded(beyond_a_hundred_hosts_a_listener_changes_and_loses_nothing(Setup::USUAL));
}

#[test]
fn beyond_a_hundred_hosts_a_listener_changes_and_loses_nothing_sotw() {
    bounded(beyond_a_hundred_hosts_a_listener_changes_and_loses_nothing(Setup::SOTW));
}

async fn beyond_a_hundred_hosts_a_listener_changes_and_loses_nothing(setup: Setup) {
    let (two, bind) = (Two::start().await, free("127.0.22.4").await);
    let server = serve(services(&two, 99).into_iter().chain([config(bind, "auto")]).collect()).await;
    let mut proxy = listening(setup, &server, bind).await;
    assert_eq!(server.count(Kind::ScopedRoute, |of| of.acks), 0, "one RouteConfiguration is enough");
    let load = proxy.load_of(400).await;

    server.change(Kind::ScopedRoute, &file(99), &another(&two, 99)).await;
    until(&mut proxy, "s99.example.com", 200).await;
    there_and_back(&server, &proxy, &two, &load).await;
    drained(&mut proxy).await;

    let listeners = server.count(Kind::Listener, |of| of.acks);
    std::fs::remove_file(server.path(&file(99))).expect("removed");
    server.board_until("100 hosts", |_| server.count(Kind::Listener, |of| of.acks) > listeners).await;
    drained(&mut proxy).await;
    until(&mut proxy, "s99.example.com", 404).await;
    load.lost_none().await;
}

/// The stable version of `checkout` changes, and changes back.
async fn there_and_back(server: &Server, proxy: &Proxy, two: &Two, load: &Pressure) {
    for stable in ["v2", "v1"] {
        server.change(Kind::Route, FILE, &two.file("").replace("stable: v1", &format!("stable: {stable}"))).await;
        load.more(20).await;
        assert_eq!(proxy.version().await, stable);
    }
}

/// Waits until no connection is left that came in before the listener changed.
async fn drained(proxy: &mut Proxy) {
    proxy.envoy.wait_stat("listener_manager.total_filter_chains_draining", |now| now == 0).await.expect("drained");
}

/// It would ask for no scopes once it has started, and answer 404 to everything.
#[test]
fn an_older_envoy_keeps_its_one_route_configuration() {
    for setup in [Setup::OLDEST, Setup::OLDEST_SOTW] {
        bounded(async {
            let (two, bind) = (Two::start().await, free("127.0.22.6").await);
            let server = serve(services(&two, 100).into_iter().chain([config(bind, "single")]).collect()).await;
            let mut proxy = listening(setup, &server, bind).await;
            let load = proxy.load().await;
            for routes in ["auto", "scoped"] {
                let (name, text) = config(bind, routes);
                server.save(&name, &text);
                server.change(Kind::Route, &file(100), &another(&two, 100)).await;
                until(&mut proxy, "s100.example.com", 200).await;
                there_and_back(&server, &proxy, &two, &load).await;
                std::fs::remove_file(server.path(&file(100))).expect("removed");
                until(&mut proxy, "s100.example.com", 404).await;
            }
            assert_eq!(server.count(Kind::ScopedRoute, |of| of.acks), 0);
            load.lost_none().await;
        });
    }
}

/// Each type then has a stream of its own, and the listener says where its scopes and their routes come from.
#[test]
fn without_ads_scopes_are_found_as_well() {
    for setup in [Setup::USUAL, Setup::SOTW] {
        bounded(async {
            let (two, bind) = (Two::start().await, free("127.0.22.5").await);
            let server = serve(services(&two, 3).into_iter().chain([config(bind, "scoped")]).collect()).await;
            let mut proxy = listening(Setup { typed: true, ..setup }, &server, bind).await;
            assert!(!server.is_aggregated());
            let load = proxy.load().await;
            there_and_back(&server, &proxy, &two, &load).await;
            server.change(Kind::ScopedRoute, &file(3), &another(&two, 3)).await;
            until(&mut proxy, "s3.example.com", 200).await;
            load.lost_none().await;
        });
    }
}
