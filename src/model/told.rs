//! Conditions of rules in words, beside what a request has.

use super::words::{listed, quoted};
use super::{Match, Request, Test};

impl Match {
    /// What the request has, if the condition holds for it (header `x-canary` is `always`); else also what would have been needed
    /// (header `x-canary` must be `always`, and is absent).
    pub fn told(&self, request: &Request) -> String {
        let found = found(&self.looked_at(request));
        if self.holds(request) {
            format!("{} {found}", self.subject)
        } else {
            format!("{} must {}, and {found}", self.subject, self.asked())
        }
    }

    fn asked(&self) -> String {
        let not = if self.invert { "not " } else { "" };
        match &self.test {
            Test::Exact(text) => format!("{not}be {}", quoted(text)),
            Test::In(texts) => {
                let of = if self.invert { "none" } else { "one" };
                format!("be {of} of {}", listed(&texts.iter().map(String::as_str).collect::<Vec<_>>()))
            }
            Test::Prefix(text) => format!("{not}begin with {}", quoted(text)),
            Test::Suffix(text) => format!("{not}end with {}", quoted(text)),
            Test::Contains(text) => format!("{not}contain {}", quoted(text)),
            Test::Regex(pattern) => format!("{not}match {} as a whole", quoted(pattern)),
            Test::Present => if self.invert { "be absent" } else { "be there" }.to_owned(),
        }
    }
}

fn found(values: &[String]) -> String {
    match values {
        [] => "is absent".to_owned(),
        values => format!("is {}", values.iter().map(|value| quoted(value)).collect::<Vec<_>>().join(" and ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Subject;

    #[test]
    fn a_condition_says_what_it_needs_and_what_there_is() {
        let a = || "a".to_owned();
        let request = Request::new("GET", "h", "/?q=b&q=a").with_header("x", "b").with_cookie("c=a");
        let (header, query, cookie) = (Subject::Header("x".into()), Subject::Query("q".into()), Subject::Cookie("c".into()));
        for (subject, test, invert, want) in [
            (&header, Test::Exact("b".into()), false, "header `x` is `b`"),
            (&header, Test::Exact(a()), true, "header `x` is `b`"),
            (&header, Test::Exact(a()), false, "header `x` must be `a`, and is `b`"),
            (&header, Test::In(vec![a(), "c".into()]), false, "header `x` must be one of `a`, `c`, and is `b`"),
            (&header, Test::In(vec!["b".into()]), true, "header `x` must be none of `b`, and is `b`"),
            (&header, Test::Prefix("b".into()), true, "header `x` must not begin with `b`, and is `b`"),
            (&header, Test::Suffix(a()), false, "header `x` must end with `a`, and is `b`"),
            (&header, Test::Contains(a()), false, "header `x` must contain `a`, and is `b`"),
            (&header, Test::Regex("a+".into()), false, "header `x` must match `a+` as a whole, and is `b`"),
            (&header, Test::Present, true, "header `x` must be absent, and is `b`"),
            (&query, Test::Exact(a()), false, "query parameter `q` must be `a`, and is `b`"),
            (&query, Test::Exact(a()), true, "query parameter `q` must not be `a`, and is `b` and `a`"),
            (&cookie, Test::Present, false, "cookie `c` is `a`"),
            (&Subject::Cookie("d".into()), Test::Present, true, "cookie `d` is absent"),
            (&Subject::Cookie("d".into()), Test::Present, false, "cookie `d` must be there, and is absent"),
        ] {
            assert_eq!(Match { subject: subject.clone(), test, invert }.told(&request), want);
        }
    }
}
