//! Whether a rule can ever come to its turn behind others.

use super::asked::is_under;
use super::{Match, Rule, Subject, Test};

/// The earlier rules, by index, that together take every request which `rule` matches; `None` if it has some of its own, or if
/// that cannot be told. Every request lies under `path`, the service's own.
pub(super) fn covering(rule: &Rule, earlier: &[&Rule], path: &str) -> Option<Vec<usize>> {
    let own = Match { subject: Subject::Path, test: Test::Prefix(path.to_owned()), invert: false };
    let by = |narrow: &Vec<Match>| {
        let narrow = [narrow.as_slice(), std::slice::from_ref(&own)].concat();
        earlier.iter().position(|rule| rule.alternatives.iter().any(|wide| covers(wide, &narrow)))
    };
    let mut found: Vec<usize> = rule.alternatives.iter().map(by).collect::<Option<_>>()?;
    found.sort_unstable();
    found.dedup();
    Some(found)
}

/// Whether a rule only matches paths outside of `path`, the service's own, so that no request comes to it.
pub(super) fn is_outside(rule: &Rule, path: &str) -> bool {
    rule.alternatives.iter().all(|all| all.iter().any(|one| one.subject == Subject::Path && !one.invert && misses(&one.test, path)))
}

/// Whether no path under `own` satisfies a test. The service's path separates at slashes.
fn misses(test: &Test, own: &str) -> bool {
    match test {
        Test::Prefix(prefix) => !own.starts_with(prefix.as_str()) && !is_under(prefix, own),
        test => values(test).is_some_and(|values| !values.iter().any(|value| is_under(value, own))),
    }
}

/// Whether everything that satisfies all of `narrow` satisfies all of `wide`.
fn covers(wide: &[Match], narrow: &[Match]) -> bool {
    wide.iter().all(|wide| narrow.iter().any(|narrow| implies(narrow, wide)))
}

/// Whether what satisfies `narrow` always satisfies `wide`.
fn implies(narrow: &Match, wide: &Match) -> bool {
    if narrow.subject != wide.subject {
        return false;
    }
    match (narrow.invert, wide.invert) {
        (false, false) => within(&narrow.test, &wide.test),
        (true, true) => within(&wide.test, &narrow.test),
        (false, true) => values(&narrow.test).is_some_and(|values| values.iter().all(|value| !wide.test.accepts(value))),
        (true, false) => false,
    }
}

/// Whether each value that satisfies `narrow` satisfies `wide`, both not inverted.
fn within(narrow: &Test, wide: &Test) -> bool {
    if narrow == wide || *wide == Test::Present {
        return true;
    }
    if let Some(values) = values(narrow) {
        return values.iter().all(|value| wide.accepts(value));
    }
    match (narrow, wide) {
        (Test::Prefix(narrow), Test::Prefix(wide)) => narrow.starts_with(wide.as_str()),
        (Test::Suffix(narrow), Test::Suffix(wide)) => narrow.ends_with(wide.as_str()),
        (Test::Prefix(narrow) | Test::Suffix(narrow) | Test::Contains(narrow), Test::Contains(wide)) => {
            narrow.contains(wide.as_str())
        }
        _ => false,
    }
}

/// The values that satisfy a test, where they can be counted.
fn values(test: &Test) -> Option<&[String]> {
    match test {
        Test::Exact(value) => Some(std::slice::from_ref(value)),
        Test::In(values) => Some(values),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> String {
        value.to_owned()
    }

    fn on(test: Test, invert: bool) -> Match {
        Match { subject: Subject::Header("x".into()), test, invert }
    }

    #[test]
    fn a_narrow_test_is_within_a_wide_one() {
        use Test::*;
        for (narrow, wide, want) in [
            (Exact(text("ab")), Exact(text("ab")), true),
            (Exact(text("ab")), Prefix(text("a")), true),
            (Exact(text("ab")), Regex(text("a.")), true),
            (Exact(text("abc")), Regex(text("a.")), false),
            (Exact(text("AB")), Exact(text("ab")), false),
            (In(vec![text("a"), text("b")]), In(vec![text("b"), text("a"), text("c")]), true),
            (In(vec![text("a"), text("d")]), In(vec![text("a"), text("b")]), false),
            (In(vec![text("a")]), Exact(text("a")), true),
            (Prefix(text("abc")), Prefix(text("ab")), true),
            (Prefix(text("ab")), Prefix(text("abc")), false),
            (Suffix(text("xab")), Contains(text("a")), true),
            (Contains(text("ab")), Prefix(text("a")), false),
            (Regex(text("a+")), Present, true),
            (Regex(text("a+")), Regex(text("a+")), true),
            (Present, Prefix(text("a")), false),
        ] {
            assert_eq!(implies(&on(narrow.clone(), false), &on(wide.clone(), false)), want, "{narrow:?} in {wide:?}");
            assert_eq!(implies(&on(wide.clone(), true), &on(narrow.clone(), true)), want, "inverted: {narrow:?} in {wide:?}");
        }
    }

    #[test]
    fn inversion_is_understood() {
        let a = || Test::Exact(text("a"));
        assert!(implies(&on(Test::Exact(text("b")), false), &on(a(), true)));
        assert!(!implies(&on(a(), false), &on(a(), true)));
        assert!(!implies(&on(a(), true), &on(Test::Present, false)), "what is absent is not `a` either");
    }

    #[test]
    fn several_earlier_rules_may_cover_one_together() {
        let rule = |alternatives: Vec<Vec<Match>>| Rule { name: "r".into(), alternatives, send: Default::default() };
        let exact = |value: &str| on(Test::Exact(text(value)), false);
        let (a, b) = (rule(vec![vec![exact("a")]]), rule(vec![vec![exact("b")]]));
        let both = rule(vec![vec![exact("b")], vec![exact("a")]]);
        let more = rule(vec![vec![exact("b")], vec![exact("c")]]);
        let narrower = rule(vec![vec![exact("a"), Match { subject: Subject::Path, ..exact("/") }]]);
        assert_eq!(covering(&both, &[&a, &b], "/"), Some(vec![0, 1]));
        assert_eq!(covering(&more, &[&a, &b], "/"), None);
        assert_eq!(covering(&narrower, &[&b, &a], "/"), Some(vec![1]));
        assert_eq!(covering(&a, &[&narrower], "/"), None);
        assert_eq!(covering(&a, &[], "/"), None);
    }
    fn on_path(test: Test) -> Rule {
        let one = Match { subject: Subject::Path, test, invert: false };
        Rule { name: "r".into(), alternatives: vec![vec![one]], send: Default::default() }
    }

    #[test]
    fn the_services_own_path_covers_everything() {
        let other = Rule { alternatives: vec![vec![on(Test::Present, true)]], ..on_path(Test::Present) };
        for (wide, path, want) in [("/", "/", true), ("/", "/cart", true), ("/cart", "/cart", true), ("/cart/a", "/cart", false)] {
            let wide = on_path(Test::Prefix(text(wide)));
            assert_eq!(covering(&other, &[&wide], path).is_some(), want, "{wide:?} under {path}");
        }
    }

    #[test]
    fn a_path_outside_of_the_services_own_is_known() {
        for (test, want) in [
            (Test::Prefix(text("/other")), true),
            (Test::Prefix(text("/cartoons")), true),
            (Test::Prefix(text("/ca")), false),
            (Test::Prefix(text("/cart/a")), false),
            (Test::Exact(text("/cart")), false),
            (Test::Exact(text("/")), true),
            (Test::In(vec![text("/"), text("/cart/x")]), false),
            (Test::Suffix(text("/other")), false),
        ] {
            assert_eq!(is_outside(&on_path(test.clone()), "/cart"), want, "{test:?}");
        }
        assert!(!is_outside(&on_path(Test::Prefix(text("/other"))), "/"));
    }
}
