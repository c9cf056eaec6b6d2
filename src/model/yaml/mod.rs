//! YAML text as a tree of nodes that know where they stand.
//!
//! The one place that knows the YAML parser. It keeps what a reader of release files needs and a typed deserialiser loses: the text
//! of a scalar as it was written (`1.10`, `0x1F`, `NO`), whether it was quoted, and the byte range of every key and value; so all
//! problems of a file come in one run and each is shown at its place. JSON is read by it as well, being YAML.

mod parse;
mod syntax;
mod text;
mod tree;

pub(crate) use parse::{missing_space, parse};
pub(crate) use tree::{Entry, Node, Scalar, Span, Value};

#[cfg(test)]
mod tests;
