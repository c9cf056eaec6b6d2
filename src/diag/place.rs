//! Byte offsets as people count: lines and columns.

/// The mark that some editors put before the text; it is no column.
pub(super) const BOM: char = '\u{feff}';

/// The nearest character boundary at or before `at`.
pub(super) fn boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Line and column of a byte offset, both counted from 1, columns in characters.
pub(super) fn line_column(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..boundary(text, at)];
    let before = before.strip_prefix(BOM).unwrap_or(before);
    let line_start = before.rfind('\n').map_or(0, |i| i + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::line_column;

    #[test]
    fn columns_are_characters_and_a_mark_is_none() {
        assert_eq!(line_column("a: ü\nb: c", 0), (1, 1));
        assert_eq!(line_column("a: üx\nb: c", 5), (1, 5));
        assert_eq!(line_column("a: ü\r\nb: c", 10), (2, 4));
        assert_eq!(line_column("\u{feff}a: b", 6), (1, 4));
        assert_eq!(line_column("\u{feff}a: b", 0), (1, 1));
        assert_eq!(line_column("ab", 99), (1, 3));
        assert_eq!(line_column("", 0), (1, 1));
    }
}
