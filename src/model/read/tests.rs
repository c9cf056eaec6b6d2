//! Whole files, read into whole values.

use std::sync::Arc;
use std::time::Duration;

use jiff::civil::{Weekday, date, time};

use super::*;
use crate::diag::render;
use crate::model::*;

fn file(path: &str, text: &str) -> Arc<SourceFile> {
    Arc::new(SourceFile { path: path.into(), text: text.into() })
}

fn good(text: &str) -> Release {
    let document = read_release(&file("a.yaml", text), &|_| None);
    assert_eq!(render(&document.problems, false), "");
    document.value.expect("a release")
}

/// The plan of a file that is right.
fn plan(text: &str) -> Plan {
    good(text).plan.expect("a plan")
}

/// The plan of a file that is right in all but being served.
fn unserved(text: &str) -> Plan {
    let file = file("a.yaml", text);
    let mut notes = Notes::new(&file);
    let root = yaml::parse(&mut notes).expect("a tree");
    let mut files = EndpointFiles::new("a.yaml", &|_| None);
    let release = super::release::read(&mut notes, &mut files, &mut Places::default(), &root);
    let problems = notes.finish();
    assert_eq!(problems.iter().map(|problem| problem.code).collect::<Vec<_>>(), ["T069"], "{}", render(&problems, false));
    release.and_then(|release| release.plan).expect("a plan")
}

fn share(text: &str) -> Share {
    text.parse().expect("a share")
}

fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}

const HEAD: &str =
    "service: checkout\nhosts: [Checkout.example.com]\nversions:\n  v1: [127.0.1.11:80]\n  v2: {dns: V2.internal:80}\nstable: v1\n";

#[test]
fn the_shortest_file_has_its_defaults() {
    let release = good("service: checkout\nhosts: [checkout.example.com]\nversions: {1.10: [\"127.0.1.11:80\"]}\nstable: 1.10\n");
    let address = "127.0.1.11:80".parse().expect("an address");
    let version = Version { name: "1.10".into(), backends: Backends::Listed(vec![Endpoint { address }]) };
    let want = Release {
        service: "checkout".into(),
        hosts: vec!["checkout.example.com".into()],
        path: "/".into(),
        fleets: vec![],
        versions: vec![version],
        stable: "1.10".into(),
        split: None,
        plan: None,
        rules: vec![],
        upstream: Upstream::default(),
    };
    assert_eq!(release, want);
}

#[test]
fn splits_name_every_version_in_file_order() {
    let release = good(&format!("{HEAD}split: {{v2: 0.5%, v1: rest}}\n"));
    assert_eq!(release.hosts, ["checkout.example.com"]);
    assert_eq!(release.versions[1].backends, Backends::Dns { host: "v2.internal".into(), port: 80 });
    let split = release.split.expect("a split");
    assert_eq!(split.shares(), [("v1".to_owned(), share("99.5%")), ("v2".to_owned(), share("0.5%"))]);
}

#[test]
fn conditions_are_multiplied_out() {
    let rules = "rules:
  - when:
      header: {X-A: \"1\"}
      any:
        - cookie: {beta: {not: {in: [a, b]}}}
        - path: {prefix: /cart}
          method: GET
    send: v2
  - name: none
    when: {query: {q: {present: false}}}
    send: {v1: 20%, v2: rest}
";
    let rules = good(&format!("{HEAD}{rules}")).rules;
    let on = |subject, test, invert| Match { subject, test, invert };
    let header = on(Subject::Header("x-a".into()), Test::Exact("1".into()), false);
    let cookie = on(Subject::Cookie("beta".into()), Test::In(vec!["a".into(), "b".into()]), true);
    let path = on(Subject::Path, Test::Prefix("/cart".into()), false);
    let method = on(Subject::Method, Test::Exact("GET".into()), false);
    assert_eq!(rules[0].alternatives, [vec![header.clone(), cookie], vec![header, path, method]]);
    assert_eq!((rules[0].name.as_str(), rules[0].send.share_of("v2")), ("rule-1", Share::FULL));
    assert_eq!(rules[1].alternatives, [[on(Subject::Query("q".into()), Test::Present, true)]]);
    assert_eq!((rules[1].name.as_str(), rules[1].send.share_of("v2")), ("none", share("80%")));
}

#[test]
fn upstream_takes_its_defaults_part_by_part() {
    let upstream = "upstream:\n  protocol: grpc\n  retry: {on: [unavailable, reset, reset]}\n  health_check: {}\n  outlier: {eject_for: 1m}\n  limits: {requests: 10}\n";
    let upstream = good(&format!("{HEAD}{upstream}")).upstream;
    let want = Upstream {
        protocol: Protocol::Grpc,
        retry: Some(Retry { on: vec![RetryOn::Unavailable, RetryOn::Reset], tries: 1, per_try_timeout: None }),
        health_check: Some(HealthCheck {
            path: String::new(),
            every: Duration::from_secs(5),
            timeout: Duration::from_secs(1),
            healthy: 2,
            unhealthy: 3,
        }),
        outlier: Some(Outlier { consecutive_5xx: 5, eject_for: minutes(1), max_ejected: share("50%") }),
        limits: Limits { requests: Some(10), ..Limits::default() },
        ..Upstream::default()
    };
    assert_eq!(upstream, want);
}

#[test]
fn endpoint_files_are_shared_out_by_label() {
    let text = "service: s\nhosts: [s]\nversions: {v1: {file: x.json}, v2: {file: ./x.json}}\nstable: v1\n";
    let endpoints = r#"[{"targets": ["127.0.1.1:1"], "labels": {"version": "v1"}}, {"targets": ["127.0.1.2:1", "127.0.1.2:1"]}]"#;
    let asked = std::cell::RefCell::new(Vec::new());
    let document = read_release(&file("team/s.yaml", text), &|path| {
        asked.borrow_mut().push(path.to_owned());
        Some(file(path, endpoints))
    });
    assert_eq!(document.endpoint_files, ["team/x.json"]);
    assert_eq!(*asked.borrow(), ["team/x.json"], "each file is read once");
    let release = document.value.expect("a release");
    let of = |name: &str| release.version(name).and_then(|version| version.backends.endpoints()).map_or(0, <[Endpoint]>::len);
    assert_eq!((of("v1"), of("v2")), (2, 1));
}

#[test]
fn a_canary_is_read_in_full() {
    let text = "candidate: v2
canary: {steps: [1% for 10m, 25% until approved, {share: 50%, hold: 1h}]}
sticky: {cookie: uid, mint: 365d}
approvers: [oncall]
checks:
  success: {min: 99.5%, worse_than_stable: 0.3%}
  p99: {max: 400ms}
  conversion: {prometheus: sum(x), max: 0.5, dry_run: true}
  fail_after: 2 of 3
  no_data: fail
on_failure: step_back
windows: {only: Sat-Mon 22:00-06:00 Europe/Berlin, except: [\"2026-12-24..2027-01-02\"]}
hold: true
";
    let plan = unserved(&format!("{HEAD}{text}"));
    let step = |text, until| Step { share: share(text), until };
    let steps = vec![step("1%", Hold::For(minutes(10))), step("25%", Hold::Approval), step("50%", Hold::For(minutes(60)))];
    assert_eq!(plan.strategy, Strategy::Canary(Canary { steps }));
    assert_eq!((plan.candidate.as_deref(), plan.hold, plan.on_failure), (Some("v2"), true, OnFailure::StepBack));
    assert_eq!(plan.sticky, Some(Identity::Cookie { name: "uid".into(), mint: Some(minutes(365 * 24 * 60)) }));
    let checks = plan.checks.expect("checks");
    let limits: Vec<Option<Limit>> = checks.checks.iter().map(|check| check.limit).collect();
    let latency = Limit::MaxDuration(Duration::from_millis(400));
    assert_eq!(limits, [Some(Limit::MinShare(share("99.5%"))), Some(latency), Some(Limit::MaxNumber(0.5))]);
    assert_eq!(checks.checks[2].metric, Metric::Prometheus("sum(x)".into()));
    assert_eq!((checks.fail_after, checks.no_data, checks.every), (FailAfter { bad: 2, of: 3 }, NoData::Fail, Checks::EVERY));
    let window = &plan.windows.only[0];
    assert_eq!(window.days, [Weekday::Monday, Weekday::Saturday, Weekday::Sunday]);
    assert_eq!((window.from, window.to), (time(22, 0, 0, 0), time(6, 0, 0, 0)));
    assert_eq!(plan.windows.except, [Days { first: date(2026, 12, 24), last: date(2027, 1, 2) }]);
}

#[test]
fn blue_green_is_read_in_full() {
    let text = "candidate: v2
blue_green:
  preview: {host: preview.example.com, header: {x-preview: \"1\"}}
  before:
    - healthy: 100% for 1m
    - mirror: 10% for 15m
    - hook: https://ci.example.com/smoke
    - hook: {url: https://ci.example.com/load, timeout: 5s, tries: 2}
    - approval: {from: [oncall], within: 8h}
  cutover: over 2m
  after: {watch: 15m}
";
    let Strategy::BlueGreen(plan) = plan(&format!("{HEAD}{text}")).strategy else { panic!("not blue-green") };
    let methods = ["GET", "HEAD", "OPTIONS"].map(str::to_owned).to_vec();
    let gates = vec![
        Gate::Healthy { share: Share::FULL, hold: minutes(1) },
        Gate::Mirror { share: share("10%"), hold: minutes(15), methods },
        Gate::Hook(Hook::new("https://ci.example.com/smoke".into())),
        Gate::Hook(Hook { url: "https://ci.example.com/load".into(), timeout: Duration::from_secs(5), tries: 2 }),
        Gate::Approval { from: vec!["oncall".into()], count: 1, within: Some(minutes(480)) },
    ];
    assert_eq!(plan.before, gates);
    assert_eq!((plan.cutover, plan.watch, plan.keep_stable), (Cutover::Over(minutes(2)), Some(minutes(15)), None));
    let preview = plan.preview.expect("a preview");
    assert_eq!((preview.host.as_deref(), preview.header.len()), (Some("preview.example.com"), 1));
}

const SAME: &str =
    "service: checkout\nhosts: [x.example.com]\nversions:\n  v1: [127.0.1.11:80]\n  v2: [127.0.1.11:80]\nstable: v1\n";

#[test]
fn rolling_and_ab_test_are_read_in_full() {
    let text = "candidate: v2\nrolling: {batch: 2, upgrade: {hook: \"https://deployer.internal/\"}}\n";
    let hook = Some(Hook::new("https://deployer.internal/".to_owned()));
    let rolling =
        Rolling { batch: Batch::Count(2), pause: Duration::ZERO, drain: Rolling::DRAIN, upgrade: hook, until: Share::FULL };
    assert_eq!(plan(&format!("{SAME}{text}")).strategy, Strategy::Rolling(rolling));
    let text = "ab_test:\n  id: {header: X-User}\n  salt: s\n  variants:\n    a: {send: v1, share: 34%}\n    b: {send: v2, share: rest, header: {X-B: \"1\"}}\n";
    let Strategy::AbTest(test) = unserved(&format!("{HEAD}{text}")).strategy else { panic!("not an ab_test") };
    assert_eq!((test.id, test.share, test.audience.len()), (Identity::Header("x-user".into()), Share::FULL, 0));
    let headers = vec![("x-b".to_owned(), "1".to_owned())];
    assert_eq!(test.variants[1], Variant { name: "b".into(), send: "v2".into(), share: share("66%"), headers });
}

#[test]
fn a_strategy_without_candidate_waits() {
    let text = "service: s\nhosts: [s]\nversions: {v1: [\"127.0.1.1:1\"]}\nstable: v1\nchecks: {p95: {max: 1s}}\ncanary: {steps: [5% for 1m]}\n";
    let release = good(text);
    assert_eq!(release.held_split().share_of("v1"), Share::FULL);
    assert!(!release.plan.expect("a plan").is_active());
}

/// Waves over half of the endpoints, and then by share.
const SEQUENCE: &str = "service: s
hosts: [s.example.com]
versions: {v1: [\"127.0.1.1:1\"], v2: [\"127.0.2.1:1\"]}
stable: v1
candidate: v2
rolling: {batch: 2, until: 50%}
then:
  - canary:
      steps:
        - 50% for 10m
        - 75% for 30m
  - blue_green: {preview: {host: Try.example.com}, before: [approval: {}], after: {keep_stable: 2h}}
";

#[test]
fn one_strategy_follows_another() {
    let plan = plan(SEQUENCE);
    let Strategy::Rolling(rolling) = &plan.strategy else { panic!("not rolling") };
    assert_eq!((rolling.until, rolling.batch), (share("50%"), Batch::Count(2)));
    assert_eq!(plan.strategies().map(Strategy::key).collect::<Vec<_>>(), ["rolling", "canary", "blue_green"]);
    let alone = SEQUENCE.split("then:").next().expect("a head").to_owned() + "then: {canary: {steps: [75% for 30m]}}\n";
    let step = Step { share: share("75%"), until: Hold::For(minutes(30)) };
    assert_eq!(self::plan(&alone).then, [Strategy::Canary(Canary { steps: vec![step] })]);
}

#[test]
fn parts_of_a_plan_are_found_by_their_keys() {
    let document = read_release(&file("a.yaml", SEQUENCE), &|_| None);
    let found = |key: &str| {
        let label = document.place_of_plan(key);
        document.file.text[label.span].to_owned()
    };
    for (key, want) in [
        ("candidate", "v2"),
        ("rolling", "rolling"),
        ("rolling.batch", "2"),
        ("then[0].canary.steps[1]", "75% for 30m"),
        ("then[0].canary.steps[7]", "steps"),
        ("then[1].blue_green.before[0]", "approval: {}"),
        ("then[1].blue_green.cutover", "blue_green"),
        ("hold", "rolling"),
    ] {
        assert_eq!(found(key), want, "{key}");
    }
    let none = read_release(&file("a.yaml", &format!("{HEAD}split: {{v1: rest}}\n")), &|_| None);
    assert_eq!(none.file.text[none.place_of_plan("canary.steps[0]").span], *"checkout");
}

#[test]
fn a_preview_claims_its_host() {
    let text = "service: s\nhosts: [s]\nversions: {v1: [\"127.0.1.1:1\"]}\nstable: v1\n";
    let with = |host: &str| format!("{text}blue_green: {{preview: {{host: {host}}}}}\n");
    let read = |path: &str, text: &str| read_release(&file(path, text), &|_| None);
    let (one, other) = (read("a.yaml", &with("try")), read("b.yaml", &with("test").replace("s\n", "t\n").replace("[s]", "[try]")));
    for documents in [[&one, &other], [&other, &one]] {
        let found: Vec<_> =
            conflicts(&documents, None).into_iter().map(|conflict| (conflict.file, conflict.problem.code)).collect();
        assert_eq!(found, [(documents[1].file.path.clone(), "T071")]);
    }
    assert!(claims_alike(&one, &one) && !claims_alike(&one, &read("a.yaml", &with("test"))));
    assert!(!claims_alike(&one, &read("a.yaml", text)));
}

#[test]
fn examples_are_the_most_that_a_rollout_comes_to() {
    let text = "candidate: v2
blue_green:
  preview: {host: try.example.com, header: {x-try: \"1\"}}
  before: [mirror: 10% for 1m, {mirror: 0.5% for 1m, methods: [POST]}]
rules: [{when: {path: /cart}, send: v1}]
";
    let release = good(&format!("{HEAD}{text}"));
    let examples = Traffic::examples(&release);
    let copied: Vec<_> = examples.iter().filter_map(|traffic| traffic.mirror.as_ref()).map(|mirror| mirror.share).collect();
    assert_eq!(copied, [share("10%"), share("0.5%")]);
    for traffic in &examples {
        assert_eq!((traffic.split.share_of("v1"), traffic.split.share_of("v2")), (share("50%"), share("50%")));
        assert_eq!(traffic.preview, Some(PreviewHost { host: "try.example.com".into(), version: "v2".into() }));
        let names: Vec<&str> = traffic.rules.iter().map(|rule| rule.name.as_str()).collect();
        assert_eq!(names, ["preview", "rule-1"]);
        assert_eq!(traffic.rules[0].send.share_of("v2"), Share::FULL);
    }
    let idle = good(&format!("{HEAD}{}", text.replace("candidate: v2\n", "")).replace("  v2: {dns: V2.internal:80}\n", ""));
    assert!(Traffic::examples(&idle).is_empty() && preview_rule(&idle).is_none() && preview_host(&idle).is_none());
}

#[test]
fn a_configuration_is_read_in_full() {
    let text = "fleets:
  edge:
    node_cluster: edge
    node_id: \"edge-*\"
    locality: {region: eu, zone: a}
    metadata: {team: {name: shop}, tier: 1}
    identities: [\"spiffe://prod/ns/edge/*\"]
xds:
  tls: {certificate: s.pem, key: s.key, client_ca: ca.pem, node_id_must_match: false}
admin: {tls: {certificate: a.pem, key: /etc/a.key}}
listeners:
  http: {bind: \"127.0.9.1:80\", fleets: [edge], access_log: true}
  other: {bind: \"[::1]:80\"}
notifications:
  - {url: \"https://hooks.slack.com/services/T0\", format: slack, events: [rolled_back, stuck], services: [checkout, cart]}
  - {url: \"http://127.0.9.9/told\", events: finished, services: cart}
  - {url: \"http://127.0.9.9/told\", format: generic}
";
    let document = read_config(&file("tidegate.yaml", text));
    assert_eq!(render(&document.problems, false), "");
    let metadata = vec![(vec!["team".into(), "name".into()], "shop".into()), (vec!["tier".into()], "1".into())];
    let fleet = Fleet {
        name: "edge".into(),
        node_cluster: Some("edge".into()),
        node_id: Some("edge-*".into()),
        region: Some("eu".into()),
        zone: Some("a".into()),
        sub_zone: None,
        metadata,
        identities: vec!["spiffe://prod/ns/edge/*".into()],
    };
    let listener = |name: &str, bind: &str, fleets: &[&str], access_log| Listener {
        name: name.into(),
        bind: bind.parse().expect("an address"),
        fleets: fleets.iter().map(|fleet| (*fleet).to_owned()).collect(),
        routes: ListenerRoutes::Auto,
        access_log,
        written: Written::default(),
    };
    let listeners = vec![listener("http", "127.0.9.1:80", &["edge"], true), listener("other", "[::1]:80", &[], false)];
    let tls = |certificate: &str, key: &str| PortTls { certificate: certificate.into(), key: key.into(), ..PortTls::default() };
    let xds_tls = PortTls { client_ca: Some("ca.pem".into()), node_id_must_match: Some(false), ..tls("s.pem", "s.key") };
    let (xds_tls, admin_tls) = (Some(xds_tls), Some(tls("a.pem", "/etc/a.key")));
    let notification = |url: &str, format, events: &[NoticeKind], services: &[&str]| Notification {
        url: url.to_owned(),
        format,
        events: events.to_vec(),
        services: services.iter().map(|service| (*service).to_owned()).collect(),
    };
    let (slack, own) = ("https://hooks.slack.com/services/T0", "http://127.0.9.9/told");
    let notifications = vec![
        notification(slack, NoticeFormat::Slack, &[NoticeKind::RolledBack, NoticeKind::Stuck], &["checkout", "cart"]),
        notification(own, NoticeFormat::CloudEvents, &[NoticeKind::Finished], &["cart"]),
        notification(own, NoticeFormat::Generic, &[], &[]),
    ];
    assert_eq!(document.value, Some(Config { listeners, fleets: vec![fleet], notifications, xds_tls, admin_tls }));
}

#[test]
fn of_two_that_clash_the_first_stays() {
    let release = |path: &str, service: &str, host: &str, fleets: &str| {
        let text = format!("service: {service}\nhosts: [{host}]\nfleets: [{fleets}]\nversions: {{v1: []}}\nstable: v1\n");
        read_release(&file(path, &text), &|_| None)
    };
    let fleet = |name: &str| Fleet { name: name.into(), ..Fleet::default() };
    let config = Config { fleets: vec![fleet("eu"), fleet("us")], ..Config::default() };
    let (a, twice) = (release("a.yaml", "a", "x", ""), release("b.yaml", "a", "y", ""));
    let (freed, host) = (release("c.yaml", "c", "y", ""), release("d.yaml", "d", "x", ""));
    let (eu, us) = (release("e.yaml", "e", "z", "eu"), release("f.yaml", "f", "z", "us"));
    let refused = |documents: &[&Document<Release>]| -> Vec<(String, &'static str)> {
        conflicts(documents, Some(&config)).into_iter().map(|conflict| (conflict.file, conflict.problem.code)).collect()
    };
    let want = [("b.yaml".to_owned(), "T070"), ("d.yaml".to_owned(), "T071")];
    assert_eq!(refused(&[&a, &twice, &freed, &host, &eu, &us]), want, "what was refused takes nothing, fleets keep apart");
    assert_eq!(refused(&[&twice, &a]), [("a.yaml".to_owned(), "T070")], "the order decides");
}
