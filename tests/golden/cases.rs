//! The releases behind the golden files, one case for each feature of the format.

use std::collections::BTreeSet;
use std::time::Duration;

use tidegate::model::{
    Backends, Config, Endpoint, HealthCheck, Limits, Listener, Match, Outlier, Protocol, Release, Retry, RetryOn, Rule, Share,
    Split, Subject, Test, Tls, Upstream, Version,
};

/// What is translated together.
pub struct Case {
    /// Name of its folder.
    pub name: &'static str,
    /// The releases.
    pub releases: Vec<Release>,
    /// The configuration file.
    pub config: Config,
    /// Fleets of the node it is for.
    pub fleets: BTreeSet<String>,
}

pub fn all() -> Vec<Case> {
    [plain(), backends(), hosts_and_paths(), rules(), inversions(), upstream(), listeners()].into_iter().flatten().collect()
}

fn case(name: &'static str, releases: Vec<Release>) -> Case {
    Case { name, releases, config: Config::default(), fleets: BTreeSet::new() }
}

fn listed(addresses: &[&str]) -> Backends {
    Backends::Listed(addresses.iter().map(|address| Endpoint { address: address.parse().expect("an address") }).collect())
}

fn version(name: &str, backends: Backends) -> Version {
    Version { name: name.into(), backends }
}

/// `checkout`, all of whose traffic goes to `v41`, beside which `v42` stands ready.
fn checkout() -> Release {
    Release {
        service: "checkout".into(),
        hosts: vec!["checkout.example.com".into()],
        path: "/".into(),
        fleets: vec![],
        versions: vec![
            version("v41", listed(&["127.0.1.11:8080", "127.0.1.12:8080"])),
            version("v42", listed(&["127.0.1.21:8080"])),
        ],
        stable: "v41".into(),
        split: None,
        plan: Default::default(),
        rules: vec![],
        upstream: Upstream::default(),
    }
}

fn split(shares: &[(&str, u32)]) -> Split {
    let share = |thousandths| Share::from_thousandths(thousandths).expect("a share");
    Split::new(shares.iter().map(|(name, thousandths)| ((*name).into(), share(*thousandths))).collect()).expect("100 %")
}

fn to_v42() -> Split {
    split(&[("v41", 0), ("v42", 100_000)])
}

fn plain() -> Vec<Case> {
    let canary = Release { split: Some(split(&[("v41", 90_000), ("v42", 10_000)])), ..checkout() };
    let three = Release {
        versions: ["v1", "v2", "v3", "v4"].map(|name| version(name, listed(&["127.0.1.11:8080"]))).into(),
        stable: "v1".into(),
        split: Some(split(&[("v1", 66_666), ("v2", 0), ("v3", 33_333), ("v4", 1)])),
        ..checkout()
    };
    let dotted = Release {
        service: "web.shop".into(),
        versions: vec![version("1.9", listed(&["127.0.1.11:8080"])), version("1.10", listed(&["127.0.1.21:8080"]))],
        stable: "1.10".into(),
        ..checkout()
    };
    vec![
        case("nothing", vec![]),
        case("steady", vec![checkout()]),
        case("split", vec![canary]),
        case("split-fine", vec![three]),
        case("names-with-dots", vec![dotted]),
    ]
}

fn backends() -> Vec<Case> {
    let with = |backends| Release { versions: vec![version("v41", backends)], ..checkout() };
    let Backends::Listed(endpoints) = listed(&["127.0.1.11:8080", "[::ffff:127.0.1.12]:8080"]) else { unreachable!("listed") };
    vec![
        case("backends-dns", vec![with(Backends::Dns { host: "checkout.internal".into(), port: 8080 })]),
        case("backends-file", vec![with(Backends::File { path: "endpoints.json".into(), endpoints })]),
        case("backends-none", vec![with(listed(&[]))]),
    ]
}

fn hosts_and_paths() -> Vec<Case> {
    let hosts = |hosts: &[&str]| hosts.iter().map(|host| (*host).into()).collect();
    let under = |service: &str, path: &str| Release {
        service: service.into(),
        path: path.into(),
        versions: vec![version("v1", listed(&["127.0.1.11:8080"]))],
        stable: "v1".into(),
        ..checkout()
    };
    let both = ["shop.example.com", "www.example.com"];
    vec![
        case("hosts", vec![Release { hosts: hosts(&["*", "*.example.com", "checkout.example.com"]), ..checkout() }]),
        case(
            "hosts-shared",
            vec![
                Release { hosts: hosts(&both), ..under("shop", "/") },
                Release { hosts: hosts(&both), ..under("cart", "/cart") },
                Release { hosts: hosts(&["shop.example.com", "api.example.com"]), ..under("orders", "/cart/orders") },
            ],
        ),
        case("path-with-slash", vec![under("cart", "/cart/")]),
    ]
}

fn matching(subject: Subject, test: Test) -> Match {
    Match { subject, test, invert: false }
}

fn not(matching: Match) -> Match {
    Match { invert: true, ..matching }
}

fn header(name: &str, test: Test) -> Match {
    matching(Subject::Header(name.into()), test)
}

fn cookie(name: &str, test: Test) -> Match {
    matching(Subject::Cookie(name.into()), test)
}

fn query(name: &str, test: Test) -> Match {
    matching(Subject::Query(name.into()), test)
}

fn path(test: Test) -> Match {
    matching(Subject::Path, test)
}

fn method(test: Test) -> Match {
    matching(Subject::Method, test)
}

/// One rule for each test, named by it.
fn rule_for_each(of: impl Fn(Test) -> Match) -> Vec<Rule> {
    let tests = [
        ("exact", Test::Exact("/a.b".into())),
        ("in", Test::In(vec!["/a.b".into(), "/c".into()])),
        ("prefix", Test::Prefix("/a.b".into())),
        ("suffix", Test::Suffix("a.b".into())),
        ("contains", Test::Contains("a.b".into())),
        ("regex", Test::Regex("/a.b/[^/]+".into())),
        ("present", Test::Present),
    ];
    tests.map(|(name, test)| rule(name, vec![vec![of(test)]])).into()
}

fn rule(name: &str, alternatives: Vec<Vec<Match>>) -> Rule {
    Rule { name: name.into(), alternatives, send: to_v42() }
}

fn with_rules(name: &'static str, rules: Vec<Rule>) -> Case {
    case(name, vec![Release { rules, ..checkout() }])
}

fn exact(text: &str) -> Test {
    Test::Exact(text.into())
}

fn rules() -> Vec<Case> {
    let all = vec![
        header("user-agent", Test::Contains("Android".into())),
        cookie("beta", exact("1")),
        path(Test::Prefix("/cart".into())),
        query("preview", exact("v42")),
        method(exact("GET")),
    ];
    let any = vec![
        vec![header("x-role", Test::In(vec!["staff".into(), "support".into()]))],
        vec![query("preview", exact("v42"))],
        vec![header("x-a", exact("1")), header("x-b", exact("2"))],
    ];
    let to_split =
        Rule { send: split(&[("v41", 80_000), ("v42", 20_000)]), ..rule("beta", vec![vec![cookie("beta", exact("1"))]]) };
    let under = ["/cart", "/cart/items", "/", "/other"].map(|text| path(exact(text)));
    let prefixes = ["/cart", "/cart/items", "/", "/other"].map(|text| path(Test::Prefix(text.into())));
    let regex = path(Test::Regex(r"/cart/\d+".into()));
    let rest = [vec![regex.clone()], vec![regex.clone(), path(Test::Regex("/.*".into()))], vec![not(regex)]];
    let placed: Vec<Vec<Match>> = under.into_iter().chain(prefixes).map(|m| vec![m]).chain(rest).collect();
    let placed = placed.into_iter().enumerate().map(|(i, alternative)| rule(&format!("rule-{}", i + 1), vec![alternative]));
    vec![
        with_rules("rules-header", rule_for_each(|test| header("x-canary", test))),
        with_rules("rules-cookie", rule_for_each(|test| cookie("canary", test))),
        with_rules("rules-query", rule_for_each(|test| query("canary", test))),
        with_rules("rules-path", rule_for_each(path)),
        with_rules("rules-method", rule_for_each(method)),
        with_rules("rules-all", vec![rule("all", vec![all])]),
        with_rules("rules-any", vec![rule("any", any)]),
        with_rules("rules-to-split", vec![to_split]),
        case("rules-under-path", vec![Release { path: "/cart".into(), rules: placed.collect(), ..checkout() }]),
    ]
}

fn inversions() -> Vec<Case> {
    let empty = vec![
        rule("exact", vec![vec![not(header("x-canary", exact("")))]]),
        rule("in", vec![vec![not(header("x-canary", Test::In(vec!["".into(), "a".into()])))]]),
        rule("regex", vec![vec![not(header("x-canary", Test::Regex("[a-z]*".into())))]]),
        rule("prefix", vec![vec![not(header("x-canary", Test::Prefix("".into())))]]),
        rule("query", vec![vec![not(query("canary", exact("")))]]),
        rule("cookie", vec![vec![not(cookie("canary", exact("")))]]),
    ];
    vec![
        with_rules("rules-not-header", rule_for_each(|test| not(header("x-canary", test)))),
        with_rules("rules-not-cookie", rule_for_each(|test| not(cookie("canary", test)))),
        with_rules("rules-not-query", rule_for_each(|test| not(query("canary", test)))),
        with_rules("rules-not-path", rule_for_each(|test| not(path(test)))),
        with_rules("rules-not-method", rule_for_each(|test| not(method(test)))),
        with_rules("rules-not-empty", empty),
    ]
}

fn upstream() -> Vec<Case> {
    let seconds = Duration::from_secs;
    let with = |name, upstream| case(name, vec![Release { upstream, ..checkout() }]);
    let check = || HealthCheck { path: "/healthz".into(), every: seconds(5), timeout: seconds(1), healthy: 2, unhealthy: 3 };
    let retry = || Retry { on: vec![RetryOn::FiveXx, RetryOn::Reset], tries: 2, per_try_timeout: Some(Duration::from_millis(500)) };
    let plain = Upstream::default;
    let tls = |sni: Option<&str>, ca: Option<&str>| Some(Tls { sni: sni.map(Into::into), ca: ca.map(Into::into) });
    let grpc = |timeout| Upstream { protocol: Protocol::Grpc, health_check: Some(check()), timeout, ..plain() };
    let outlier = |eject_for, share| Outlier {
        consecutive_5xx: 5,
        eject_for: seconds(eject_for),
        max_ejected: Share::from_thousandths(share).expect("a share"),
    };
    let limits = Limits { connections: Some(1000), pending: Some(100), requests: Some(5000), retries: Some(10) };
    vec![
        with("upstream-timeouts", Upstream { connect_timeout: seconds(1), timeout: Some(seconds(3)), ..plain() }),
        with("upstream-retry", Upstream { retry: Some(retry()), ..plain() }),
        with("upstream-health-check", Upstream { health_check: Some(check()), ..plain() }),
        with("upstream-http2", Upstream { protocol: Protocol::Http2, health_check: Some(check()), ..plain() }),
        with("upstream-grpc", grpc(None)),
        with("upstream-grpc-timeout", grpc(Some(seconds(3)))),
        with("upstream-outlier", Upstream { outlier: Some(outlier(30, 50_000)), ..plain() }),
        with("upstream-outlier-short", Upstream { outlier: Some(outlier(2, 500)), ..plain() }),
        with("upstream-limits", Upstream { limits, ..plain() }),
        with("upstream-tls", Upstream { tls: tls(Some("checkout.internal"), Some("/etc/tidegate/ca.pem")), ..plain() }),
        with("upstream-tls-any", Upstream { protocol: Protocol::Http2, tls: tls(None, None), ..plain() }),
    ]
}

fn listeners() -> Vec<Case> {
    let listener = |name: &str, bind: &str, fleets: &[&str], access_log| Listener {
        name: name.into(),
        bind: bind.parse().expect("an address"),
        fleets: fleets.iter().map(|fleet| (*fleet).into()).collect(),
        access_log,
    };
    let listeners = vec![
        listener("http", "127.0.0.1:8080", &[], false),
        listener("edge", "127.0.0.1:8081", &["edge"], true),
        listener("inner", "127.0.0.1:8082", &["inner"], false),
    ];
    let config = Config { listeners, ..Config::default() };
    vec![Case { config, fleets: ["edge".to_owned()].into(), ..case("listeners", vec![checkout()]) }]
}
