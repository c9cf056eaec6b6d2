//! From text to the tree.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, StrInput, Tag};

use super::text::Offsets;
use super::tree::{Entry, Key, Node, Scalar, Span, Value};
use super::{syntax, text};
use crate::model::code;
use crate::model::notes::Notes;
use crate::model::words::quoted;

/// Nesting beyond this is refused. The format itself needs seven levels, and nine within `any`.
const MAX_DEPTH: usize = 32;

/// Reads the file's text; `None` when there is no tree to go on with, which is then noted.
pub(crate) fn parse(notes: &mut Notes) -> Option<Node> {
    let file = notes.text().to_owned();
    let (skipped, text) = text::check(notes, &file)?;
    let mut builder = Builder {
        parser: Parser::new_from_str(text),
        offsets: Offsets::new(text, skipped),
        source: &file,
        notes,
        depth: 0,
        end: 0,
    };
    match builder.document() {
        Ok(node) => node,
        Err(Stop::Noted) => None,
        Err(Stop::Syntax(error)) => {
            let at = builder.offsets.byte(error.marker().index());
            syntax::note(builder.notes, &file, at, error.info());
            None
        }
    }
}

/// How a key is meant whose value stands in it, for want of a space: `v1:90%`.
fn cramped_key(key: &Node, value: &Node) -> Option<String> {
    let written = key.scalar().filter(|scalar| scalar.plain && value.is_nothing())?;
    missing_space(&written.text)
}

/// The text `v1:90%` as `v1: 90%`; `None` if it is not of that kind, or an address.
pub(crate) fn missing_space(text: &str) -> Option<String> {
    let word = text.split_whitespace().next()?;
    let (key, value) = word.split_once(':')?;
    let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let meant = !key.is_empty() && key.chars().all(name) && !value.is_empty() && !value.starts_with([':', '/']);
    (meant && word.parse::<std::net::SocketAddr>().is_err() && word.len() <= 60).then(|| format!("{key}: {value}"))
}

/// Why reading stopped early.
enum Stop {
    /// What was wrong has been noted.
    Noted,
    /// The parser gave up.
    Syntax(ScanError),
}

impl From<ScanError> for Stop {
    fn from(error: ScanError) -> Stop {
        Stop::Syntax(error)
    }
}

struct Builder<'a> {
    parser: Parser<'a, StrInput<'a>>,
    offsets: Offsets,
    source: &'a str,
    notes: &'a mut Notes,
    depth: usize,
    /// Where the newest node ended.
    end: usize,
}

impl<'a> Builder<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), Stop> {
        match self.parser.next_event() {
            Some(event) => {
                let (event, span) = event?;
                Ok((event, self.offsets.byte(span.start.index())..self.offsets.byte(span.end.index())))
            }
            None => Ok((Event::StreamEnd, self.source.len()..self.source.len())),
        }
    }

    /// The one document there may be.
    fn document(&mut self) -> Result<Option<Node>, Stop> {
        let mut found = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::DocumentStart(_) if found.is_some() => return Err(self.second_document(&span)),
                Event::DocumentStart(_) | Event::DocumentEnd | Event::StreamStart | Event::Nothing => {}
                event => found = Some(self.node(event, span, None)?),
            }
        }
        match found.filter(|node| !node.is_nothing()) {
            Some(node) => Ok(Some(node)),
            None => {
                text::nothing_in_it(self.notes);
                Ok(None)
            }
        }
    }

    fn second_document(&mut self, span: &Span) -> Stop {
        self.notes
            .error(code::SECOND_DOCUMENT, span, "a second document in one file")
            .label("`---` begins another one")
            .help("one file is one service: put the second document into a file of its own");
        Stop::Noted
    }

    fn node(&mut self, event: Event<'a>, span: Span, key: Option<&Span>) -> Result<Node, Stop> {
        let start = span.start;
        let value = match event {
            Event::Scalar(text, style, _, tag) => {
                self.end = span.end;
                self.scalar(text.into_owned(), style, tag.as_deref(), &span)
            }
            Event::SequenceStart(_, tag) => self.deeper(&span, tag.as_deref(), Self::list)?,
            Event::MappingStart(_, tag) => self.deeper(&span, tag.as_deref(), Self::map)?,
            Event::Alias(_) => {
                self.end = span.end;
                self.alias(&span)
            }
            _ => Value::Broken,
        };
        let span = if matches!(value, Value::List(_) | Value::Map(_)) { start..self.end.max(start) } else { span };
        Ok(Node { anchor: key.cloned().unwrap_or_else(|| span.clone()), span, value })
    }

    fn scalar(&mut self, text: String, style: ScalarStyle, tag: Option<&Tag>, span: &Span) -> Value {
        let text_tag = tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
        if !text_tag && self.refuses(tag, span) {
            return Value::Broken;
        }
        Value::Scalar(Scalar { text, plain: style == ScalarStyle::Plain && !text_tag })
    }

    fn deeper(&mut self, span: &Span, tag: Option<&Tag>, read: fn(&mut Self) -> Result<Value, Stop>) -> Result<Value, Stop> {
        if self.depth == MAX_DEPTH {
            self.notes
                .error(code::TOO_DEEP, span, format!("nested more than {MAX_DEPTH} levels deep"))
                .help("no release needs that; look for a bracket that is not closed");
            return Err(Stop::Noted);
        }
        self.depth += 1;
        let value = read(self)?;
        self.depth -= 1;
        Ok(if self.refuses(tag, span) { Value::Broken } else { value })
    }

    fn list(&mut self) -> Result<Value, Stop> {
        let mut items = Vec::new();
        loop {
            let (event, mut span) = self.next()?;
            match event {
                Event::SequenceEnd => {
                    self.end = self.end.max(span.end);
                    return Ok(Value::List(items));
                }
                event => {
                    self.settle(&event, &mut span, None);
                    items.push(self.node(event, span, None)?);
                }
            }
        }
    }

    fn map(&mut self) -> Result<Value, Stop> {
        let mut cramped: Option<(String, Vec<Span>)> = None;
        let mut entries: Vec<Entry> = Vec::new();
        let mut seen: HashMap<String, usize> = HashMap::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                self.end = self.end.max(span.end);
                return Ok(self.spaced(entries, cramped));
            }
            let key = self.node(event, span, None)?;
            let (event, mut span) = self.next()?;
            self.settle(&event, &mut span, Some(&key.span));
            let value = self.node(event, span, Some(&key.span))?;
            if let Some(example) = cramped_key(&key, &value) {
                cramped.get_or_insert_with(|| (example, Vec::new())).1.push(key.span);
                continue;
            }
            let Some(key) = self.key(key) else { continue };
            match seen.get(&key.text) {
                Some(first) => self.duplicate(&key, &entries[*first].key),
                None => {
                    seen.insert(key.text.clone(), entries.len());
                    entries.push(Entry { key, value });
                }
            }
        }
    }

    /// The mapping, unless keys in it lack the space behind their colon: these are noted once, and nothing is said of the rest.
    fn spaced(&mut self, entries: Vec<Entry>, cramped: Option<(String, Vec<Span>)>) -> Value {
        let Some((example, places)) = cramped else { return Value::Map(entries) };
        let mut note =
            self.notes.error(code::SYNTAX, &places[0], "a space is missing after `:`").help(format!("write `{example}`"));
        for place in &places[1..] {
            note = note.also(place, "and here");
        }
        Value::Broken
    }

    /// The parser puts an empty value where the next thing begins, which may be lines further down: put it where it is missing.
    fn settle(&self, event: &Event<'_>, span: &mut Span, key: Option<&Span>) {
        if matches!(event, Event::Scalar(text, ScalarStyle::Plain, ..) if text.is_empty()) {
            *span = key.cloned().unwrap_or_else(|| self.dash());
        }
    }

    /// The dash of a list's item behind what was read last, or at least that end.
    fn dash(&self) -> Span {
        let rest = self.source.get(self.end..).unwrap_or_default();
        let at = self.end + rest.find(|c: char| c != ':' && !c.is_whitespace()).unwrap_or(0);
        if self.source[at..].starts_with('-') { at..at + 1 } else { self.end..self.end }
    }

    fn key(&mut self, node: Node) -> Option<Key> {
        match node.value {
            Value::Scalar(scalar) if scalar.plain && scalar.text == "<<" => {
                self.notes
                    .error(code::ALIAS, &node.span, "merge keys are not read")
                    .help("write the merged keys out: a release file is read without looking elsewhere");
                None
            }
            Value::Scalar(scalar) => Some(Key { text: scalar.text, span: node.span }),
            Value::Broken => None,
            _ => {
                let address = self.source.get(node.span.clone()).is_some_and(|written| written.contains("::"));
                self.notes.error(code::WRONG_KIND, &node.span, format!("{} cannot be a key", node.kind())).help(if address {
                    "an IPv6 address needs quotes: \"[::1]:8080\""
                } else {
                    "a key is one word; quote it if it holds `[` or `{`"
                });
                None
            }
        }
    }

    fn duplicate(&mut self, key: &Key, first: &Key) {
        self.notes
            .error(code::DUPLICATE_KEY, &key.span, format!("key {} is written twice", quoted(&key.text)))
            .label("again here")
            .also(&first.span, "first here")
            .help("keep one of the two");
    }

    fn alias(&mut self, span: &Span) -> Value {
        self.notes
            .error(code::ALIAS, span, "aliases are not read")
            .help("write the value out; and a text that begins with `*` needs quotes: \"*.example.com\"");
        Value::Broken
    }

    fn refuses(&mut self, tag: Option<&Tag>, span: &Span) -> bool {
        let Some(tag) = tag else { return false };
        let shown = if tag.is_yaml_core_schema() { format!("!!{}", tag.suffix) } else { tag.to_string() };
        self.notes
            .error(code::ALIAS, span, format!("tag {} is not read", quoted(&shown)))
            .help("take the tag out; a text that begins with `!` needs quotes");
        true
    }
}
