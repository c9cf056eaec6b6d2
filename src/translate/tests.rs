//! Translation as its callers see it; what the messages look like is in `tests/golden`.

use serde_json::Value;

use super::*;
use crate::model::{
    Backends, Batch, Endpoint, HealthCheck, Hook, Listener, ListenerRoutes, Match, Mirror, Placed, Plan, PreviewHost, Release,
    Rolling, Rule, Share, Split, Strategy, Subject, Test, Traffic, Upstream, Version,
};

fn release(service: &str) -> Release {
    let endpoint = |address: &str| Endpoint { address: address.parse().expect("an address") };
    let version = |name: &str| Version { name: name.into(), backends: Backends::Listed(vec![endpoint("127.0.1.11:8080")]) };
    Release {
        service: service.into(),
        hosts: vec![format!("{service}.example.com")],
        path: "/".into(),
        fleets: vec![],
        versions: vec![version("v1"), version("v2")],
        stable: "v1".into(),
        split: None,
        plan: Default::default(),
        rules: vec![],
        upstream: Upstream::default(),
    }
}

fn made(release: &Release) -> ServiceObjects {
    service(release, &Traffic::at_rest(release)).expect("a release that Envoy accepts")
}

fn refused(release: &Release) -> Vec<String> {
    service(release, &Traffic::at_rest(release))
        .expect_err("a release that Envoy refuses")
        .iter()
        .map(ToString::to_string)
        .collect()
}

fn rule(subject: Subject, test: Test, invert: bool) -> Rule {
    let send = Split::new(vec![("v1".into(), Share::ZERO), ("v2".into(), Share::FULL)]).expect("100 %");
    Rule { name: "qa".into(), alternatives: vec![vec![Match { subject, test, invert }]], send }
}

#[test]
fn a_version_without_a_share_is_there_and_not_referred_to() {
    let checkout = made(&release("checkout"));
    let names: Vec<_> = checkout.objects.iter().map(|object| (object.kind, object.name.as_str())).collect();
    let (v1, v2) = ("checkout/v1", "checkout/v2");
    assert_eq!(names, [(Kind::Cluster, v1), (Kind::Endpoints, v1), (Kind::Cluster, v2), (Kind::Endpoints, v2)]);
    assert_eq!(checkout.route_refs, [v1]);
}

#[test]
fn every_version_that_a_rule_sends_to_is_referred_to() {
    let rules = vec![rule(Subject::Header("x-canary".into()), Test::Present, false)];
    assert_eq!(made(&Release { rules, ..release("checkout") }).route_refs, ["checkout/v1", "checkout/v2"]);
}

fn previewed_and_copied(release: &Release) -> Traffic {
    let methods = vec!["GET".into(), "POST".into()];
    Traffic {
        preview: Some(PreviewHost { host: "try.example.com".into(), version: "v2".into() }),
        mirror: Some(Mirror { version: "v2".into(), share: "0.5%".parse().expect("a share"), methods }),
        ..Traffic::at_rest(release)
    }
}

#[test]
fn a_preview_and_copies_are_for_envoys_alone() {
    let checkout = release("checkout");
    let traffic = previewed_and_copied(&checkout);
    let (rest, made) = (made(&checkout), service(&checkout, &traffic).expect("what Envoy accepts"));
    assert_eq!(made.hosts, ["checkout.example.com", "try.example.com"]);
    assert_eq!(made.route_refs, ["checkout/v1", "checkout/v2"]);
    assert_eq!((&made.proxyless_routes, &made.proxyless_refs), (&rest.proxyless_routes, &rest.proxyless_refs));
    assert_eq!(proxyless_host("try.example.com", &[&made]), []);
    assert_eq!(proxyless_host("checkout.example.com", &[&made]), proxyless_host("checkout.example.com", &[&rest]));
    assert_eq!(made.routes.len(), rest.routes.len() + 3, "two for the preview, one for what is copied");
    assert_eq!(made.routes.last(), rest.routes.last(), "what is not copied goes as before");
    assert_eq!(made.objects, rest.objects, "clusters and endpoints stay as they are");
}

#[test]
fn rules_are_those_of_the_traffic() {
    let checkout = release("checkout");
    let rules = vec![rule(Subject::Header("x-canary".into()), Test::Present, false)];
    let made = service(&checkout, &Traffic { rules, ..Traffic::at_rest(&checkout) }).expect("what Envoy accepts");
    assert_eq!((made.routes.len(), made.route_refs.len()), (2, 2));
}

#[test]
fn endpoints_change_in_a_rollout_and_clusters_do_not() {
    let checkout = release("checkout");
    let at = |address: &str, draining| Placed { endpoint: Endpoint { address: address.parse().expect("an address") }, draining };
    let placed = [("v1".to_owned(), vec![at("127.0.1.11:8080", true), at("127.0.1.12:8080", false)]), ("v2".to_owned(), vec![])];
    let traffic = Traffic { placed: placed.into(), ..Traffic::at_rest(&checkout) };
    let (rest, made) = (made(&checkout), service(&checkout, &traffic).expect("what Envoy accepts"));
    let clusters = |made: &ServiceObjects| made.objects.iter().filter(|o| o.kind == Kind::Cluster).cloned().collect::<Vec<_>>();
    assert_eq!(clusters(&made), clusters(&rest));
    let endpoints = |name: &str| to_json(made.objects.iter().find(|o| o.kind == Kind::Endpoints && o.name == name).expect("there"));
    let v1 = &endpoints("checkout/v1")["endpoints"][0]["lb_endpoints"];
    assert_eq!((v1[0]["health_status"].as_str(), v1[1].get("health_status")), (Some("DRAINING"), None));
    assert_eq!(endpoints("checkout/v2").get("endpoints"), None, "placed nowhere");
    let known = Known { release: &checkout, at_rest: &rest };
    assert_eq!(service_after(Some(known), &checkout, &traffic).expect("what Envoy accepts"), made);
}

#[test]
fn what_moves_is_made_anew_and_nothing_else_differs() {
    let checkout = release("checkout");
    let traffic = previewed_and_copied(&checkout);
    let made = service(&checkout, &traffic).expect("what Envoy accepts");
    let known = Known { release: &checkout, at_rest: &self::made(&checkout) };
    assert_eq!(service_after(Some(known), &checkout, &traffic).expect("what Envoy accepts"), made);
}

/// Releases that differ from `checkout` in one thing each.
fn others() -> Vec<Release> {
    let endpoint = |address: &str| Endpoint { address: address.parse().expect("an address") };
    let at = |name: &str, address: &str| Version { name: name.into(), backends: Backends::Listed(vec![endpoint(address)]) };
    let dns = |name: &str| Version { name: name.into(), backends: Backends::Dns { host: "a.example.com".into(), port: 80 } };
    let base = || release("checkout");
    let with = |upstream: Upstream| Release { upstream, ..base() };
    let checked = || with(Upstream { health_check: Some(check()), ..Upstream::default() });
    vec![
        base(),
        release("cart"),
        Release { hosts: vec!["other.example.com".into()], ..base() },
        Release { versions: vec![at("v1", "127.0.1.12:8080"), at("v2", "127.0.1.11:8080")], ..base() },
        Release { versions: vec![dns("v1"), at("v2", "127.0.1.11:8080")], ..base() },
        Release { versions: vec![at("v2", "127.0.1.11:8080"), at("v1", "127.0.1.11:8080"), at("v3", "127.0.1.11:8080")], ..base() },
        Release { split: Split::new(vec![("v1".into(), Share::ZERO), ("v2".into(), Share::FULL)]), ..base() },
        with(Upstream { timeout: Some(std::time::Duration::from_secs(7)), ..Upstream::default() }),
        with(Upstream { connect_timeout: std::time::Duration::from_secs(7), ..Upstream::default() }),
        checked(),
        Release { hosts: vec!["other.example.com".into()], ..checked() },
        Release { plan: Some(rolling(None)), ..base() },
        Release { plan: Some(rolling(Some(Hook::new("http://127.0.0.1/".into())))), ..base() },
    ]
}

fn rolling(upgrade: Option<Hook>) -> Plan {
    let waves = Rolling { batch: Batch::Count(1), pause: Default::default(), drain: Rolling::DRAIN, upgrade, until: Share::FULL };
    Plan {
        candidate: None,
        strategy: Strategy::Rolling(waves),
        then: vec![],
        sticky: None,
        approvers: vec![],
        checks: None,
        on_failure: Default::default(),
        on_new_candidate: Default::default(),
        windows: Default::default(),
        hold: false,
    }
}

#[test]
fn what_is_known_of_any_other_release_changes_nothing() {
    for (before, after) in others().iter().flat_map(|before| others().into_iter().map(move |after| (before.clone(), after))) {
        let known = Known { release: &before, at_rest: &made(&before) };
        let made_after = service_after(Some(known), &after, &Traffic::at_rest(&after)).expect("what Envoy accepts");
        assert_eq!(made_after, made(&after), "{after:?} after {before:?}");
    }
}

#[test]
fn what_envoy_refuses_is_refused_also_after_something_good_of_the_same_name() {
    let good = made(&release("checkout"));
    let known = Known { release: &release("checkout"), at_rest: &good };
    for bad in broken() {
        let refused = service_after(Some(known), &bad, &Traffic::at_rest(&bad)).expect_err("a release that Envoy refuses");
        assert_eq!(Err(refused), service(&bad, &Traffic::at_rest(&bad)));
    }
}

/// Releases that Envoy refuses: for a cluster, for a host, for a rule.
fn broken() -> Vec<Release> {
    let zero = Upstream { connect_timeout: std::time::Duration::ZERO, ..Upstream::default() };
    let header = rule(Subject::Header("x\ncanary".into()), Test::Present, false);
    vec![
        Release { upstream: zero, ..release("checkout") },
        Release { hosts: vec![String::new()], ..release("checkout") },
        Release { rules: vec![header], ..release("checkout") },
    ]
}

#[test]
fn what_envoy_would_refuse_is_refused_by_field_and_reason() {
    let mut no_host = release("checkout");
    no_host.hosts = vec![String::new()];
    assert_eq!(refused(&no_host), ["RDS tidegate: virtual_hosts[0].name: must not be empty"]);

    let header = rule(Subject::Header("x\ncanary".into()), Test::Present, false);
    let reason = r"must not contain '\n'";
    assert_eq!(
        refused(&Release { rules: vec![header], ..release("checkout") }),
        [format!("RDS tidegate: virtual_hosts[0].routes[0].match.headers[0].name: {reason}")]
    );

    let check = HealthCheck { path: String::new(), ..check() };
    let upstream = Upstream { health_check: Some(check), ..Upstream::default() };
    let both = ["v1", "v2"].map(|v| format!("CDS checkout/{v}: health_checks[0].http_health_check.path: must not be empty"));
    assert_eq!(refused(&Release { upstream, ..release("checkout") }), both);
}

fn check() -> HealthCheck {
    let second = std::time::Duration::from_secs(1);
    HealthCheck { path: "/".into(), every: second, timeout: second, healthy: 1, unhealthy: 1 }
}

#[test]
fn an_expression_that_envoy_does_not_take_is_refused() {
    let rules = vec![rule(Subject::Header("x-canary".into()), Test::Regex("a((".into()), false)];
    let why = "`a((` is no regular expression that Envoy takes: unclosed group";
    assert_eq!(refused(&Release { rules, ..release("checkout") }), [format!("RDS tidegate: checkout.rules.qa: {why}")]);
}

#[test]
fn many_values_are_matched_one_by_one_where_one_expression_would_be_too_large() {
    let names = |count: usize| Test::In((0..count).map(|i| format!("{i}-somebody")).collect());
    for subject in [Subject::Header("x-user".into()), Subject::Cookie("user".into()), Subject::Query("user".into()), Subject::Path]
    {
        let count = |test, invert| {
            let rules = vec![rule(subject.clone(), test, invert)];
            made(&Release { rules, ..release("checkout") }).routes.len() - 1
        };
        assert_eq!(count(names(3), false), 1, "{subject:?}");
        assert_eq!(count(names(20), false), 20, "{subject:?}: any of them, so a route each");
        assert_eq!(count(names(20), true), 1, "{subject:?}: none of them, so one route with a condition each");
    }
    let rules = vec![rule(Subject::Cookie("user".into()), Test::Exact("x".repeat(90)), false)];
    let [problem] = refused(&Release { rules, ..release("checkout") }).try_into().expect("one problem");
    assert!(problem.contains("what is matched is too long"), "{problem}");
}

#[test]
fn an_expression_that_cannot_be_kept_to_its_part_is_refused() {
    let rules = vec![rule(Subject::Path, Test::Regex(r"/a[!-~]*".into()), true)];
    let [problem] = refused(&Release { rules, ..release("checkout") }).try_into().expect("one problem");
    assert!(problem.starts_with("RDS tidegate: checkout.rules.qa: `[!-~]` in the regular expression"), "{problem}");
    let rules = vec![rule(Subject::Path, Test::Regex(r"/a[!-~]*".into()), false)];
    assert!(
        service(&Release { rules, ..release("checkout") }, &Traffic::at_rest(&release("checkout"))).is_ok(),
        "upright it can be said"
    );
}

#[test]
fn the_host_of_health_checks_is_a_host_name() {
    let upstream = Upstream { health_check: Some(check()), ..Upstream::default() };
    let with = |hosts: &[&str]| Release {
        hosts: hosts.iter().map(|host| (*host).into()).collect(),
        upstream: upstream.clone(),
        ..release("checkout")
    };
    for (hosts, want) in [(&["*.example.com", "a.example.com"][..], "a.example.com"), (&["*"], "checkout")] {
        let cluster = to_json(&made(&with(hosts)).objects[0]);
        assert_eq!(cluster["health_checks"][0]["http_health_check"]["host"], want);
    }
}

/// The names of the routes of a host, in order.
fn routes(configuration: &Value, host: &str) -> Vec<String> {
    let hosts = configuration["virtual_hosts"].as_array().expect("virtual hosts");
    let found = hosts.iter().find(|vh| vh["domains"].as_array().expect("domains").iter().any(|domain| domain == host));
    let routes = found.unwrap_or_else(|| panic!("no {host}"))["routes"].as_array().expect("routes");
    routes.iter().map(|route| route["name"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn o3_services_that_share_a_host_are_tried_by_longest_path_whatever_their_order() {
    let at = |service: &str, path: &str, hosts: &[&str]| {
        let hosts = hosts.iter().map(|host| (*host).into()).collect();
        made(&Release { path: path.into(), hosts, ..release(service) })
    };
    let shop = at("shop", "/", &["a.example.com", "b.example.com"]);
    let cart = at("cart", "/cart", &["a.example.com", "b.example.com", "c.example.com"]);
    let bulk = at("bulk", "/bulk", &["a.example.com"]);
    let there = fleet(&[&shop, &cart, &bulk], &Config::default(), &BTreeSet::new());
    let back = fleet(&[&bulk, &cart, &shop], &Config::default(), &BTreeSet::new());
    assert_eq!(there, back);
    let configuration = to_json(&there[0]);
    assert_eq!(routes(&configuration, "a.example.com"), ["bulk", "cart", "shop"]);
    assert_eq!(routes(&configuration, "b.example.com"), ["cart", "shop"]);
    assert_eq!(routes(&configuration, "c.example.com"), ["cart"]);
    assert_eq!(there[0].refs, ["bulk/v1", "cart/v1", "shop/v1"]);
}

#[test]
fn what_a_fleet_gets_breaks_no_rule() {
    let listeners = vec![listener("http", ListenerRoutes::Single), listener("many", ListenerRoutes::Scoped)];
    let config = Config { listeners, ..Config::default() };
    let services = ["a", "b"].map(|name| made(&release(name)));
    for object in fleet(&services.iter().collect::<Vec<_>>(), &config, &BTreeSet::new()) {
        let message = descriptors::message_of(object.kind.type_url()).expect("a known type");
        assert_eq!(validate::broken(message, &object.bytes), []);
    }
}

#[test]
fn what_is_given_on_request_breaks_no_rule() {
    let services = ["a", "b"].map(|name| made(&release(name)));
    let objects = proxyless(&services.iter().collect::<Vec<_>>(), &Config::default(), &BTreeSet::new());
    assert_eq!(objects.len(), 8, "a listener and routes for each service and for its host");
    for object in objects {
        let message = descriptors::message_of(object.kind.type_url()).expect("a known type");
        assert_eq!(validate::broken(message, &object.bytes), []);
    }
}

fn listener(name: &str, routes: ListenerRoutes) -> Listener {
    let bind = "127.0.0.1:8080".parse().expect("an address");
    Listener { name: name.into(), bind, fleets: vec![], routes, access_log: true, written: Default::default() }
}

/// Whether a listener of a node with these hosts is scoped.
fn is_scoped(routes: ListenerRoutes, hosts: &[&str], scopes: bool) -> bool {
    let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
    let one = made(&Release { hosts, ..release("checkout") });
    let config = Config { listeners: vec![listener("http", routes)], ..Config::default() };
    let objects = shared(&Hosts::new(&[&one]), &config, &BTreeSet::new(), scopes);
    let made = objects.iter().find(|object| object.kind == Kind::Listener).expect("a listener");
    made.refs.is_empty()
}

#[test]
fn a_listener_is_scoped_where_it_is_asked_to_be_and_can_be() {
    use ListenerRoutes::{Auto, Scoped, Single};
    let many: Vec<String> = (0..=crate::model::MOST_HOSTS_IN_ONE).map(|i| format!("h{i}.example.com")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let pattern = [&many[1..], &["*.example.com"]].concat();
    for (routes, hosts, scopes, want) in [
        (Auto, &many[1..], true, false),
        (Auto, &many, true, true),
        (Auto, &pattern, true, false),
        (Auto, &many, false, false),
        (Single, &many, true, false),
        (Scoped, &many[..1], true, true),
        (Scoped, &["*"], true, false),
        (Scoped, &many, false, false),
    ] {
        assert_eq!(is_scoped(routes, hosts, scopes), want, "{routes:?} {} {scopes}", hosts.len());
    }
}

#[test]
fn an_envoy_without_aggregated_stream_is_told_the_server() {
    let listeners = vec![listener("http", ListenerRoutes::Single), listener("many", ListenerRoutes::Scoped)];
    let config = Config { listeners, ..Config::default() };
    let checkout = made(&release("checkout"));
    let shared = fleet(&[&checkout], &config, &BTreeSet::new());
    for object in checkout.objects.iter().chain(&shared) {
        let remade = typed(object, XdsVariant::Sotw, "xds");
        let (json, name) = (to_json(&remade), &object.name);
        let manager = &json["filter_chains"][0]["filters"][0]["typed_config"];
        let scoped = &manager["scoped_routes"];
        let sources = match (object.kind, name.as_str()) {
            (Kind::Cluster, _) => vec![&json["eds_cluster_config"]["eds_config"]],
            (Kind::Listener, "many") => vec![&scoped["rds_config_source"], &scoped["scoped_rds"]["scoped_rds_config_source"]],
            (Kind::Listener, _) => vec![&manager["rds"]["config_source"]],
            _ => {
                assert_eq!(&remade, object);
                continue;
            }
        };
        for source in sources {
            assert_eq!(source["api_config_source"]["api_type"], "GRPC", "{name}");
            assert_eq!(source["api_config_source"]["grpc_services"][0]["envoy_grpc"]["cluster_name"], "xds", "{name}");
            assert_eq!(source.get("ads"), None, "{name}");
        }
        assert_eq!(remade.refs, object.refs);
    }
}
