//! Envoy's own validation rules, read from the options of its messages' fields (`validate.rules`) and held against a message before it
//! is sent. What breaks one of them Envoy refuses, and with it the whole response that carried it.

mod check;
mod rules;
mod walk;

use prost_reflect::{DynamicMessage, MessageDescriptor};

/// A broken rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken {
    /// Path of the field, `filter_chains[0].filters[0].typed_config.stat_prefix`; empty for the message itself.
    pub field: String,
    /// The rule, in words.
    pub reason: String,
}

/// Every rule that an encoded message breaks, inside of `Any` too.
pub(super) fn broken(message: MessageDescriptor, bytes: &[u8]) -> Vec<Broken> {
    match DynamicMessage::decode(message, bytes) {
        Ok(message) => walk::message(&message),
        Err(error) => vec![Broken { field: String::new(), reason: error.to_string() }],
    }
}

#[cfg(test)]
mod tests;
