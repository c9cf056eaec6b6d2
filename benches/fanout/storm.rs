//! A storm: all clients return at once to a server that was restarted.
//!
//! Each tells what it holds, in delta. While the server was away one service's shares have changed, so there is one resource to send
//! to each; whatever else is sent, the client had already. A client is served when it has its routes.

use std::rc::Rc;
use std::time::Duration;

use anyhow::Context as _;
use tidegate::xds::Variant;

use crate::fleet::{Count, Fleet};
use crate::floor::Reading;
use crate::measure::{micros, millis, settle};
use crate::node::NodeStyle;
use crate::plan::Plan;
use crate::recording::Recording;
use crate::releases::Releases;
use crate::server::Server;

/// What comes down on the server.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Streams
    #[arg(long, default_value_t = 10_000)]
    streams: usize,
    /// Services
    #[arg(long, default_value_t = 100)]
    services: usize,
    /// What clients say of themselves
    #[arg(long, default_value = "slim")]
    node: NodeStyle,
    /// Connections at most that wait for a first word of the server
    #[arg(long, default_value_t = 10_000)]
    at_once: usize,
}

/// How a server stood it.
#[derive(Debug)]
struct Outcome {
    took: Duration,
    cpu: f64,
    peak_mb: f64,
    count: Count,
}

/// Runs the storm against the floor and against tidegate.
///
/// # Errors
/// A server does not serve.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let releases = Rc::new(Releases::write(options.services)?);
    let fresh = || Plan::new(Variant::Delta, options.node, releases.clusters());
    let held = Recording::take_first(&releases, fresh())?.held()?;
    let returning = || fresh().returning(held.clone());
    releases.update(1)?;
    let messages = releases.beside("messages");
    Recording::take_first(&releases, returning())?.save(&messages)?;

    println!("{} streams return at once, {} services, {} nodes", options.streams, options.services, options.node.name());
    let floor = measure(&Server::floor(&messages, Reading::Whole)?, returning(), options).context("the floor")?;
    tell("floor", &floor);
    let tidegate = measure(&Server::tidegate(&releases)?, returning(), options).context("tidegate")?;
    tell("tidegate", &tidegate);
    let resent = tidegate.count.resources as f64 / options.streams as f64 - 1.0;
    println!("ratio of times {:.2}; {resent} resources sent again to each", tidegate.took.as_secs_f64() / floor.took.as_secs_f64());
    Ok(())
}

fn measure(server: &Server, plan: Plan, options: &Options) -> anyhow::Result<Outcome> {
    let mut fleet = Fleet::new(server.xds, plan)?;
    fleet.begin_round();
    let cpu = server.usage().cpu()?;
    let took = fleet.connect_by(options.streams, options.at_once)?;
    settle(&mut fleet, server)?;
    let cpu = micros(server.usage().cpu()?.since(&cpu)) / options.streams as f64;
    Ok(Outcome { took, cpu, peak_mb: server.usage().peak_rss()? as f64 / 1024.0, count: fleet.count() })
}

fn tell(server: &str, outcome: &Outcome) {
    let Outcome { took, cpu, peak_mb, count } = outcome;
    println!(
        "{server}: all served in {:.0} ms, {cpu:.0} µs of CPU a stream, peak RSS {peak_mb:.0} MB, {} resources in {} responses",
        millis(*took),
        count.resources,
        count.responses,
    );
}
