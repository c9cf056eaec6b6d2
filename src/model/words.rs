//! Words for people: quoting what they wrote, guessing what they meant.

/// Text from a file between backquotes, like [`shown`].
pub(crate) fn quoted(text: &str) -> String {
    format!("`{}`", shown(text))
}

/// Text from a file, shortened, with nothing in it that a terminal would obey.
pub(crate) fn shown(text: &str) -> String {
    const LONGEST: usize = 60;
    let shown: String = text.chars().take(LONGEST).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    let dots = if text.chars().nth(LONGEST).is_some() { "…" } else { "" };
    format!("{shown}{dots}")
}

/// The word nearest to what was written, if it is near enough to be meant.
pub(crate) fn nearest<'a>(written: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let written = written.to_lowercase();
    if written.chars().count() > 64 {
        return None;
    }
    let reach = written.chars().count().div_ceil(3);
    let distance = |word: &str| strsim::damerau_levenshtein(&written, &word.to_lowercase());
    let near = words.into_iter().map(|word| (distance(word), word)).min_by_key(|(distance, _)| *distance);
    near.filter(|(distance, word)| *distance <= reach && *distance < word.chars().count()).map(|(_, word)| word)
}

/// "did you mean", or else the words that there are.
pub(crate) fn suggestion(written: &str, words: &[&str], kind: &str) -> Option<String> {
    match nearest(written, words.iter().copied()) {
        Some(word) => Some(format!("did you mean `{word}`?")),
        None if words.is_empty() => None,
        None => Some(format!("{kind}: {}", listed(words))),
    }
}

/// Words between backquotes, with commas; a long list is cut.
pub(crate) fn listed(words: &[&str]) -> String {
    const MOST: usize = 24;
    let mut shown: Vec<String> = words.iter().take(MOST).map(|word| quoted(word)).collect();
    if words.len() > MOST {
        shown.push(format!("and {} more", words.len() - MOST));
    }
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guesses_only_what_is_near() {
        let words = ["service", "hosts", "stable", "split"];
        assert_eq!(nearest("stabel", words), Some("stable"));
        assert_eq!(nearest("host", words), Some("hosts"));
        assert_eq!(nearest("Split", words), Some("split"));
        assert_eq!(nearest("canary", words), None);
        assert_eq!(nearest("x", ["y"]), None);
        assert_eq!(nearest(&"x".repeat(100_000), words), None);
    }

    #[test]
    fn quotes_nothing_that_a_terminal_obeys() {
        assert_eq!(quoted("a\u{1b}[31mb"), "`a\u{fffd}[31mb`");
        assert_eq!(quoted(&"x".repeat(61)), format!("`{}…`", "x".repeat(60)));
    }
}
