//! Waves over endpoints that are upgraded where they are.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock};

use serde_json::Value;
use tidegate::rollout::Verb;
use tidegate::testbed::Admin;

use crate::proxy::Proxy;
use crate::releases::{FILE, ROOMY, release};
use crate::rollouts::checkout::{order, rollout, until_phase, until_waiting_for};
use crate::rollouts::places::{End, Places};
use crate::rollouts::receiver::{Call, Receiver};
use crate::run::{Setup, bounded, on_newest_and_oldest};
use crate::server::Server;

/// Requests a second.
const RATE: u32 = if cfg!(debug_assertions) { 500 } else { 1000 };
const ENDPOINTS: u8 = 8;
const BATCH: usize = 2;

/// Eight endpoints, and somebody who upgrades them when asked.
struct Upgrades {
    places: Arc<Places>,
    hook: Receiver,
    envoy: Arc<OnceLock<Admin>>,
    /// Endpoints that Envoy has in service, and on their way out, whenever it was asked to upgrade some.
    seen: Arc<Mutex<Vec<(usize, usize)>>>,
}

impl Upgrades {
    async fn start(network: u8, end: End) -> Upgrades {
        let places = Arc::new(Places::start(ENDPOINTS, network, "v12", end).await);
        let (envoy, seen): (Arc<OnceLock<Admin>>, Arc<Mutex<Vec<_>>>) = Default::default();
        let (upgraded, asked, tell) = (places.clone(), envoy.clone(), seen.clone());
        let hook = Receiver::start(move |_, body| {
            let (places, envoy, seen) = (upgraded.clone(), asked.clone(), tell.clone());
            async move {
                let hosts = hosts(envoy.get().expect("an Envoy")).await;
                seen.lock().expect("no panic").push(hosts);
                let version = body["version"].as_str().expect("a version").to_owned();
                places.upgrade(&endpoints(&body), &version).await;
                200
            }
        });
        Upgrades { places, hook: hook.await, envoy, seen }
    }

    async fn file(&self, more: &str) -> String {
        let list = self.places.list().await;
        release(&[("v12", &list), ("v13", &list)], "v12", &format!("{ROOMY}\n{more}"))
    }

    /// The same, with a release under way.
    async fn rolling(&self, pause: &str) -> String {
        let upgrade = format!("{{hook: {{url: {}, timeout: 10s}}}}", self.hook.url());
        let rolling = format!("rolling: {{batch: {BATCH}, pause: {pause}, drain: 2s, upgrade: {upgrade}}}");
        self.file(&format!("candidate: v13\n{rolling}")).await
    }

    async fn proxy(&self, setup: Setup, server: &Server) -> Proxy {
        let proxy = Proxy::start(setup, server).await;
        assert!(self.envoy.set(proxy.envoy.admin().clone()).is_ok());
        proxy
    }

    /// Never were more than a batch out of service, wherever one looks.
    fn assert_capacity(&self) {
        let seen = self.seen.lock().expect("no panic");
        assert!(seen.iter().all(|hosts| *hosts == (usize::from(ENDPOINTS) - BATCH, BATCH)), "{seen:?}");
        assert_eq!(self.places.most_away(), BATCH);
    }
}

/// Hosts of both versions that Envoy sends requests to, and those that it does not any more.
async fn hosts(envoy: &Admin) -> (usize, usize) {
    let clusters = envoy.json("/clusters?format=json").await.expect("clusters");
    let of_service = |cluster: &&Value| cluster["name"].as_str().is_some_and(|name| name.starts_with("checkout/"));
    let all = clusters["cluster_statuses"].as_array().expect("clusters").iter().filter(of_service);
    let hosts: Vec<&Value> = all.filter_map(|cluster| cluster["host_statuses"].as_array()).flatten().collect();
    let serving = hosts.iter().filter(|host| host["health_status"]["eds_health_status"] == "HEALTHY").count();
    (serving, hosts.len() - serving)
}

fn endpoints(body: &Value) -> Vec<SocketAddr> {
    let all = body["endpoints"].as_array().expect("endpoints").iter();
    all.map(|endpoint| endpoint.as_str().expect("a text").parse().expect("an address")).collect()
}

/// What was asked for: the version, and of how many endpoints.
fn asked(calls: &[Call]) -> Vec<(&str, usize)> {
    calls.iter().map(|call| (call.text("version"), endpoints(&call.body).len())).collect()
}

async fn until_wave(server: &Server, wave: u32) {
    let reached = |status: &tidegate::control::ServerStatus| rollout(status).and_then(|rollout| rollout.view.waves);
    server.status_until(&format!("wave {wave}"), |status| reached(status).is_some_and(|(now, _)| now >= wave)).await;
}

on_newest_and_oldest!(endpoints_are_killed_and_upgraded_where_they_are);

async fn endpoints_are_killed_and_upgraded_where_they_are(setup: Setup) {
    let network = if setup.envoy == Setup::USUAL.envoy { 31 } else { 32 };
    upgrade(setup, network, End::Killed).await;
}

#[test]
fn endpoints_that_end_gently_are_upgraded_where_they_are() {
    bounded(upgrade(Setup::SOTW, 33, End::ShutDown));
}

async fn upgrade(setup: Setup, network: u8, end: End) {
    let upgrades = Upgrades::start(network, end).await;
    let server = Server::start(&[(FILE, upgrades.file("").await)]).await;
    let proxy = upgrades.proxy(setup, &server).await;
    let load = proxy.load_of(RATE).await;
    server.save(FILE, &upgrades.rolling("100ms").await);
    for wave in 1..=4 {
        until_wave(&server, wave).await;
    }
    until_phase(&server, "done").await;

    let calls = upgrades.hook.calls();
    assert_eq!(asked(&calls), [("v13", BATCH); 4]);
    let tokens: BTreeSet<&str> = calls.iter().map(|call| call.text("token")).collect();
    let all: BTreeSet<SocketAddr> = calls.iter().flat_map(|call| endpoints(&call.body)).collect();
    assert_eq!((tokens.len(), all.len()), (4, usize::from(ENDPOINTS)));
    assert_eq!(upgrades.places.versions().await, ["v13"; ENDPOINTS as usize]);
    upgrades.assert_capacity();
    assert_eq!(proxy.version().await, "v13");
    load.lost_none().await;
}

on_newest_and_oldest!(an_abort_half_way_goes_back_through_the_hook);

async fn an_abort_half_way_goes_back_through_the_hook(setup: Setup) {
    let network = if setup.envoy == Setup::USUAL.envoy { 34 } else { 35 };
    let upgrades = Upgrades::start(network, End::Killed).await;
    let server = Server::start(&[(FILE, upgrades.file("").await)]).await;
    let proxy = upgrades.proxy(setup, &server).await;
    let load = proxy.load_of(RATE).await;
    server.save(FILE, &upgrades.rolling("1h").await);
    until_waiting_for(&server, "the pause between waves").await;
    order(&server, Verb::Promote { full: false }).await.expect("the next wave");
    until_wave(&server, 2).await;
    until_waiting_for(&server, "the pause between waves").await;

    order(&server, Verb::Abort).await.expect("an abort");
    until_phase(&server, "off").await;
    let calls = upgrades.hook.calls();
    assert_eq!(asked(&calls), [("v13", BATCH), ("v13", BATCH), ("v12", BATCH), ("v12", BATCH)]);
    assert_eq!(upgrades.places.versions().await, ["v12"; ENDPOINTS as usize]);
    upgrades.assert_capacity();
    assert_eq!(proxy.version().await, "v12");
    load.lost_none().await;
}
