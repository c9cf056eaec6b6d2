//! What must hold of a text before it is read at all, and the parser's character counts as byte offsets.

use crate::model::code;
use crate::model::notes::Notes;

/// Files above this size, in bytes, are refused.
const MAX_BYTES: usize = 1 << 20;
const BOM: char = '\u{feff}';

/// Checks a file's text. Gives the text to parse and how many bytes of the file lie before it; `None` when it is refused.
pub(super) fn check<'a>(notes: &mut Notes, file: &'a str) -> Option<(usize, &'a str)> {
    if file.len() > MAX_BYTES {
        notes
            .error(code::TOO_LARGE, &(0..0), format!("the file has {} bytes, and more than 1 MiB is not read", file.len()))
            .help("long lists of endpoints belong into a file of their own: `versions: {v1: {file: v1.endpoints.json}}`");
        return None;
    }
    let text = file.strip_prefix(BOM).unwrap_or(file);
    let skipped = file.len() - text.len();
    let (at, found) = text.char_indices().find(|(_, c)| is_refused(*c)).unzip();
    match (at, found) {
        (Some(at), Some(found)) => {
            refuse(notes, skipped + at, found);
            None
        }
        _ => Some((skipped, text)),
    }
}

fn is_refused(c: char) -> bool {
    c == char::REPLACEMENT_CHARACTER || (c.is_control() && !matches!(c, '\t' | '\n' | '\r'))
}

fn refuse(notes: &mut Notes, at: usize, found: char) {
    let span = at..at + found.len_utf8();
    match found {
        char::REPLACEMENT_CHARACTER => {
            notes.error(code::ENCODING, &span, "the file is not UTF-8").help("save it as UTF-8");
        }
        '\0' => {
            notes
                .error(code::CONTROL_CHARACTER, &span, "a zero byte in the file")
                .help("the file was cut short by a crash, or is not a text; write it again");
        }
        other => {
            notes
                .error(code::CONTROL_CHARACTER, &span, format!("a control character in the file, U+{:04X}", u32::from(other)))
                .help("take it out; within double quotes it can be written as an escape");
        }
    }
}

/// Notes that a file says nothing.
pub(super) fn nothing_in_it(notes: &mut Notes) {
    let title = if notes.text().trim().is_empty() { "the file is empty" } else { "the file has nothing in it but comments" };
    notes.error(code::EMPTY_FILE, &(0..0), title).help("write it in full; and what is no longer wanted is deleted, not emptied");
}

/// Byte offsets of characters; text that is all ASCII needs no table.
pub(super) struct Offsets {
    table: Option<Vec<usize>>,
    len: usize,
    skipped: usize,
}

impl Offsets {
    /// Offsets for `text`, which lies `skipped` bytes behind the beginning of the file.
    pub fn new(text: &str, skipped: usize) -> Offsets {
        let table = (!text.is_ascii()).then(|| text.char_indices().map(|(at, _)| at).collect());
        Offsets { table, len: text.len(), skipped }
    }

    /// The byte offset, in the file, of the character with that index.
    pub fn byte(&self, index: usize) -> usize {
        let at = match &self.table {
            Some(table) => table.get(index).copied().unwrap_or(self.len),
            None => index.min(self.len),
        };
        at + self.skipped
    }
}
