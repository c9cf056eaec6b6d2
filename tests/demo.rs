//! The demo, from one end to the other on a real Envoy, and cut short.

use std::future::pending;
use std::io::{self, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tidegate::demo::{Lines, Options, run};
use tokio_util::sync::CancellationToken;

/// What a demo has written, and a sign when it has written something in particular.
#[derive(Debug, Clone, Default)]
struct Output {
    text: Arc<Mutex<Vec<u8>>>,
    awaited: &'static str,
    seen: CancellationToken,
}

impl Output {
    fn text(&self) -> String {
        String::from_utf8(self.text.lock().unwrap().clone()).unwrap()
    }

    /// The scratch folder and the port of the Envoy, as told.
    fn places(&self) -> (PathBuf, String) {
        let text = self.text();
        let word_after = |before: &str| {
            let rest = &text[text.find(before).expect(before) + before.len()..];
            rest.split([' ', ',', ':', '\n']).next().unwrap().to_owned()
        };
        let listener = text.split("takes requests on ").nth(1).unwrap().split(',').next().unwrap().to_owned();
        (PathBuf::from(word_after("control plane serves ")), listener)
    }

    fn is_gone(&self) {
        let (file, listener) = self.places();
        let scratch = file.parent().and_then(|releases| releases.parent()).unwrap();
        assert!(scratch.file_name().unwrap().to_str().unwrap().starts_with("tidegate-demo-"), "{scratch:?}");
        assert!(!scratch.exists(), "{scratch:?} is still there");
        assert!(TcpStream::connect(&listener).is_err(), "{listener} is still open");
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.lock().unwrap().extend_from_slice(bytes);
        if !self.awaited.is_empty() && self.text().contains(self.awaited) {
            self.seen.cancel();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn quick() -> Options {
    Options { linger: Duration::from_millis(300), hold: Duration::from_millis(600), ..Options::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_story_loses_nothing() {
    let output = Output::default();
    let summary =
        run(quick(), &mut Lines::new(output.clone()), pending()).await.unwrap_or_else(|e| panic!("{e}\n{}", output.text()));
    println!("{}{summary}", output.text());
    assert_eq!(summary.failed, 0, "{:?}", summary.failures);
    assert!(summary.requests > 200, "{summary}");
    assert_eq!(summary.versions.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["v41", "v42", "v43", "v44"]);
    for line in [
        "canary: {steps: [5% for 600ms, 25% for 600ms, 50% for 600ms]}",
        "step 3 of 4: 50% for 600ms; the Envoy has it",
        "v42 has everything",
        "the Envoy was sent nothing for it",
        "v43 is at step 2 of 3, with 25%, and waits for an approval",
        "ann says `tidegate abort checkout --reason \"v43 is slow\"`",
        "the last answer of v43 came ",
        "preview: {header: {x-canary: \"always\"}}",
        "and v44 gets 100.0 % of ",
        "ann says `tidegate approve checkout",
        "ann says `tidegate undo checkout",
    ] {
        assert!(output.text().contains(line), "{line}\n{}", output.text());
    }
    output.is_gone();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_cut_short_leaves_nothing() {
    let output = Output { awaited: "saved:", ..Output::default() };
    let seen = output.seen.clone();
    let summary = run(quick(), &mut Lines::new(output.clone()), seen.cancelled()).await.unwrap();
    assert_eq!(summary.failed, 0);
    output.is_gone();
}

#[tokio::test(flavor = "multi_thread")]
async fn with_keep_it_stays_until_told_to_stop() {
    let output = Output { awaited: "or see what is served", ..Output::default() };
    let seen = output.seen.clone();
    let options = Options { keep: true, linger: Duration::ZERO, ..Options::default() };
    run(options, &mut Lines::new(output.clone()), seen.cancelled()).await.unwrap();
    assert!(output.text().contains("curl -i -H 'host: checkout.example.com'"));
    output.is_gone();
}
