//! What a service does with a request.

use super::asked::{fit, is_under};
use super::{Release, Request, Rule, Split, Traffic};

/// What a service does with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It is not for the service: its host is none of the service's.
    OtherHost,
    /// It is not for the service: its path is not under the service's.
    OtherPath,
    /// It is sent to versions.
    Sent(Sent),
}

/// Where a request is sent, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// What decided.
    pub by: By,
    /// The rules that were looked at, in order; the last one is the one that decided, if one did.
    pub tried: Vec<Tried>,
    /// How likely each version is: the shares of what decided.
    pub split: Split,
}

/// What decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The host on which a version can be tried.
    Preview,
    /// The last rule that was looked at.
    Rule,
    /// The service's split, as no rule matches.
    Split,
}

/// A rule that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// Its name.
    pub rule: String,
    /// Whether it matches, and why.
    pub verdict: Verdict,
}

/// Whether a rule matches, and why, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It does: what the request has, a text for each condition.
    Matches(Vec<String>),
    /// It does not: of each alternative the first condition that does not hold, each text once.
    Fails(Vec<String>),
}

/// Decides as an Envoy does that is served this traffic and that has no other service with a better claim to the request; for that
/// see [`super::takers`]. The preview host is the service's under its own path only.
pub fn decide(release: &Release, traffic: &Traffic, request: &Request) -> Decision {
    let preview = traffic.preview.as_ref().filter(|preview| preview.host == request.host());
    if preview.is_none() && fit(release, request.host()).is_none() {
        return Decision::OtherHost;
    }
    if !is_under(request.path(), &release.path) {
        return Decision::OtherPath;
    }
    Decision::Sent(match preview {
        Some(preview) => Sent { by: By::Preview, tried: vec![], split: release.all_to(&preview.version) },
        None => by_rules(traffic, request),
    })
}

fn by_rules(traffic: &Traffic, request: &Request) -> Sent {
    let mut tried = Vec::new();
    for rule in &traffic.rules {
        let verdict = verdict(rule, request);
        let matches = matches!(verdict, Verdict::Matches(_));
        tried.push(Tried { rule: rule.name.clone(), verdict });
        if matches {
            return Sent { by: By::Rule, tried, split: rule.send.clone() };
        }
    }
    Sent { by: By::Split, tried, split: traffic.split.clone() }
}

fn verdict(rule: &Rule, request: &Request) -> Verdict {
    let mut failed: Vec<String> = Vec::new();
    for alternative in &rule.alternatives {
        let Some(condition) = alternative.iter().find(|condition| !condition.holds(request)) else {
            return Verdict::Matches(alternative.iter().map(|condition| condition.told(request)).collect());
        };
        let told = condition.told(request);
        if !failed.contains(&told) {
            failed.push(told);
        }
    }
    Verdict::Fails(failed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::asked::tests::release;
    use crate::model::{Match, PreviewHost, Share, Subject, Test};

    fn header(name: &str, value: &str) -> Match {
        Match { subject: Subject::Header(name.into()), test: Test::Exact(value.into()), invert: false }
    }

    fn shares(v1: u32) -> Split {
        let share = |thousandths| Share::from_thousandths(thousandths).unwrap();
        Split::new(vec![("v1".into(), share(v1)), ("v2".into(), share(100_000 - v1))]).unwrap()
    }

    fn rule(name: &str, alternatives: Vec<Vec<Match>>, v1: u32) -> Rule {
        Rule { name: name.into(), alternatives, send: shares(v1) }
    }

    fn ruled() -> Release {
        let both = vec![vec![header("a", "1"), header("b", "1")], vec![header("a", "1"), header("c", "1")]];
        let rules = vec![rule("both", both, 20_000), rule("late", vec![vec![header("b", "1")]], 0)];
        Release { rules, split: Some(shares(90_000)), ..release("shop", &["shop.example.com"], "/cart") }
    }

    fn sent(release: &Release, request: &Request) -> Sent {
        match decide(release, &Traffic::at_rest(release), request) {
            Decision::Sent(sent) => sent,
            other => panic!("{other:?}"),
        }
    }

    fn request() -> Request {
        Request::new("GET", "shop.example.com", "/cart/7")
    }

    #[test]
    fn without_a_rule_the_split_decides() {
        let sent = sent(&ruled(), &request());
        assert_eq!((sent.by, sent.split), (By::Split, shares(90_000)));
        let told = |rule: &str, why: &str| Tried { rule: rule.into(), verdict: Verdict::Fails(vec![why.into()]) };
        let (a, b) = ("header `a` must be `1`, and is absent", "header `b` must be `1`, and is absent");
        assert_eq!(sent.tried, [told("both", a), told("late", b)], "each reason once");
    }

    #[test]
    fn the_first_rule_that_matches_decides() {
        let sent = sent(&ruled(), &request().with_header("a", "1").with_header("b", "1"));
        assert_eq!((sent.by, sent.split), (By::Rule, shares(20_000)));
        let verdict = Verdict::Matches(vec!["header `a` is `1`".into(), "header `b` is `1`".into()]);
        assert_eq!(sent.tried, [Tried { rule: "both".into(), verdict }]);
    }

    #[test]
    fn any_alternative_of_a_rule_is_enough() {
        let second = sent(&ruled(), &request().with_header("a", "1").with_header("c", "1"));
        assert_eq!((second.by, second.tried.len()), (By::Rule, 1));
        let later = sent(&ruled(), &request().with_header("b", "1"));
        assert_eq!((later.by, later.tried.len(), later.split), (By::Rule, 2, shares(0)));
        let none = sent(&ruled(), &request().with_header("a", "1"));
        let Verdict::Fails(why) = &none.tried[0].verdict else { panic!("{none:?}") };
        assert_eq!(why.len(), 2, "{why:?}");
    }

    #[test]
    fn without_split_everything_goes_to_stable() {
        let plain = Release { split: None, rules: vec![], ..ruled() };
        assert_eq!(sent(&plain, &request()), Sent { by: By::Split, tried: vec![], split: shares(100_000) });
    }

    #[test]
    fn what_is_not_for_the_service_is_told() {
        let (release, at_rest) = (ruled(), Traffic::at_rest(&ruled()));
        let asked = |host: &str, path: &str| decide(&release, &at_rest, &Request::new("GET", host, path));
        assert_eq!(asked("other.example.com", "/cart"), Decision::OtherHost);
        assert_eq!(asked("shop.example.com", "/cartoons"), Decision::OtherPath);
        assert!(matches!(asked("shop.example.com:8443", "/cart"), Decision::Sent(_)));
    }

    proptest! {
        #[test]
        fn any_request_is_answered(texts in prop::collection::vec(".{0,12}", 7)) {
            let request = Request::new(&texts[0], &texts[1], &texts[2]).with_query(&texts[3]).with_cookie(&texts[4]);
            let request = request.with_header(&texts[5], &texts[6]);
            let alternatives = vec![vec![header(&texts[5].to_ascii_lowercase(), texts[6].trim())]];
            let everywhere = Release { hosts: vec!["*".into()], rules: vec![rule("r", alternatives, 0)], ..ruled() };
            let decision = decide(&everywhere, &Traffic::at_rest(&everywhere), &request);
            prop_assert_eq!(matches!(decision, Decision::Sent(_)), is_under(request.path(), "/cart"));
            let under = Request::new(&texts[0], &texts[1], &format!("/cart/{}", texts[2])).with_header("a", "1");
            prop_assert!(matches!(decide(&everywhere, &Traffic::at_rest(&everywhere), &under), Decision::Sent(_)));
        }
    }

    #[test]
    fn the_preview_host_comes_before_rules() {
        let release = ruled();
        let preview = Some(PreviewHost { host: "preview.example.com".into(), version: "v2".into() });
        let traffic = Traffic { preview, ..Traffic::at_rest(&release) };
        let asked =
            |path: &str| decide(&release, &traffic, &Request::new("GET", "preview.example.com", path).with_header("a", "1"));
        assert_eq!(asked("/cart"), Decision::Sent(Sent { by: By::Preview, tried: vec![], split: shares(0) }));
        assert_eq!(asked("/"), Decision::OtherPath);
        assert!(matches!(decide(&release, &traffic, &request()), Decision::Sent(Sent { by: By::Split, .. })));
    }
}
