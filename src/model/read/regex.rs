//! Regular expressions, which Envoy compiles with RE2.

use ::regex::RegexBuilder;
use regex_syntax::hir::literal::Extractor;

use super::scalar::text;
use crate::model::notes::Notes;
use crate::model::yaml::Node;
use crate::model::{MAX_PROGRAM_STEPS, code, program_steps};

/// Longest expression, in bytes, and the memory that it may come to.
const MAX_BYTES: usize = 512;
const MAX_COMPILED: usize = 1 << 17;
/// The greatest count in braces that RE2 takes.
const MAX_REPEAT: u32 = 1000;

/// An expression that both this server and Envoy understand in the same way.
pub(super) fn regex(notes: &mut Notes, node: &Node) -> Option<String> {
    let written = text(notes, node, "a regular expression")?;
    if let Some(reason) = foreign(written) {
        notes.error(code::FOREIGN_REGEX, &node.span, format!("Envoy's RE2 does not take {}", reason.0)).help(reason.1);
        return None;
    }
    if written.len() > MAX_BYTES {
        let title = format!("the expression has {} bytes, and {MAX_BYTES} is the most", written.len());
        notes.error(code::BAD_REGEX, &node.span, title).help("use `in`, `prefix`, `suffix` or `contains`, or several rules");
        return None;
    }
    match RegexBuilder::new(written).size_limit(MAX_COMPILED).build() {
        Ok(_) => is_small(notes, node, written).then(|| written.to_owned()),
        Err(error) => {
            note(notes, node, &error);
            None
        }
    }
}

/// Whether nothing that an expression matches begins with a slash; `false` if that cannot be told.
pub(super) fn never_begins_with_slash(pattern: &str) -> bool {
    let Ok(expression) = regex_syntax::parse(pattern) else { return false };
    let begins = Extractor::new().extract(&expression);
    begins.literals().is_some_and(|all| all.iter().all(|one| one.as_bytes().first().is_some_and(|first| *first != b'/')))
}

/// Whether Envoy's engine takes an expression of that size. What is made of it for a cookie is larger, which `translate` looks at.
fn is_small(notes: &mut Notes, node: &Node, written: &str) -> bool {
    let Some(steps) = program_steps(written).filter(|steps| *steps > MAX_PROGRAM_STEPS) else { return true };
    notes
        .error(code::LARGE_REGEX, &node.span, "the expression is too large for Envoy")
        .label(format!("comes to {steps} steps, and {MAX_PROGRAM_STEPS} is the most: a letter is one, any character eight"))
        .help("make the counts in braces smaller, or use `in`, `prefix`, `suffix`, `contains`, or several rules");
    false
}

fn note(notes: &mut Notes, node: &Node, error: &::regex::Error) {
    let (title, help) = match error {
        ::regex::Error::CompiledTooBig(_) => ("the expression becomes too large", "make the counts in braces smaller"),
        _ => ("the expression cannot be compiled", "the syntax is RE2's: no look-around and no back-references"),
    };
    let text = error.to_string();
    let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
    notes.error(code::BAD_REGEX, &node.span, title).label(reason.to_owned()).help(help);
}

type Reason = (&'static str, &'static str);

/// What RE2 refuses or reads in another way, although the check beside it does not; and the way out.
fn foreign(text: &str) -> Option<Reason> {
    const CLASS: Reason = ("a class within a class, or `&&`, `--`, `~~` in one", "write the class out, and escape a `[` in it");
    let bytes = text.as_bytes();
    let (mut at, mut class) = (0, None);
    while at < bytes.len() {
        let rest = &text.as_bytes()[at..];
        match (rest, class) {
            ([b'\\', ..], _) => {
                if let Some(reason) = escape(&rest[1..]) {
                    return Some(reason);
                }
                at += 1;
            }
            ([b'[', b':', ..], Some(_)) => {}
            ([b'[', ..], Some(_)) | ([b'&', b'&', ..] | [b'-', b'-', ..] | [b'~', b'~', ..], Some(_)) => return Some(CLASS),
            ([b']', ..], Some(from)) if at > from => class = None,
            ([b'[', ..], None) => class = Some(at + if rest.get(1) == Some(&b'^') { 2 } else { 1 }),
            ([b'(', b'?', group @ ..], None) => {
                if let Some(reason) = group_flags(group) {
                    return Some(reason);
                }
            }
            ([b'{', count @ ..], None) if repeats_too_often(count) => {
                return Some(("more than 1000 repetitions", "make the counts in braces smaller"));
            }
            _ => {}
        }
        at += 1;
    }
    None
}

fn escape(rest: &[u8]) -> Option<Reason> {
    match rest {
        [b'b', b'{', ..] | [b'<' | b'>', ..] => Some(("that word boundary", "write `\\b`")),
        [b'u' | b'U', ..] => Some(("`\\u`", "write `\\x{…}`")),
        [b'p' | b'P', b'{', name @ ..] if name.iter().take_while(|b| **b != b'}').any(|b| b"=:!".contains(b)) => {
            Some(("a property with a value", "name the script or category alone: `\\p{Greek}`"))
        }
        _ => None,
    }
}

fn group_flags(group: &[u8]) -> Option<Reason> {
    if let [b'<', next, ..] = group {
        let look_behind = matches!(next, b'=' | b'!');
        return (!look_behind).then_some(("`(?<name>`, unless it is new", "leave the name out, nothing refers to it"));
    }
    let flags = group.iter().take_while(|b| b.is_ascii_alphabetic() || **b == b'-');
    let foreign = flags.clone().any(|b| b"xuR".contains(b));
    let named = group.first() == Some(&b'P');
    (foreign && !named).then_some(("the flags `x`, `u` and `R`", "RE2 has `i`, `m`, `s` and `U`"))
}

fn repeats_too_often(count: &[u8]) -> bool {
    let inside: Vec<u8> = count.iter().copied().take_while(|b| *b != b'}').collect();
    let numbers = inside.split(|b| *b == b',').filter_map(|part| std::str::from_utf8(part).ok()?.parse::<u32>().ok());
    inside.len() < count.len() && numbers.into_iter().any(|number| number > MAX_REPEAT)
}

#[cfg(test)]
mod tests {
    use super::{foreign, never_begins_with_slash};

    #[test]
    fn what_no_path_begins_with_is_known() {
        for (pattern, want) in [("foo", true), ("^cart/.*", true), ("a|b", true), ("a|/b", false), (".*foo", false), ("", false)] {
            assert_eq!(never_begins_with_slash(pattern), want, "{pattern}");
        }
    }

    #[test]
    fn what_re2_reads_alike_passes() {
        for text in [
            "^v[0-9]+$",
            "a|b",
            "(?:x)",
            "(?i)abc",
            "[^]a]",
            "[]a]",
            "[[:alpha:]]",
            r"\[a\]",
            r"[\[\]]",
            "(?P<n>a)",
            r"\p{Greek}",
            r"\d{1,1000}",
            "[a-z&]",
            r"\x{41}",
            "(?=a)",
        ] {
            assert_eq!(foreign(text), None, "{text}");
        }
    }

    #[test]
    fn what_it_does_not_is_named() {
        for text in [
            "[a[b]]",
            "[a&&b]",
            "[a--b]",
            "[a~~b]",
            "(?x) a",
            "(?-u)a",
            "(?<n>a)",
            r"\bx\b{start}",
            r"\<a",
            r"a{1001}",
            r"a{2,5000}",
            r"\u{41}",
            r"\p{sc=Greek}",
        ] {
            assert!(foreign(text).is_some(), "{text}");
        }
    }
}
