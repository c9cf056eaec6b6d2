//! Whatever the text, there is an answer to it.

use std::sync::Arc;

use proptest::prelude::*;

use super::{read_config, read_release};
use crate::diag::{Problem, SourceFile, render};

const HEAD: &str = "service: checkout\nhosts: [x]\nversions:\n  v1: [127.0.1.11:80]\n  v2: {dns: V2.internal:80}\nstable: v1\n";

fn file(path: &str, text: &str) -> Arc<SourceFile> {
    Arc::new(SourceFile { path: path.into(), text: text.into() })
}

/// Pieces of release files, so that random texts come near to being some.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "service",
        "hosts",
        "versions",
        "stable",
        "split",
        "rules",
        "when",
        "send",
        "canary",
        "steps",
        "candidate: v2",
        "blue_green",
        "rolling",
        "then",
        ": ",
        "\n",
        "\n  ",
        "\n    - ",
        "[",
        "]",
        "{",
        "}",
        ", ",
        "v1",
        "v2",
        "5%",
        "rest",
        "10m",
        "for",
        "until approved",
        "\"",
        "'",
        "*",
        "&a ",
        "!x ",
        "#",
        "|\n",
        "---\n",
        "\t",
        "\r\n",
        "127.0.0.1:80",
        "null",
        "ü",
        "\u{feff}",
        "regex",
        "a((",
        "not",
        "<<",
        "? ",
        "0",
        "-",
        ">",
    ]);
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_text_is_answered(text in prop_oneof![pieces(), ".*".boxed(), pieces().prop_map(|tail| format!("{HEAD}{tail}"))]) {
        let document = read_release(&file("a.yaml", &text), &|path| Some(file(path, &text)));
        let errors = document.problems.iter().any(Problem::is_error);
        prop_assert_eq!(document.value.is_none(), errors);
        render(&document.problems, true);
        for problem in &document.problems {
            let span = &problem.primary.span;
            prop_assert!(problem.primary.file.text.get(span.clone()).is_some(), "{:?} in {:?}", span, text);
        }
        render(&read_config(&file("tidegate.yaml", &text)).problems, false);
    }
}
