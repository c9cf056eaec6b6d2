//! The rules of a field, from its options.

use prost_reflect::{DynamicMessage, ExtensionDescriptor, FieldDescriptor, MessageDescriptor, ReflectMessage, Value};
use regex::Regex;

use super::check::{Check, number};
use crate::translate::descriptors;

/// `KnownRegex.HTTP_HEADER_NAME`, the other being the value's.
const HEADER_NAME: i32 = 1;

/// What holds for a field, or for each element of one.
#[derive(Debug, Clone, Default)]
pub(super) struct Rules {
    /// The field must be set.
    pub required: bool,
    /// The field's message is not looked into.
    pub skip: bool,
    /// The empty value is exempt.
    pub ignore_empty: bool,
    /// What the value must satisfy.
    pub checks: Vec<Check>,
    /// For each element of a list.
    pub items: Option<Box<Rules>>,
    /// For each key of a map.
    pub keys: Option<Box<Rules>>,
    /// Names of rules that are not understood here, and not checked.
    pub unknown: Vec<String>,
}

/// The fields of a message that have rules, and the names of its oneofs of which one field must be set.
#[derive(Debug, Clone, Default)]
pub(super) struct MessageRules {
    pub fields: Vec<(FieldDescriptor, Rules)>,
    pub required_oneofs: Vec<String>,
}

/// Reads the rules of a message.
pub(super) fn of_message(message: &MessageDescriptor) -> MessageRules {
    let extension = |name| descriptors::pool().get_extension_by_name(name);
    let (Some(rules), Some(required)) = (extension("validate.rules"), extension("validate.required")) else {
        return MessageRules::default();
    };
    let fields = message.fields().filter_map(|field| Some((option(&field.options(), &rules).map(|o| of_field(&o))?, field)));
    let oneofs = message.oneofs().filter(|oneof| oneof.options().get_extension(&required).as_bool() == Some(true));
    MessageRules {
        fields: fields.map(|(rules, field)| (field, rules)).collect(),
        required_oneofs: oneofs.map(|oneof| oneof.name().to_owned()).collect(),
    }
}

fn option(options: &DynamicMessage, extension: &ExtensionDescriptor) -> Option<DynamicMessage> {
    options.has_extension(extension).then(|| options.get_extension(extension).as_message().cloned()).flatten()
}

/// Reads `validate.FieldRules`: a message with one message for the field's type, whose fields are the rules.
fn of_field(field_rules: &DynamicMessage) -> Rules {
    let mut rules = Rules::default();
    for (_, typed) in field_rules.fields() {
        let Some(typed) = typed.as_message() else { continue };
        for (rule, value) in typed.fields() {
            rules.add(rule.name(), value, typed);
        }
    }
    rules
}

impl Rules {
    /// Takes in one rule. Numbers, durations and texts name theirs alike, so the field's type need not be known.
    fn add(&mut self, name: &str, value: &Value, all: &DynamicMessage) {
        let nested = || value.as_message().map(|rules| Box::new(of_field(rules)));
        match name {
            "required" => self.required = value.as_bool() == Some(true),
            "skip" => self.skip = value.as_bool() == Some(true),
            "ignore_empty" => self.ignore_empty = value.as_bool() == Some(true),
            "items" => self.items = nested(),
            "keys" => self.keys = nested(),
            // Says how `well_known_regex` is meant.
            "strict" => {}
            name => match check(name, value, all) {
                Some(check) => self.checks.push(check),
                None => self.unknown.push(name.to_owned()),
            },
        }
    }
}

fn check(name: &str, value: &Value, all: &DynamicMessage) -> Option<Check> {
    let text = || value.as_str().map(str::to_owned);
    let list = || value.as_list().map(<[Value]>::to_vec);
    Some(match name {
        "gt" => Check::Greater(number(value)?),
        "gte" => Check::AtLeast(number(value)?),
        "lt" => Check::Less(number(value)?),
        "lte" => Check::AtMost(number(value)?),
        "min_len" => Check::MinLength(value.as_u64()?),
        "max_len" => Check::MaxLength(value.as_u64()?),
        "max_bytes" => Check::MaxBytes(value.as_u64()?),
        "pattern" => Check::Pattern(Regex::new(value.as_str()?).ok()?),
        "prefix" => Check::Prefix(text()?),
        "suffix" => Check::Suffix(text()?),
        "well_known_regex" => {
            let strict = all.get_field_by_name("strict").and_then(|strict| strict.as_bool()) != Some(false);
            Check::Header { strict, name: value.as_enum_number()? == HEADER_NAME }
        }
        // The rules of enumerations name values as plain numbers.
        "in" => Check::In(enumerated(list()?, all)),
        "not_in" => Check::NotIn(enumerated(list()?, all)),
        "const" => Check::Const(value.clone()),
        "defined_only" => Check::Defined,
        "min_items" | "min_pairs" => Check::MinItems(value.as_u64()?),
        "max_items" => Check::MaxItems(value.as_u64()?),
        "unique" => Check::Unique,
        _ => return None,
    })
}

fn enumerated(values: Vec<Value>, rules: &DynamicMessage) -> Vec<Value> {
    if rules.descriptor().full_name() != "validate.EnumRules" {
        return values;
    }
    values.iter().filter_map(Value::as_i32).map(Value::EnumNumber).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_of_every_message_is_understood() {
        let (mut ruled, mut unknown) = (0, Vec::new());
        for message in descriptors::pool().all_messages() {
            for (field, rules) in of_message(&message).fields {
                ruled += 1;
                let nested = [&rules.items, &rules.keys].into_iter().flatten().flat_map(|rules| &rules.unknown);
                unknown.extend(rules.unknown.iter().chain(nested).map(|rule| format!("{}: {rule}", field.full_name())));
            }
        }
        assert!(ruled > 400, "{ruled} fields with rules were found");
        assert_eq!(unknown, Vec::<String>::new());
    }
}
