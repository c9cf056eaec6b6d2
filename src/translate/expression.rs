//! Users' regular expressions, held against what Envoy's engine, RE2, takes.

use std::sync::LazyLock;

use regex::Regex;

use crate::model::{MAX_PROGRAM_STEPS, program_steps};

static FLAGS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\(\?[a-zA-Z-]*[xuR][a-zA-Z-]*[:)]").expect("an expression"));

/// Why Envoy would refuse an expression. There is no RE2 here; the engine there is differs in little, and what it has beyond RE2 is
/// looked for.
pub(super) fn fault(pattern: &str) -> Option<String> {
    if let Err(error) = Regex::new(pattern) {
        let text = error.to_string();
        return Some(text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned());
    }
    if let Some(flags) = FLAGS.find(pattern) {
        return Some(format!("`{}` has a flag that Envoy does not know", flags.as_str()));
    }
    let steps = program_steps(pattern).filter(|steps| *steps > MAX_PROGRAM_STEPS)?;
    Some(format!(
        "it makes a program of {steps} steps, and Envoy takes {} at most; a letter is one, any character eight",
        MAX_PROGRAM_STEPS
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_envoy_refuses_is_found() {
        for good in ["a", r"\d{3}", "a{96}", "a{2,}", "(?i)a", "(?:a|b)", r"\{2000\}", "(?P<x>y)"] {
            assert_eq!(fault(good), None, "{good}");
        }
        for (bad, why) in [
            ("a((", "unclosed group"),
            ("a{97}", "it makes a program of 101 steps, and Envoy takes 100 at most; a letter is one, any character eight"),
            ("(?x) a", "`(?x)` has a flag that Envoy does not know"),
            ("(?=a)", "look-around, including look-ahead and look-behind, is not supported"),
        ] {
            assert_eq!(fault(bad).as_deref(), Some(why), "{bad}");
        }
    }
}
