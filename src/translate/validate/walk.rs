//! A message held against its rules, with all that is in it.

use std::collections::HashMap;
use std::sync::LazyLock;

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, ReflectMessage, Value};

use super::Broken;
use super::rules::{self, MessageRules, Rules};
use crate::translate::descriptors;

/// The rules of every message that has any, by full name.
static RULES: LazyLock<HashMap<String, MessageRules>> = LazyLock::new(|| {
    let all = descriptors::pool().all_messages().map(|message| (message.full_name().to_owned(), rules::of_message(&message)));
    all.filter(|(_, rules)| !rules.fields.is_empty() || !rules.required_oneofs.is_empty()).collect()
});

/// Every rule that a message breaks.
pub(super) fn message(message: &DynamicMessage) -> Vec<Broken> {
    let mut walk = Walk { path: Vec::new(), broken: Vec::new() };
    walk.message(message);
    walk.broken
}

struct Walk {
    path: Vec<Step>,
    broken: Vec<Broken>,
}

/// A step on the way to a field. Made into text only where something is broken.
enum Step {
    Named(&'static str),
    Field(FieldDescriptor),
    Item(usize),
}

impl Walk {
    fn message(&mut self, message: &DynamicMessage) {
        let descriptor = message.descriptor();
        if descriptor.full_name() == "google.protobuf.Any" {
            return self.any(message);
        }
        let mut skipped = Vec::new();
        if let Some(rules) = RULES.get(descriptor.full_name()) {
            for (field, rules) in &rules.fields {
                self.at(Step::Named(field.name()), |walk| walk.ruled(message, field, rules));
                if rules.skip {
                    skipped.push(field.number());
                }
            }
            for required in &rules.required_oneofs {
                let oneof = descriptor.oneofs().find(|oneof| oneof.name() == required);
                if oneof.is_some_and(|oneof| !oneof.fields().any(|field| message.has_field(&field))) {
                    self.at(Step::Named(required), |walk| walk.report("one of its fields must be set".to_owned()));
                }
            }
        }
        for (field, value) in message.fields().filter(|(field, _)| !skipped.contains(&field.number())) {
            self.at(Step::Field(field), |walk| walk.inside(value));
        }
    }

    /// The messages in a value.
    fn inside(&mut self, value: &Value) {
        match value {
            Value::Message(message) => self.message(message),
            Value::List(list) => list.iter().enumerate().for_each(|(i, item)| self.item(i, |walk| walk.inside(item))),
            Value::Map(map) => map.values().for_each(|value| self.inside(value)),
            _ => {}
        }
    }

    /// The message inside of an `Any`, if its type is known.
    fn any(&mut self, any: &DynamicMessage) {
        let part = |name| any.get_field_by_name(name);
        let (Some(type_url), Some(value)) = (part("type_url"), part("value")) else { return };
        let descriptor = type_url.as_str().and_then(descriptors::message_of);
        let (Some(descriptor), Some(bytes)) = (descriptor, value.as_bytes()) else { return };
        match DynamicMessage::decode(descriptor, bytes.clone()) {
            Ok(message) => self.message(&message),
            Err(error) => self.report(error.to_string()),
        }
    }

    /// A field with rules. One of a oneof has them only when it is the one that is set; one that can tell absent from empty is exempt
    /// when absent, unless it is required.
    fn ruled(&mut self, message: &DynamicMessage, field: &FieldDescriptor, rules: &Rules) {
        if !field.supports_presence() || message.has_field(field) {
            return self.value(&message.get_field(field), &field.kind(), rules);
        }
        if rules.required && field.containing_oneof().is_none() {
            self.report("is required".to_owned());
        }
    }

    fn value(&mut self, value: &Value, kind: &Kind, rules: &Rules) {
        let wrapped = wrapped(value);
        let value = wrapped.as_ref().unwrap_or(value);
        if rules.ignore_empty && value.is_default(kind) {
            return;
        }
        for reason in rules.checks.iter().filter_map(|check| check.refuses(value, kind)) {
            self.report(reason);
        }
        if let (Some(items), Value::List(list)) = (&rules.items, value) {
            list.iter().enumerate().for_each(|(i, item)| self.item(i, |walk| walk.value(item, kind, items)));
        }
        if let (Some(keys), Value::Map(map)) = (&rules.keys, value) {
            map.keys().for_each(|key| self.value(&Value::from(key.clone()), &Kind::String, keys));
        }
    }

    fn report(&mut self, reason: String) {
        self.broken.push(Broken { field: text(&self.path), reason });
    }

    fn at(&mut self, step: Step, look: impl FnOnce(&mut Walk)) {
        self.path.push(step);
        look(self);
        self.path.pop();
    }

    fn item(&mut self, index: usize, look: impl FnOnce(&mut Walk)) {
        self.at(Step::Item(index), look);
    }
}

fn text(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        let name = match step {
            Step::Item(index) => {
                text.push_str(&format!("[{index}]"));
                continue;
            }
            Step::Named(name) => name,
            Step::Field(field) => field.name(),
        };
        let dot = if text.is_empty() { "" } else { "." };
        text.extend([dot, name]);
    }
    text
}

/// The value inside of a wrapper such as `UInt32Value`, for which rules are written as for the plain type.
fn wrapped(value: &Value) -> Option<Value> {
    let message = value.as_message()?;
    let descriptor = message.descriptor();
    let name = descriptor.full_name().strip_prefix("google.protobuf.")?;
    name.ends_with("Value").then(|| message.get_field_by_name("value").map(|value| value.into_owned())).flatten()
}
