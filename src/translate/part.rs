//! RE2 expressions for parts of a header: one cookie of `cookie`, the path of `:path`, one parameter of its query.
//!
//! Envoy matches an expression against the whole header, so one that is meant for a part must not run over the part's end.

use crate::model::{MAX_PROGRAM_STEPS, Test};

/// Why a test cannot be said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unsayable {
    /// Envoy would refuse the expression.
    #[error("`{pattern}` is no regular expression that Envoy takes: {fault}")]
    Regex {
        /// The expression.
        pattern: String,
        /// What is wrong with it.
        fault: String,
    },
    /// What was made of a test is too large for Envoy.
    #[error(
        "what is matched is too long: it makes `{expression}`, a program of {steps} steps, and Envoy takes {} at most",
        MAX_PROGRAM_STEPS
    )]
    TooLarge {
        /// What was made.
        expression: String,
        /// Its size.
        steps: usize,
    },
    /// The expression would look beyond what it is meant for.
    #[error(
        "`{construct}` in the regular expression `{pattern}` may look beyond the {part} it is matched against; name the \
             characters that are meant, or use `prefix`, `suffix`, `contains`"
    )]
    Unconfined {
        /// The expression.
        pattern: String,
        /// What is in the way.
        construct: String,
        /// What is matched: `path`, `cookie`, `query parameter`.
        part: &'static str,
    },
}

/// A part of a header.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    /// What users call it.
    pub name: &'static str,
    /// The character that ends it, and that therefore cannot occur in it.
    pub end: char,
    /// It begins where the header begins.
    pub first: bool,
}

impl Part {
    /// Any text that fits into the part.
    fn any(self) -> String {
        format!("[^{}]*", self.end)
    }

    /// An expression for the values of the part that satisfy a test; `None` if no value can.
    pub fn satisfying(self, test: &Test) -> Result<Option<String>, Unsayable> {
        let any = self.any();
        let one = |text: &String, regex: &dyn Fn(String) -> String| (!text.contains(self.end)).then(|| regex(regex::escape(text)));
        Ok(match test {
            Test::Exact(text) => one(text, &|text| text),
            Test::In(texts) => one_of(texts.iter().filter_map(|text| one(text, &|text| text))),
            Test::Prefix(text) => one(text, &|text| format!("{text}{any}")),
            Test::Suffix(text) => one(text, &|text| format!("{any}{text}")),
            Test::Contains(text) => one(text, &|text| format!("{any}{text}{any}")),
            Test::Regex(pattern) => Some(format!("(?:{})", self.confine(pattern)?)),
            Test::Present => Some(any),
        })
    }

    /// The same expression, unable to match beyond the part: a dot or a complement matches anything but the end, `$` also stands
    /// before the end, and `^` is left out at the beginning, where it says nothing. What cannot be confined for sure is refused.
    fn confine(self, pattern: &str) -> Result<String, Unsayable> {
        let refuse = |construct: String| Unsayable::Unconfined { pattern: pattern.to_owned(), construct, part: self.name };
        let end = self.end;
        let (flags, pattern) = pattern.split_at(flags(pattern));
        let mut confined = flags.to_owned();
        let (mut rest, mut front) = (pattern.chars(), Front { depth: 0, here: true });
        while let Some(c) = rest.next() {
            let in_front = front.pass(c);
            match c {
                '^' if !self.first && in_front && !rest.as_str().starts_with(['*', '+', '?', '{']) => {}
                '^' if !self.first => return Err(refuse(c.to_string())),
                '.' => confined.push_str(&format!("[^{end}]")),
                '$' => confined.push_str(&format!("(?:{}.*)?$", regex::escape(&end.to_string()))),
                '\\' => confined.push_str(&self.escape(rest.next().unwrap_or('\\')).map_err(refuse)?),
                '[' => confined.push_str(&self.class(&mut rest).map_err(refuse)?),
                // `(?` and a quantifier's `?` are syntax; a `?` that is meant literally comes escaped.
                c if c == end && c != '?' => return Err(refuse(c.to_string())),
                c => confined.push(c),
            }
        }
        Ok(confined)
    }

    /// What stands after a backslash, outside of a class.
    fn escape(self, c: char) -> Result<String, String> {
        match c {
            'D' | 'S' | 'W' => Ok(format!("[^\\{}{}]", c.to_ascii_lowercase(), self.end)),
            // Properties, quotes, bytes, code points and the text's end: nothing says that they stop at the part's end.
            'p' | 'P' | 'Q' | 'E' | 'C' | 'x' | 'z' | '0'..='9' => Err(format!("\\{c}")),
            c if c == self.end => Err(format!("\\{c}")),
            c => Ok(format!("\\{c}")),
        }
    }

    /// A class from after its `[` to its `]`.
    fn class(self, rest: &mut std::str::Chars<'_>) -> Result<String, String> {
        let body = class_body(rest);
        if let Some(excluded) = body.strip_prefix('^') {
            return Ok(format!("[^{}{excluded}]", self.end));
        }
        let class = format!("[{body}]");
        // Asked of an engine that has the same classes, rather than read again here; its set operators mean nothing to Envoy's.
        let operators = ["&&", "--", "~~"].iter().any(|operator| body.contains(operator));
        let stops = regex::Regex::new(&format!("^{class}$")).is_ok_and(|regex| !regex.is_match(&self.end.to_string()));
        if stops && !operators { Ok(class) } else { Err(class) }
    }
}

/// Where in an expression one is.
struct Front {
    /// Groups around.
    depth: usize,
    /// What comes next is the first thing of the expression, or of one of its alternatives.
    here: bool,
}

impl Front {
    /// Goes on over a character, and says whether it was in front.
    fn pass(&mut self, c: char) -> bool {
        let in_front = self.here;
        match c {
            '(' => self.depth += 1,
            ')' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        self.here = self.depth == 0 && (c == '|' || c == '^' && in_front);
        in_front
    }
}

/// How long the flags are with which an expression begins: `(?i)`.
fn flags(pattern: &str) -> usize {
    let inside = pattern.strip_prefix("(?").and_then(|rest| rest.split_once(')')).map(|(inside, _)| inside);
    let are_flags = |inside: &&str| inside.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-');
    inside.filter(are_flags).map_or(0, |inside| inside.len() + "(?)".len())
}

/// The text of a class without its brackets. A `]` that comes first, an escaped one, and one of an inner `[:class:]` do not end it.
fn class_body(rest: &mut std::str::Chars<'_>) -> String {
    let (mut body, mut named) = (String::new(), false);
    while let Some(c) = rest.next() {
        let first = body.is_empty() || body == "^";
        match c {
            '\\' => body.extend([c, rest.next().unwrap_or('\\')]),
            '[' if rest.as_str().starts_with(':') => {
                named = true;
                body.push(c);
            }
            ']' if named => {
                named = false;
                body.push(c);
            }
            ']' if !first => break,
            c => body.push(c),
        }
    }
    body
}

/// One of several expressions; `None` if there are none.
pub(super) fn one_of(regexes: impl Iterator<Item = String>) -> Option<String> {
    let all: Vec<String> = regexes.collect();
    match all.as_slice() {
        [] => None,
        [one] => Some(one.clone()),
        many => Some(format!("(?:{})", many.join("|"))),
    }
}

/// Whether the empty text satisfies a test. If an expression cannot be told here, it is taken to.
pub(super) fn accepts_empty(test: &Test) -> bool {
    match test {
        Test::Exact(text) | Test::Prefix(text) | Test::Suffix(text) | Test::Contains(text) => text.is_empty(),
        Test::In(texts) => texts.iter().any(String::is_empty),
        Test::Regex(pattern) => regex::Regex::new(&format!("^(?:{pattern})$")).is_ok_and(|regex| regex.is_match("")),
        Test::Present => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: Part = Part { name: "path", end: '?', first: true };
    const COOKIE: Part = Part { name: "cookie", end: ';', first: false };

    #[test]
    fn tests_become_expressions_that_stop_at_the_end() {
        let text = || "a.b".to_owned();
        for (test, want) in [
            (Test::Exact(text()), Some(r"a\.b")),
            (Test::In(vec![text(), "c".into()]), Some(r"(?:a\.b|c)")),
            (Test::Prefix(text()), Some(r"a\.b[^;]*")),
            (Test::Suffix(text()), Some(r"[^;]*a\.b")),
            (Test::Contains(text()), Some(r"[^;]*a\.b[^;]*")),
            (Test::Present, Some("[^;]*")),
            (Test::Exact("a;b".into()), None),
            (Test::In(vec!["a;b".into()]), None),
            (Test::In(vec!["a;b".into(), "c".into()]), Some("c")),
        ] {
            assert_eq!(COOKIE.satisfying(&test).unwrap().as_deref(), want, "{test:?}");
        }
    }

    #[test]
    fn expressions_are_confined() {
        for (pattern, want) in [
            (r"/a/.*", r"/a/[^?]*"),
            (r"/a\.b", r"/a\.b"),
            (r"\d+\S", r"\d+[^\s?]"),
            (r"[^/]+", r"[^?/]+"),
            (r"[^]]", r"[^?]]"),
            (r"[a-z.]+", r"[a-z.]+"),
            (r"[[:alpha:]]x", r"[[:alpha:]]x"),
            (r"^/a$|/b", r"^/a(?:\?.*)?$|/b"),
            (r"(?:a|b)?", r"(?:a|b)?"),
        ] {
            assert_eq!(PATH.confine(pattern).as_deref(), Ok(want), "{pattern}");
        }
    }

    #[test]
    fn what_does_not_begin_with_the_header_has_no_anchor() {
        for (pattern, want) in
            [("^v[0-9]+$", "v[0-9]+(?:;.*)?$"), ("^a|^b", "a|b"), ("(?i)^a", "(?i)a"), ("^^a", "a"), (r"[^a]\^", r"[^;a]\^")]
        {
            assert_eq!(COOKIE.confine(pattern).as_deref(), Ok(want), "{pattern}");
        }
        for pattern in ["x*^a", "(?:^a|b)", "(?:a|b)^", "^*a", r"a\|^b"] {
            assert_eq!(refused(COOKIE, pattern).as_deref(), Some("^"), "{pattern}");
        }
    }

    fn refused(part: Part, pattern: &str) -> Option<String> {
        match part.confine(pattern) {
            Err(Unsayable::Unconfined { construct, .. }) => Some(construct),
            _ => None,
        }
    }

    #[test]
    fn what_cannot_be_confined_is_refused() {
        for (pattern, construct) in
            [(r"a\?b", r"\?"), (r"[!-~]", "[!-~]"), (r"[\S]", r"[\S]"), (r"\x3f", r"\x"), (r"\pP", r"\p"), (r"[:-A]", "[:-A]")]
        {
            assert_eq!(refused(PATH, pattern), Some(construct.to_owned()), "{pattern}");
        }
        assert_eq!(refused(COOKIE, "a;b").as_deref(), Some(";"));
    }
}
