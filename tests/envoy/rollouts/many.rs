//! What many rollouts at once cost.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tidegate::store::Store;

use crate::releases::{of_service, release};
use crate::restart::Process;
use crate::run::bounded_by;

const ROLLOUTS: u32 = 2000;
/// The time of a step.
const STEP: Duration = Duration::from_secs(60);
/// Until all have begun and nothing is left of that, and how long it is measured.
const WARM: Duration = Duration::from_secs(15);
const MEASURED: Duration = Duration::from_secs(75);
/// Ticks of a processor's time in a second, as Linux tells them to programs.
const TICKS: f64 = 100.0;

/// Each takes a step a minute, and they are spread over it. Measures: run it alone, and in a release build, as
/// `cargo test --release --test envoy many_rollouts -- --ignored --nocapture`.
#[test]
#[ignore = "takes two minutes, and measures a machine that does nothing else"]
fn many_rollouts_cost_little_and_are_in_time() {
    bounded_by(Duration::from_secs(240), async {
        let alone = release(&[("v1", "[127.1.0.1:1]")], "v1", "");
        let mut server = Process::start(&alone, &["--advance-without-nodes", "--log", "warn"]).await;
        for number in 0..ROLLOUTS {
            std::fs::write(server.dir().join(format!("s{number}.yaml")), file(number)).expect("written");
        }
        tokio::time::sleep(WARM).await;
        let before = processor_seconds(server.id());
        tokio::time::sleep(MEASURED).await;
        let used = (processor_seconds(server.id()) - before) / MEASURED.as_secs_f64();
        server.kill().await;
        let late = lateness(&server);
        let (steps, worst) = (late.len(), late.last().expect("steps"));
        println!(
            "{ROLLOUTS} rollouts: {:.2} % of a core; of {steps} steps the latest came {worst:.3} behind its time, the median {:.3}",
            used * 100.0,
            late[steps / 2]
        );
        assert!(steps >= ROLLOUTS as usize / 3, "of those that began first, each has taken one");
        assert!(*worst < SignedDuration::from_secs(1), "{worst}");
        assert!(used < 0.05, "{used}");
    });
}

/// The first step of each is as long as to spread those after it over a minute.
fn file(number: u32) -> String {
    let address = |version: u32| format!("[127.{version}.{}.{}:8080]", number / 250, number % 250);
    let first = STEP.as_millis() / u128::from(ROLLOUTS) * u128::from(number) + 1;
    let canary = format!("candidate: v2\ncanary: {{steps: [1% for {first}ms, 2% for 1m, 3% for 1m, 4% for 1m, 5% for 1m]}}");
    of_service(&format!("s{number}"), &[("v1", &address(1)), ("v2", &address(2))], "v1", &canary)
}

/// What a process has used of processors, in seconds.
fn processor_seconds(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("its times");
    let behind_name = stat.rsplit_once(')').expect("a name").1;
    let number = |nth: usize| behind_name.split_whitespace().nth(nth).and_then(|text| text.parse::<f64>().ok()).expect("a number");
    (number(11) + number(12)) / TICKS
}

/// How long each step of a minute outlasted it, least first.
fn lateness(server: &Process) -> Vec<SignedDuration> {
    let store = Store::open(&server.state()).expect("a journal");
    let mut steps: BTreeMap<String, Vec<Timestamp>> = BTreeMap::new();
    for entry in store.history(None, None, usize::MAX).expect("a history").into_iter().rev() {
        let event: Value = serde_json::from_str(&entry.text).expect("JSON");
        if event["what"] == "step" {
            let at = event["at"].as_str().expect("a time").parse().expect("a time");
            steps.entry(entry.service).or_default().push(at);
        }
    }
    let hold = SignedDuration::try_from(STEP).expect("a minute");
    let minutes = steps.values().flat_map(|steps| steps.windows(2).skip(1));
    let mut late: Vec<SignedDuration> = minutes.map(|step| step[1].duration_since(step[0]) - hold).collect();
    // Of the first step, the time between the first two is that of the file.
    late.sort();
    late
}
