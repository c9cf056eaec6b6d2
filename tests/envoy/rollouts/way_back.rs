//! How long the candidate goes on serving after a person has called it off.

use std::time::{Duration, Instant};

use tidegate::rollout::Verb;

use crate::proxy::{Pressure, Proxy};
use crate::releases::{FILE, Two};
use crate::rollouts::RATE;
use crate::rollouts::checkout::{order, until_phase, until_settled_at};
use crate::rollouts::is_long;
use crate::run::{Setup, bounded};
use crate::server::Server;

/// The candidate serves no more when so long nothing has come of it.
const SILENCE: Duration = Duration::from_millis(300);
const LOOK: Duration = Duration::from_millis(1);

/// Times that each is measured.
fn times() -> usize {
    if is_long() { 20 } else { 4 }
}

#[test]
fn the_candidate_is_gone_a_moment_after_somebody_says_so() {
    bounded(async {
        let two = Two::start().await;
        let server = Server::start(&[(FILE, two.file("candidate: v2\ncanary: {steps: [50% for 1h]}"))]).await;
        let proxy = Proxy::start(Setup::USUAL, &server).await;
        let load = proxy.load_of(RATE).await;
        let (mut aborts, mut undos) = (Vec::new(), Vec::new());
        for _ in 0..times() {
            until_settled_at(&server, 1).await;
            aborts.push(after(&server, &load, Verb::Abort).await);
            order(&server, Verb::Retry).await.expect("a next time");
            until_settled_at(&server, 1).await;
            order(&server, Verb::Promote { full: true }).await.expect("everything");
            until_phase(&server, "done").await;
            undos.push(after(&server, &load, Verb::Undo).await);
            order(&server, Verb::Retry).await.expect("a next time");
        }
        println!("from the order to the candidate's last answer: abort {}; undo {}", told(aborts), told(undos));
        load.lost_none().await;
    });
}

/// From the order to the candidate's last answer.
async fn after(server: &Server, load: &Pressure, verb: Verb) -> Duration {
    let candidate = || load.totals().of("v2");
    let before = candidate();
    while candidate() == before {
        tokio::time::sleep(LOOK).await;
    }
    let said = Instant::now();
    order(server, verb).await.expect("an order");
    let (mut answers, mut last) = (candidate(), Instant::now());
    while last.elapsed() < SILENCE {
        tokio::time::sleep(LOOK).await;
        if candidate() != answers {
            (answers, last) = (candidate(), Instant::now());
        }
    }
    last - said
}

fn told(mut times: Vec<Duration>) -> String {
    times.sort();
    let (median, worst) = (times[times.len() / 2], times[times.len() - 1]);
    format!("{} ms at the median, {} ms at worst, of {}", median.as_millis(), worst.as_millis(), times.len())
}
