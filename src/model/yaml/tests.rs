//! Places and texts come out of the parser as they stand in the file.

use std::sync::Arc;

use super::*;
use crate::diag::{Problem, SourceFile};
use crate::model::notes::Notes;

fn read(text: &str) -> (Option<Node>, Vec<Problem>) {
    let file = Arc::new(SourceFile { path: "a.yaml".into(), text: text.into() });
    let mut notes = Notes::new(&file);
    let node = parse(&mut notes);
    (node, notes.finish())
}

fn good(text: &str) -> Node {
    let (node, problems) = read(text);
    assert_eq!(problems, [], "{text:?}");
    node.expect("a tree")
}

fn codes(text: &str) -> Vec<&'static str> {
    read(text).1.iter().map(|problem| problem.code).collect()
}

/// Every scalar of the tree with the text at its place.
fn scalars<'a>(node: &'a Node, text: &'a str, found: &mut Vec<(&'a str, &'a str)>) {
    match &node.value {
        Value::Scalar(scalar) => found.push((&scalar.text, &text[node.span.clone()])),
        Value::List(items) => items.iter().for_each(|item| scalars(item, text, found)),
        Value::Map(entries) => {
            for entry in entries {
                found.push((&entry.key.text, &text[entry.key.span.clone()]));
                scalars(&entry.value, text, found);
            }
        }
        Value::Broken => {}
    }
}

#[test]
fn every_scalar_stands_where_its_place_says() {
    for text in [
        "a: b\nc: [d, e]\nf:\n  - g\n  - h: i\n",
        "a: b\r\nc: [d, e]\r\nf:\r\n  - g\r\n  - h: i\r\n",
        "\u{feff}a: b\nc: d\n",
        "a: bü\nü: [ö, 日本, x]\n# käse\nc: d\n",
        "{\"a\": 1, \"b\": [1.10, 0x1F, 1e3, NO, 22:30]}",
        "v: 127.0.0.1:80\nw: [127.0.0.1:80, 127.0.0.2:80]\n",
    ] {
        let node = good(text);
        let mut found = Vec::new();
        scalars(&node, text, &mut found);
        assert!(found.len() > 3);
        for (value, written) in found {
            assert_eq!(value, written.trim_matches('"'), "in {text:?}");
        }
    }
}

#[test]
fn tabs_between_values_are_no_indentation() {
    let node = good("[\n\t{\n\t\t\"targets\": [\"127.0.0.1:80\"]\n\t}\n]\n");
    assert!(matches!(node.value, Value::List(items) if items.len() == 1));
}

#[test]
fn an_empty_value_is_where_its_key_is() {
    let text = "a:\n\n\nb: c\nd: []\n";
    let node = good(text);
    let a = node.get("a").expect("a");
    assert!(a.is_nothing());
    assert_eq!(&text[a.span.clone()], "a");
    assert!(!node.get("d").expect("d").is_nothing());
}

#[test]
fn each_trap_has_its_answer() {
    for (text, want) in [
        ("", "T005"),
        ("   \n\n", "T005"),
        ("# only\n# comments\n", "T005"),
        ("---\n", "T005"),
        ("~", ""),
        ("a: b\n---\nc: d\n", "T007"),
        ("a: b\nb: c\na: d\n", "T008"),
        ("a: &x b\nc: *x\n", "T009"),
        ("a: &x {b: c}\nd: {<<: 1}\n", "T009"),
        ("a: !color red\n", "T009"),
        ("a: *.example.com\n", "T001"),
        ("a: [b\n", "T001"),
        ("a:\n\tb: c\n", "T002"),
        ("a: b\0c\n", "T004"),
        ("a: b\u{7f}\n", "T004"),
        ("a: b\u{fffd}\n", "T003"),
        ("[a, b]: c\n", "T013"),
        ("a: !!str 5\n", ""),
        ("a: &unused b\n", ""),
    ] {
        let want: Vec<&str> = if want.is_empty() { vec![] } else { vec![want] };
        assert_eq!(codes(text), want, "{text:?}");
    }
    assert_eq!(codes(&"[".repeat(100)), ["T010"]);
    assert_eq!(codes(&"[".repeat(5000)), ["T001"]);
    assert_eq!(codes(&"a".repeat((1 << 20) + 1)), ["T006"]);
}

#[test]
fn an_alias_bomb_is_refused_at_once() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for i in 1..30 {
        let parts = vec![format!("*a{}", i - 1); 9].join(", ");
        text.push_str(&format!("a{i}: &a{i} [{parts}]\n"));
    }
    let codes = codes(&text);
    assert!(codes.len() <= 201 && codes.iter().all(|code| matches!(*code, "T009" | "T089")), "{codes:?}");
}

#[test]
fn words_that_others_take_for_booleans_are_known() {
    for word in ["yes", "No", "ON", "off", "true", "FALSE", "null", "~"] {
        assert!(Scalar { text: word.into(), plain: true }.is_word(), "{word}");
        assert!(!Scalar { text: word.into(), plain: false }.is_word(), "{word}");
    }
    for word in ["y", "nO", "1", "yesterday", ""] {
        assert!(!Scalar { text: word.into(), plain: true }.is_word(), "{word}");
    }
}
