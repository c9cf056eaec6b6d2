//! Waiting for the fleet to acknowledge what an order came to.

use std::time::Duration;

use anyhow::{anyhow, bail};
use tokio::time::{Instant, timeout_at};

use super::client::Client;
use super::rollout_text::acknowledged;
use crate::admin::pb;

/// How it ended.
#[derive(Debug)]
pub enum Followed {
    /// Every connected node that gets the service has it.
    Acknowledged(pb::Service),
    /// Not all had it when the time was over; how far it was.
    Late(pb::Service),
}

/// Follows a service until every node has what is served of it, at a revision beyond `behind` if there is one.
///
/// # Errors
/// The server has gone, or serves it no more.
pub async fn follow(
    client: &mut Client,
    service: &str,
    behind: Option<u64>,
    within: Duration,
    mut progress: Progress,
) -> anyhow::Result<Followed> {
    let end = Instant::now() + within;
    let mut stream = client.watch(service).await?;
    let mut last = None;
    loop {
        let Ok(message) = timeout_at(end, stream.message()).await else {
            progress.over();
            return last.map(Followed::Late).ok_or_else(|| anyhow!("the server says nothing; the order is done"));
        };
        let status = message.ok().flatten().and_then(|message| message.status);
        let Some(status) = status else {
            progress.over();
            bail!("the order is done, but the server has gone, so whether the fleet has it is not known");
        };
        let Some(found) = status.services.into_iter().find(|found| found.name == service) else {
            progress.over();
            bail!("the order is done, but the service is served no more");
        };
        progress.show(&acknowledged(&found));
        if has_it(&found, behind) {
            progress.over();
            return Ok(Followed::Acknowledged(found));
        }
        last = Some(found);
    }
}

/// Whether every connected node has it. Of what a node rejects, the server knows whether it matters to a rollout.
fn has_it(service: &pb::Service, behind: Option<u64>) -> bool {
    let sync = service.sync.unwrap_or_default();
    let settled = service.rollout.as_ref().is_some_and(|rollout| rollout.settled.is_some());
    let acked = service.acked_nodes == sync.nodes && (sync.rejecting == 0 || settled);
    acked && behind.is_none_or(|behind| service.revision > behind)
}

/// One line on standard error that says how far it is, where that is a terminal.
#[derive(Debug)]
pub struct Progress {
    shown: bool,
    any: bool,
}

impl Progress {
    pub fn new(shown: bool) -> Progress {
        Progress { shown, any: false }
    }

    fn show(&mut self, text: &str) {
        if self.shown {
            self.any = true;
            eprint!("\r{text}\u{1b}[K");
        }
    }

    /// Takes the line away.
    fn over(&self) {
        if self.any {
            eprint!("\r\u{1b}[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(nodes: u32, acked_nodes: u32, rejecting: u32) -> pb::Service {
        let sync = Some(pb::Sync { nodes, rejecting, ..pb::Sync::default() });
        pb::Service { sync, acked_nodes, revision: 7, ..pb::Service::default() }
    }

    #[test]
    fn it_is_there_when_every_node_has_it_and_none_rejects_it() {
        assert!(has_it(&service(3, 3, 0), None) && has_it(&service(0, 0, 0), None));
        assert!(!has_it(&service(3, 2, 0), None) && !has_it(&service(3, 3, 1), None));
        let settled = Some(pb::Rollout { settled: Some(Default::default()), ..pb::Rollout::default() });
        assert!(has_it(&pb::Service { rollout: settled, ..service(3, 3, 1) }, None), "what is rejected does not matter");
    }

    #[test]
    fn what_comes_of_it_may_be_yet_to_come() {
        assert!(!has_it(&service(3, 3, 0), Some(7)) && has_it(&service(3, 3, 0), Some(6)));
    }
}
