//! Views over generations.

use std::sync::Arc;

use super::*;
use crate::diag::SourceFile;
use crate::model::{Config, Traffic, read_config, read_release};
use crate::translate;

pub(super) fn service(text: &str) -> Arc<Service> {
    let file = Arc::new(SourceFile { path: "a.yaml".into(), text: text.to_owned() });
    let release = read_release(&file, &|_| None).value.expect("a good file");
    Arc::new(Service::new(translate::service(&release, &Traffic::at_rest(&release)).expect("what Envoy takes")))
}

fn at(name: &str, host: &str, path: &str, split: &str) -> Arc<Service> {
    let versions = "versions: {v1: [\"127.0.1.11:80\"], v2: [\"127.0.1.12:80\"]}";
    service(&format!("service: {name}\nhosts: [{host}]\npath: {path}\n{versions}\nstable: v1\nsplit: {split}\n"))
}

pub(super) fn all(services: Vec<Arc<Service>>) -> Services {
    services.into_iter().map(|service| (service.name().to_owned(), service)).collect()
}

pub(super) fn config(text: &str) -> Arc<Config> {
    let file = Arc::new(SourceFile { path: "tidegate.yaml".into(), text: text.to_owned() });
    Arc::new(read_config(&file).value.expect("a good file"))
}

fn view(snapshot: &Snapshot, version: &str) -> Arc<View> {
    snapshot.view(&Node { version: version.into(), ..Node::default() }, Transport::Aggregated)
}

/// The names of a kind whose resources are not the very same.
fn other(before: &View, after: &View, kind: Kind) -> Vec<String> {
    let same = |name: &str, resource| before.of(kind).get(name).is_some_and(|old| Arc::ptr_eq(old, resource));
    after.of(kind).iter().filter(|(name, resource)| !same(name, resource)).map(|(name, _)| name.to_string()).collect()
}

#[test]
fn what_is_on_other_hosts_is_not_made_again() {
    let (shop, cart) =
        (at("shop", "shop.example.com", "/", "{v1: 100%, v2: 0%}"), at("cart", "shop.example.com", "/cart", "{v1: 100%, v2: 0%}"));
    let blog = at("blog", "blog.example.com", "/", "{v1: 100%, v2: 0%}");
    let before = Snapshot::new(1, all(vec![shop.clone(), cart, blog.clone()]), config("listeners: {}\n"), None);
    let old = view(&before, "1.40.0");
    let moved = at("cart", "shop.example.com", "/cart", "{v1: 50%, v2: 50%}");
    let after = Snapshot::new(2, all(vec![shop, moved, blog]), config("listeners: {}\n"), Some(&before));
    let new = view(&after, "1.40.0");
    assert_eq!(other(&old, &new, Kind::Route), ["tidegate", "tidegate/shop.example.com"]);
    assert!(Arc::ptr_eq(old.of(Kind::ScopedRoute), new.of(Kind::ScopedRoute)), "no scope is other");
    let routes = |view: &View, name: &str| view.of(Kind::Route).get_on_request(name).expect("routes").clone();
    let blog = "tidegate/grpc/host/blog.example.com";
    assert!(Arc::ptr_eq(&routes(&old, blog), &routes(&new, blog)), "nor what clients without a proxy get");
    assert!(!Arc::ptr_eq(&routes(&old, "tidegate/grpc/service/cart"), &routes(&new, "tidegate/grpc/service/cart")));
}

#[test]
fn what_is_equal_in_a_service_is_shared_with_the_one_before() {
    let old = at("shop", "shop.example.com", "/", "{v1: 100%, v2: 0%}");
    let again = |new: &Arc<Service>| Service::after(Some(&old), new.objects().clone());
    let moved = at("shop", "shop.example.com", "/", "{v1: 50%, v2: 50%}");
    let shared = |new: &Service| {
        new.resources(Transport::Aggregated)
            .iter()
            .zip(old.resources(Transport::Aggregated))
            .filter(|(a, b)| Arc::ptr_eq(a, b))
            .count()
    };
    let made = again(&moved);
    assert_eq!(shared(&made), 4, "clusters and endpoints");
    assert!(Arc::ptr_eq(&made.on_request()[0], &old.on_request()[0]), "the listener");
    let other = service(
        "service: shop\nhosts: [a.example.com]\nversions: {v1: [\"127.0.1.11:80\"], v2: [\"127.0.1.13:80\"]}\nstable: v1\n",
    );
    let named = service("service: cart\nhosts: [a.example.com]\nversions: {v1: {dns: \"a.example.com:80\"}}\nstable: v1\n");
    for (new, equal) in [(&moved, 4), (&other, 3), (&named, 0)] {
        let made = again(new);
        assert_eq!(shared(&made), equal);
        assert_eq!(made.resources(Transport::Aggregated), new.resources(Transport::Aggregated));
        assert_eq!(made.on_request(), new.on_request());
    }
}

#[test]
fn a_name_on_request_is_a_listeners_then_a_services_then_a_hosts() {
    let services = vec![
        at("http", "http.example.com", "/", "{v1: 100%, v2: 0%}"),
        at("shop", "http, cart, shop.example.com", "/", "{v1: 100%, v2: 0%}"),
        at("cart", "cart.example.com", "/", "{v1: 100%, v2: 0%}"),
    ];
    let snapshot = Snapshot::new(1, all(services), config("listeners: {http: {bind: \"127.0.0.1:80\"}}\n"), None);
    let view = view(&snapshot, "");
    let listeners = view.of(Kind::Listener);
    let leads_to = |name: &str| listeners.get_on_request(name).map(|listener| listener.refs[0].to_string());
    assert_eq!(leads_to("http").as_deref(), Some("tidegate"));
    assert_eq!(leads_to("cart").as_deref(), Some("tidegate/grpc/service/cart"));
    assert_eq!(leads_to("shop.example.com").as_deref(), Some("tidegate/grpc/host/shop.example.com"));
    assert_eq!(leads_to("nobody"), None);
    assert_eq!(listeners.names().iter().map(AsRef::as_ref).collect::<Vec<_>>(), ["http"]);
}

#[test]
fn what_is_given_on_request_counts_for_the_version_of_all() {
    let (a, b) = (at("a", "a", "/", "{v1: 100%, v2: 0%}"), at("b", "b", "/", "{v1: 100%, v2: 0%}"));
    let one = Snapshot::new(1, all(vec![a.clone()]), config("listeners: {}\n"), None);
    let two = Snapshot::new(2, all(vec![a, b]), config("listeners: {}\n"), Some(&one));
    let version = |snapshot| view(snapshot, "").of(Kind::Listener).version().clone();
    assert_ne!(version(&one), version(&two));
}

#[test]
fn an_envoy_that_takes_no_scopes_gets_none() {
    let config = config("listeners: {http: {bind: \"127.0.0.1:80\", routes: scoped}}\n");
    let snapshot = Snapshot::new(1, all(vec![at("a", "a", "/", "{v1: 100%, v2: 0%}")]), config, None);
    let leads_to = |version| view(&snapshot, version).of(Kind::Listener).get("http").expect("a listener").refs.len();
    assert_eq!((leads_to("1.40.0"), leads_to("1.37.9"), leads_to("")), (0, 1, 1));
}
