//! A request, as rules look at it, and whether their conditions hold for it.
//!
//! What is answered here is what Envoy does with the routes that `translate` makes of a rule; a test there holds the two together.

use regex::Regex;

use super::{Match, Subject, Test};

/// A request as it comes to an Envoy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    method: String,
    host: String,
    path: String,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
}

impl Request {
    /// A request without headers. `host` may have a port, which does not count; `target` may have a query string behind its path.
    pub fn new(method: &str, host: &str, target: &str) -> Request {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let bare = Request {
            method: method.to_owned(),
            host: without_port(host).to_ascii_lowercase(),
            path: path.to_owned(),
            query: Vec::new(),
            headers: Vec::new(),
        };
        bare.with_query(query)
    }

    /// The same with more parameters behind those it has: `a=1&b=2`, as the URL has them. One without `=` is there, with an empty value.
    pub fn with_query(mut self, text: &str) -> Request {
        let parameters = text.split('&').filter(|part| !part.is_empty());
        self.query.extend(parameters.map(|part| owned(part.split_once('=').unwrap_or((part, "")))));
        self
    }

    /// The same with one more header. Space around the value is no part of it.
    pub fn with_header(mut self, name: &str, value: &str) -> Request {
        self.headers.push((name.to_ascii_lowercase(), value.trim_matches([' ', '\t']).to_owned()));
        self
    }

    /// The same with more cookies: `uid=7; beta=1`, as the header has them.
    pub fn with_cookie(self, text: &str) -> Request {
        self.with_header("cookie", text)
    }

    /// The method.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The host, in lower case and without port.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The path, without the query string.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The values that a request has for a property, in order; none if the property is absent.
    fn values(&self, subject: &Subject) -> Vec<String> {
        match subject {
            Subject::Header(name) => self.header(name).into_iter().collect(),
            Subject::Cookie(name) => self.cookies(name),
            Subject::Query(name) => self.query.iter().filter(|(n, _)| n == name).map(|(_, value)| value.clone()).collect(),
            Subject::Path => vec![self.path.clone()],
            Subject::Method => vec![self.method.clone()],
        }
    }

    /// A header that comes several times is one with all values; cookies are put together as one header would have them.
    fn header(&self, name: &str) -> Option<String> {
        let values: Vec<&str> = self.headers.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str()).collect();
        let between = if name == "cookie" { "; " } else { "," };
        (!values.is_empty()).then(|| values.join(between))
    }

    fn cookies(&self, name: &str) -> Vec<String> {
        let header = self.header("cookie").unwrap_or_default();
        let parts = header.split(';').filter_map(|part| part.trim_start_matches(' ').split_once('='));
        parts.filter(|(n, _)| *n == name).map(|(_, value)| value.to_owned()).collect()
    }
}

fn owned((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

/// What is before the port; the colons of an IPv6 address stand in brackets.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => name,
        _ => host,
    }
}

impl Match {
    /// Whether a request satisfies the condition. A property that is absent satisfies no test, so its inversion holds.
    pub fn holds(&self, request: &Request) -> bool {
        self.looked_at(request).iter().any(|value| self.test.accepts(value)) != self.invert
    }

    /// The values that count. Of a query parameter that comes several times it is the first, but its inversion looks at all of them.
    pub(super) fn looked_at(&self, request: &Request) -> Vec<String> {
        let mut values = request.values(&self.subject);
        if matches!(self.subject, Subject::Query(_)) && !self.invert {
            values.truncate(1);
        }
        values
    }
}

impl Test {
    /// Whether a value that is there satisfies the test.
    pub fn accepts(&self, value: &str) -> bool {
        match self {
            Test::Exact(other) => value == other,
            Test::In(others) => others.iter().any(|other| other == value),
            Test::Prefix(prefix) => value.starts_with(prefix.as_str()),
            Test::Suffix(suffix) => value.ends_with(suffix.as_str()),
            Test::Contains(part) => value.contains(part.as_str()),
            Test::Regex(regex) => Regex::new(&format!("^(?:{regex})$")).is_ok_and(|regex| regex.is_match(value)),
            Test::Present => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(value: &str) -> String {
        value.to_owned()
    }

    fn on(subject: Subject, test: Test) -> Match {
        Match { subject, test, invert: false }
    }

    /// Whether the condition holds, and whether its inversion does.
    fn both(condition: &Match, request: &Request) -> (bool, bool) {
        (condition.holds(request), Match { invert: true, ..condition.clone() }.holds(request))
    }

    fn get(target: &str) -> Request {
        Request::new("GET", "shop.example.com", target)
    }

    #[test]
    fn what_is_absent_satisfies_no_test() {
        let subjects = [Subject::Header(text("x")), Subject::Cookie(text("x")), Subject::Query(text("x"))];
        let tests =
            [Test::Present, Test::Exact(text("")), Test::Prefix(text("")), Test::Regex(text(".*")), Test::In(vec![text("")])];
        for (subject, test) in subjects.iter().flat_map(|subject| tests.iter().map(move |test| (subject, test))) {
            assert_eq!(both(&on(subject.clone(), test.clone()), &get("/")), (false, true), "{subject}: {test:?}");
        }
    }

    #[test]
    fn what_is_there_and_empty_is_not_absent() {
        let request = get("/?x").with_header("X", "").with_cookie("x=");
        for subject in [Subject::Header(text("x")), Subject::Cookie(text("x")), Subject::Query(text("x"))] {
            for test in [Test::Present, Test::Exact(text("")), Test::Prefix(text(""))] {
                assert_eq!(both(&on(subject.clone(), test.clone()), &request), (true, false), "{subject}: {test:?}");
            }
            assert_eq!(both(&on(subject.clone(), Test::Exact(text("a"))), &request), (false, true), "{subject}");
        }
    }

    #[test]
    fn tests_are_of_the_whole_value_and_of_its_case() {
        for (test, value, want) in [
            (Test::Exact(text("ab")), "ab", true),
            (Test::Exact(text("ab")), "AB", false),
            (Test::Exact(text("ab")), "abc", false),
            (Test::In(vec![text("a"), text("b")]), "b", true),
            (Test::In(vec![text("a"), text("b")]), "ab", false),
            (Test::Prefix(text("ab")), "abc", true),
            (Test::Prefix(text("ab")), "cab", false),
            (Test::Suffix(text("ab")), "cab", true),
            (Test::Suffix(text("ab")), "abc", false),
            (Test::Contains(text("b")), "abc", true),
            (Test::Contains(text("B")), "abc", false),
            (Test::Regex(text("a|bc")), "bc", true),
            (Test::Regex(text("a|b")), "ab", false),
            (Test::Regex(text("(?i)a.")), "Ab", true),
            (Test::Regex(text("a((")), "a((", false),
            (Test::Present, "", true),
        ] {
            assert_eq!(test.accepts(value), want, "{test:?} of {value:?}");
        }
    }

    #[test]
    fn headers_are_trimmed_and_joined() {
        let request = get("/").with_header("X-Role", " staff\t").with_header("x-role", "admin");
        let role = |value: &str| on(Subject::Header(text("x-role")), Test::Exact(text(value)));
        assert!(role("staff").holds(&get("/").with_header("X-ROLE", "  staff ")));
        assert!(role("staff,admin").holds(&request));
        assert_eq!(both(&role("staff"), &request), (false, true));
    }

    #[test]
    fn any_cookie_of_the_name_counts() {
        let request = get("/").with_cookie("uid=7;beta=1").with_cookie("theme=a=b; beta=2");
        let cookie = |name: &str, value: &str| on(Subject::Cookie(text(name)), Test::Exact(text(value)));
        for (name, value, want) in
            [("uid", "7", true), ("beta", "1", true), ("beta", "2", true), ("theme", "a=b", true), ("eta", "1", false)]
        {
            assert_eq!(both(&cookie(name, value), &request), (want, !want), "{name}={value}");
        }
        assert!(!cookie("Beta", "1").holds(&request), "names of cookies have a case");
        let whole = on(Subject::Header(text("cookie")), Test::Exact(text("uid=7;beta=1; theme=a=b; beta=2")));
        assert!(whole.holds(&request));
    }

    #[test]
    fn of_a_query_parameter_the_first_counts_and_the_inversion_looks_at_all() {
        let a = |value: &str| on(Subject::Query(text("a")), Test::Exact(text(value)));
        let request = get("/?b=0&a=1&a=2");
        assert_eq!(both(&a("1"), &request), (true, false));
        assert_eq!(both(&a("2"), &request), (false, false));
        assert_eq!(both(&a("3"), &request), (false, true));
        assert!(a("%31").holds(&get("/?a=%31")) && !a("1").holds(&get("/?a=%31")), "nothing is decoded");
        assert!(a("1").holds(&get("/").with_query("a=1&b=2")));
    }

    #[test]
    fn a_path_is_without_its_query() {
        let path = |test| on(Subject::Path, test);
        assert!(path(Test::Exact(text("/cart"))).holds(&get("/cart?x=/y")));
        assert!(path(Test::Prefix(text("/ca"))).holds(&get("/cartoons")), "a rule's prefix does not stop at slashes");
        assert!(!path(Test::Regex(text("/ca"))).holds(&get("/cart")));
        assert!(on(Subject::Method, Test::Exact(text("GET"))).holds(&get("/")));
    }

    #[test]
    fn ports_of_hosts_are_left_out() {
        for (host, want) in [("Shop:8080", "shop"), ("shop", "shop"), ("[::1]:80", "[::1]"), ("[::1]", "[::1]"), ("", "")] {
            assert_eq!(Request::new("GET", host, "/").host(), want);
        }
    }

    proptest! {
        #[test]
        fn no_request_is_too_odd(texts in prop::collection::vec(".{0,12}", 8), pattern in r"[a(){}\[\]|*+?\\^$.]{0,8}", invert: bool) {
            let request = Request::new(&texts[0], &texts[1], &texts[2]).with_query(&texts[3]);
            let request = request.with_header(&texts[4], &texts[5]).with_cookie(&texts[6]);
            for subject in [Subject::Header(texts[4].clone()), Subject::Cookie(texts[7].clone()), Subject::Query(texts[7].clone())] {
                let condition = Match { subject, test: Test::Regex(pattern.clone()), invert };
                let _ = condition.holds(&request);
                let present = Match { test: Test::Present, ..condition };
                prop_assert_ne!(present.holds(&request), Match { invert: !invert, ..present }.holds(&request));
            }
        }
    }
}
