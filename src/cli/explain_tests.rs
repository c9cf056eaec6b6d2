//! Requests, explained from files.

use std::sync::Arc;

use clap::Parser;
use serde_json::json;

use super::super::look::Look;
use super::*;
use crate::diag::SourceFile;
use crate::model::{By, Canary, Config, Hold, Plan, Step, Strategy, read_release};

const CHECKOUT: &str = r#"service: checkout
hosts: [shop.example.com, "*.example.com"]
path: /cart
versions: {v41: [127.0.1.11:80], v42: [127.0.1.21:80]}
stable: v41
split: {v41: 90%, v42: rest}
rules:
  - {name: staff, when: {header: {x-role: {in: [staff, support]}}}, send: v42}
  - {name: beta, when: {cookie: {beta: "1"}}, send: {v42: 60%, v41: rest}}
"#;
const SHOP: &str = "service: shop\nhosts: [shop.example.com]\nversions: {v1: [127.0.2.11:80]}\nstable: v1\n";
const EDGE: &str = "service: edge\nfleets: [edge]\nhosts: [both.example.com]\nversions: {v1: [127.0.3.11:80]}\nstable: v1\n";

fn release(text: &str) -> Release {
    let document = read_release(&Arc::new(SourceFile { path: "a.yaml".into(), text: text.into() }), &|_| None);
    document.value.expect("a release without errors")
}

fn compiled(texts: &[&str]) -> Compiled {
    let served = texts.iter().map(|text| release(text)).collect();
    Compiled {
        releases: texts.len(),
        config: Config::default(),
        services: vec![],
        served,
        problems: vec![],
        endpoint_files: Default::default(),
    }
}

/// The request of these flags.
fn request(flags: &[&str]) -> Request {
    #[derive(clap::Parser)]
    struct Of {
        #[command(flatten)]
        args: RequestArgs,
        #[arg(long)]
        service: Option<String>,
    }
    let made = Of::parse_from([&["explain"], flags].concat());
    assert_eq!(made.service, None);
    made.args.request("")
}

/// What `checkout` does with the request of these flags, beside `shop`.
fn told(flags: &[&str]) -> String {
    let compiled = compiled(&[CHECKOUT, SHOP]);
    let given = given(&compiled, None).unwrap();
    let request = request(flags);
    let explained = of_one(given[0], &given, &request);
    explain_text::text(&explained, &request, &PLAIN)
}

const PLAIN: Look = Look { color: false, width: None, now: jiff::Timestamp::UNIX_EPOCH };

#[test]
fn the_rule_that_decides_is_told_with_those_before_it() {
    let want = "GET shop.example.com/cart/7 is for checkout, and rule `beta` decides

  60%  v42
  40%  v41

  no   rule `staff`: header `x-role` must be one of `staff`, `support`, and is absent
  yes  rule `beta`: cookie `beta` is `1`";
    assert_eq!(told(&["--host", "shop.example.com:8080", "--path", "/cart/7?a=1", "--cookie", "uid=7; beta=1"]), want);
    assert_eq!(told(&["--host", "shop.example.com", "--path", "/cart/7", "--cookie", "uid=7", "--cookie", "beta=1"]), want);
}

#[test]
fn without_a_rule_the_split_decides() {
    let want = "POST a.example.com/cart is for checkout, and its split decides

  90%  v41
  10%  v42

  no   rule `staff`: header `x-role` must be one of `staff`, `support`, and is `boss`
  no   rule `beta`: cookie `beta` must be `1`, and is absent";
    assert_eq!(told(&["--host", "a.example.com", "--path", "/cart", "--method", "POST", "--header", "X-Role: boss"]), want);
}

#[test]
fn what_another_service_gets_is_told() {
    for (host, path, want) in [
        ("shop.example.org", "/cart", "is not for checkout: it answers on shop.example.com, *.example.com only"),
        ("shop.example.com", "/", "is not for checkout: it answers under `/cart` only"),
        ("shop.example.com", "/cart", "is for checkout"),
    ] {
        let said = told(&["--host", host, "--path", path]);
        assert!(said.starts_with(&format!("GET {host}{path} {want}")), "{said}");
    }
    let (rest, cart) = (CHECKOUT.replace("path: /cart\n", ""), SHOP.replace("stable", "path: /cart\nstable"));
    let named = SHOP.replace("shop.example.com", "a.example.com").replace("stable", "path: /other\nstable");
    for (other, host, want) in [
        (cart.as_str(), "shop.example.com", "`shop` takes it, which answers on shop.example.com under `/cart`"),
        (&named, "a.example.com", "another service names this very host, and nothing there has this path"),
    ] {
        let compiled = compiled(&[&rest, other]);
        let given = given(&compiled, None).unwrap();
        let explained = of_one(given[0], &given, &request(&["--host", host, "--path", "/cart"]));
        assert_eq!(explained, Explained::Not(Some(given[0]), want.to_owned()));
    }
}

#[test]
fn without_a_name_host_and_path_pick_the_service() {
    let compiled = compiled(&[CHECKOUT, SHOP, EDGE, &EDGE.replace("edge", "side")]);
    let all = given(&compiled, None).unwrap();
    let picked = |host: &str, path: &str| match of_all(&all, &request(&["--host", host, "--path", path])) {
        Ok(Explained::Sent(release, _)) => release.service.clone(),
        Ok(Explained::Not(_, why)) => why,
        Err(error) => error.to_string(),
    };
    assert_eq!(picked("shop.example.com", "/cart"), "checkout");
    assert_eq!(picked("shop.example.com", "/"), "shop");
    assert_eq!(picked("both.example.com", "/"), "edge, side answer there, on different fleets; say which by --fleet or --service");
    let nobody = picked("shop.example.org", "/");
    assert!(nobody.contains("`shop`, which answers on shop.example.com under `/`") && !nobody.contains("more"), "{nobody}");
    let many = [all[1]].repeat(23);
    assert!(super::nobody(&many).ends_with("\n  and 3 more"));
}

#[test]
fn a_fleet_has_its_own_services_and_those_of_all() {
    let fleet = crate::model::read_config(&Arc::new(SourceFile {
        path: "tidegate.yaml".into(),
        text: "fleets: {edge: {node_cluster: a}, side: {node_cluster: b}}\n".into(),
    }));
    let compiled = Compiled { config: fleet.value.unwrap(), ..compiled(&[SHOP, EDGE, &EDGE.replace("edge", "side")]) };
    let names = |fleet| given(&compiled, fleet).map(|given| given.iter().map(|r| r.service.as_str()).collect::<Vec<_>>());
    assert_eq!(names(Some("side")).unwrap(), ["shop", "side"]);
    assert_eq!(names(None).unwrap(), ["shop", "edge", "side"]);
    assert_eq!(names(Some("sied")).unwrap_err().to_string(), "there is no fleet `sied`; there are: edge, side");
}

fn canary(text: &str) -> Release {
    let step = |text: &str| Step { share: text.parse().unwrap(), until: Hold::Approval };
    let strategy = Strategy::Canary(Canary { steps: vec![step("5%"), step("25%")] });
    let plan = Plan {
        candidate: Some("v42".into()),
        strategy,
        then: vec![],
        sticky: None,
        approvers: vec![],
        checks: None,
        on_failure: Default::default(),
        on_new_candidate: Default::default(),
        windows: Default::default(),
        hold: false,
    };
    Release { plan: Some(plan), split: None, ..release(text) }
}

#[test]
fn what_a_release_changes_is_told() {
    let release = canary(CHECKOUT);
    let said = |flags: &[&str]| {
        let request = request(&[&["--host", "shop.example.com", "--path", "/cart"], flags].concat());
        let explained = of_one(&release, &[&release], &request);
        (explain_text::text(&explained, &request, &PLAIN), explain_json::json(&explained, &request))
    };
    let (text, json) = said(&[]);
    let want =
        "While v42 is being released, its share of these requests is the step's: 5%, 25%, 100%; 0% before, and after an abort.";
    assert_eq!(text.lines().last(), Some(want));
    assert_eq!(json["release"]["steps"][0], json!({"share": {"thousandths": 5000, "text": "5%"}, "text": "5%"}));
    assert_eq!(json["release"]["applies"], true);
    let (text, json) = said(&["--cookie", "beta=1"]);
    assert_eq!(text.lines().last(), Some("The release of v42 changes nothing in that: rule `beta` decides at every step."));
    assert_eq!(json["release"]["applies"], false);
}

#[test]
fn the_object_has_every_field() {
    let compiled = compiled(&[CHECKOUT]);
    let given = given(&compiled, None).unwrap();
    let beta = request(&["--host", "shop.example.com", "--path", "/cart", "--cookie", "beta=1"]);
    let sent = explain_json::json(&of_one(given[0], &given, &beta), &beta);
    let share = |thousandths: u32, text: &str| json!({"thousandths": thousandths, "text": text});
    let staff = "header `x-role` must be one of `staff`, `support`, and is absent";
    let want = json!({
        "request": {"method": "GET", "host": "shop.example.com", "path": "/cart"},
        "service": "checkout",
        "sent": true,
        "reason": null,
        "decided_by": "rule",
        "rule": "beta",
        "split": [{"version": "v41", "share": share(40_000, "40%")}, {"version": "v42", "share": share(60_000, "60%")}],
        "rules": [
            {"rule": "staff", "matches": false, "why": [staff]},
            {"rule": "beta", "matches": true, "why": ["cookie `beta` is `1`"]},
        ],
        "release": null,
    });
    assert_eq!(sent, want);
    let other = request(&["--host", "shop.example.com"]);
    let not = explain_json::json(&of_one(given[0], &given, &other), &other);
    let fields = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(fields(&not), fields(&sent));
    assert_eq!((&not["sent"], &not["split"], &not["service"]), (&json!(false), &json!([]), &json!("checkout")));
}

#[test]
fn a_service_is_asked_by_its_own_host() {
    for (host, want) in [("shop.example.com", "shop.example.com"), ("\"*.example.com\"", "any.example.com"), ("\"*\"", "any")] {
        let release = release(&SHOP.replace("shop.example.com", host));
        let asked = Request::new("GET", &own_host(&release), "/");
        assert_eq!(asked.host(), want);
        assert!(matches!(of_one(&release, &[&release], &asked), Explained::Sent(_, Sent { by: By::Split, .. })), "{host}");
    }
}

#[test]
fn flags_that_make_no_request_are_answered() {
    assert_eq!(path("cart").unwrap_err(), "a path begins with a slash: `/cart`");
    assert!(header("x-canary always").unwrap_err().contains("with a colon"));
    assert!(header(": always").unwrap_err().contains("the header's name"));
    assert_eq!(header("Host: a").unwrap_err(), "the host is said by --host");
    assert_eq!(header("x-time: 12:30").unwrap(), ("x-time".to_owned(), " 12:30".to_owned()));
    assert!(cookie("beta").unwrap_err().contains("beta=1"));
}

#[test]
fn a_preview_leads_to_the_candidate_while_it_is_being_released() {
    let plan = "candidate: v42\nblue_green: {preview: {host: v42.example.org, header: {x-preview: always}}}\n";
    let released = release(&format!("{}{plan}", CHECKOUT.replace("split: {v41: 90%, v42: rest}\n", "")));
    let shop = release(SHOP);
    let said = |request: &Request| {
        let explained = of_all(&[&shop, &released], request).unwrap();
        (explain_text::text(&explained, request, &PLAIN), explain_json::json(&explained, request)["decided_by"].clone())
    };
    let asked = Request::new("GET", "v42.example.org", "/cart");
    let (text, by) = said(&asked);
    let want = "GET v42.example.org/cart is for checkout, and its preview host decides while v42 is being released

  100%  v42

It does so from when the file names v42 until v42 has everything, or is called off.";
    assert_eq!((text.as_str(), by), (want, json!("preview")));
    assert_eq!(of_one(&released, &[&shop, &released], &asked), of_all(&[&shop, &released], &asked).unwrap());
    let (text, _) = said(&Request::new("GET", "shop.example.com", "/cart").with_header("x-preview", "always"));
    let head = "GET shop.example.com/cart is for checkout, and rule `preview` decides while v42 is being released\n\n  100%  v42\n";
    assert!(text.starts_with(head), "{text}");
    let (text, _) = said(&Request::new("GET", "shop.example.com", "/cart"));
    assert!(text.contains("its split decides\n\n  100%  v41") && text.contains("no   rule `preview`: "), "{text}");
    let (text, _) = said(&Request::new("GET", "v42.example.org", "/"));
    assert!(text.contains("is not for checkout: it answers under `/cart` only"), "{text}");
    let idle = Release { plan: None, ..released.clone() };
    assert_eq!(of_one(&idle, &[&idle], &asked), Explained::Not(Some(&idle), other_host(&idle)));
}
