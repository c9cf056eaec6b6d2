//! Hooks, wherever one is written.

use super::fields::Fields;
use super::http::url;
use super::scalar::{duration, number};
use crate::model::Hook;
use crate::model::notes::Notes;
use crate::model::yaml::{Node, Value};

/// Reads what stands behind `hook:`: a URL, or a mapping with one and the patience that it is asked with.
pub(super) fn read(notes: &mut Notes, node: &Node) -> Option<Hook> {
    match &node.value {
        Value::Map(_) => long_form(notes, node),
        _ => url(notes, node, "`hook`").map(Hook::new),
    }
}

fn long_form(notes: &mut Notes, node: &Node) -> Option<Hook> {
    let fields = Fields::of(notes, node, "`hook`", &["url", "timeout", "tries"])?;
    let url = fields.need(notes, "url", "https://ci.example.com/smoke").and_then(|node| url(notes, node, "`url`"));
    let timeout = fields.get("timeout").map(|node| duration(notes, node, "`timeout`"));
    let tries = fields.get("tries").map(|node| number(notes, node, "`tries`", 1..=100));
    Some(Hook { url: url?, timeout: timeout.unwrap_or(Some(Hook::TIMEOUT))?, tries: tries.unwrap_or(Some(Hook::TRIES))? })
}
