//! A soak: changes without end, and streams that come and go. Memory and threads must not grow.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::envoy::Temper;
use crate::fleet::Fleet;
use crate::node::NodeStyle;
use crate::options::Mode;
use crate::plan::Plan;
use crate::releases::Releases;
use crate::server::Server;

/// How much, and how long.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// How long
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Streams at any time
    #[arg(long, default_value_t = 200)]
    streams: usize,
    /// Services
    #[arg(long, default_value_t = 100)]
    services: usize,
    /// Variant of the protocol
    #[arg(long, default_value = "delta")]
    mode: Mode,
    /// Changes a second; with each a stream leaves, and another comes
    #[arg(long, default_value_t = 10)]
    rate: u32,
}

/// Looks at the server, evenly over the time.
const SAMPLES: u32 = 12;

/// Runs the soak.
///
/// # Errors
/// The server does not serve.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let releases = Rc::new(Releases::write(options.services)?);
    let server = Server::tidegate(&releases)?;
    let plan = Plan::new(options.mode.variant(), NodeStyle::Slim, releases.clusters());
    let mut fleet = Fleet::new(server.xds, plan)?;
    fleet.connect(options.streams)?;
    let mut connected: VecDeque<usize> = (0..options.streams).collect();
    println!("{} streams, {} services, {}, {} changes a second", options.streams, options.services, options.mode, options.rate);

    let (started, time) = (Instant::now(), Duration::from_secs(options.seconds));
    let (mut change, mut sample) = (0, 0);
    while started.elapsed() < time {
        fleet.turn(Duration::from_millis(5))?;
        if started.elapsed() >= Duration::from_secs(1) * change / options.rate {
            releases.change(change as usize)?;
            connected.pop_front().into_iter().for_each(|oldest| fleet.close(oldest));
            connected.push_back(fleet.add(Temper::Usual)?);
            change += 1;
        }
        if started.elapsed() >= time * sample / SAMPLES {
            tell(&server, started, change)?;
            sample += 1;
        }
    }
    tell(&server, started, change)?;
    connected.into_iter().for_each(|client| fleet.close(client));
    fleet.rest(Duration::from_secs(1))?;
    println!("all have left:");
    tell(&server, started, change)
}

fn tell(server: &Server, started: Instant, changes: u32) -> anyhow::Result<()> {
    let (usage, rss) = (server.usage(), server.usage().rss()? as f64 / 1024.0);
    let (threads, streams) = (usage.threads()?, server.streams()?);
    println!("{:6.1} s: {changes} changes, {streams} streams, {threads} threads, RSS {rss:.1} MB", started.elapsed().as_secs_f64());
    Ok(())
}
