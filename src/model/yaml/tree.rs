//! The tree.

use std::ops::Range;

/// A byte range in the file's text.
pub(crate) type Span = Range<usize>;

/// A value and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    /// Where it is written. Of a collection over several lines, all of them.
    pub span: Span,
    /// The key it belongs to, or, for what has no key, the first line of it: where to point at when something is missing in it.
    pub anchor: Span,
    /// What is written.
    pub value: Value,
}

/// What a node holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// Text.
    Scalar(Scalar),
    /// `[a, b]`, or lines with dashes.
    List(Vec<Node>),
    /// `{a: b}`, or lines with keys. Each key once.
    Map(Vec<Entry>),
    /// Something that was complained of already, so that nobody complains again.
    Broken,
}

/// Text as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scalar {
    /// The text, escapes resolved.
    pub text: String,
    /// Without quotes, so that other programs might take it for a number or a boolean.
    pub plain: bool,
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The key.
    pub key: Key,
    /// The value.
    pub value: Node,
}

/// A key and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    /// The key's text.
    pub text: String,
    /// Where it is written.
    pub span: Span,
}

impl Node {
    /// The scalar, if it is one that says something.
    pub fn scalar(&self) -> Option<&Scalar> {
        match &self.value {
            Value::Scalar(scalar) if !scalar.is_nothing() => Some(scalar),
            _ => None,
        }
    }

    /// The entry under a key of a mapping.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|entry| entry.key.text == key),
            _ => None,
        }
    }

    /// The value under a key of a mapping.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// Whether nothing is written here.
    pub fn is_nothing(&self) -> bool {
        matches!(&self.value, Value::Scalar(scalar) if scalar.is_nothing())
    }

    /// What it is, for sentences such as "found a list".
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Scalar(scalar) if scalar.is_nothing() => "nothing",
            Value::Scalar(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
            Value::Broken => "something broken",
        }
    }
}

impl Scalar {
    /// Whether it is empty and not even quoted: a key without a value.
    pub fn is_nothing(&self) -> bool {
        self.plain && self.text.is_empty()
    }

    /// Whether other YAML programs read it as a boolean or as null (YAML 1.1 and 1.2 words alike).
    pub fn is_word(&self) -> bool {
        const WORDS: [&str; 7] = ["yes", "no", "on", "off", "true", "false", "null"];
        let is = |word: &&str| self.text == **word || self.text == word.to_uppercase() || self.text == title_case(word);
        self.plain && (self.text == "~" || WORDS.iter().any(is))
    }
}

fn title_case(word: &str) -> String {
    let mut title = word.to_owned();
    title[..1].make_ascii_uppercase();
    title
}
