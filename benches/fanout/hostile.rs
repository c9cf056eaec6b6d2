//! Bad company: healthy clients beside one that never reads, one that floods and one that refuses everything.

use std::rc::Rc;
use std::time::{Duration, Instant};

use tidegate::snapshot::Kind;

use crate::envoy::Temper;
use crate::fleet::Fleet;
use crate::measure::{micros, millis};
use crate::node::NodeStyle;
use crate::options::Mode;
use crate::plan::{Plan, Request};
use crate::releases::Releases;
use crate::server::Server;
use crate::usage::Cpu;

/// Who meets whom.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// How long, in bad company
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Healthy streams
    #[arg(long, default_value_t = 100)]
    streams: usize,
    /// Services
    #[arg(long, default_value_t = 100)]
    services: usize,
    /// Variant of the protocol
    #[arg(long, default_value = "delta")]
    mode: Mode,
    /// Requests a second of the one that floods
    #[arg(long, default_value_t = 10_000)]
    flood: u32,
}

/// Between updates.
const PACE: Duration = Duration::from_millis(250);
/// Between two looks at the clock while there is a flood to be kept up.
const TICK: Duration = Duration::from_millis(2);

/// The run.
struct Scene {
    server: Server,
    fleet: Fleet,
    streams: usize,
    turn: usize,
    flood: Option<Flood>,
    /// CPU time when it was last told of, and when that was.
    cpu: Cpu,
    told: Instant,
}

struct Flood {
    client: usize,
    rate: u32,
    since: Instant,
    sent: u32,
}

/// Runs healthy clients alone, and then in bad company.
///
/// # Errors
/// A server does not serve, or fails a healthy client.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let releases = Rc::new(Releases::write(options.services)?);
    let server = Server::tidegate(&releases)?;
    let plan = Plan::new(options.mode.variant(), NodeStyle::Slim, releases.clusters());
    let mut fleet = Fleet::new(server.xds, plan)?;
    fleet.connect(options.streams)?;
    let cpu = server.usage().cpu()?;
    let mut scene = Scene { server, fleet, streams: options.streams, turn: 0, flood: None, cpu, told: Instant::now() };

    println!("{} healthy streams, {} services, {}", options.streams, options.services, options.mode);
    let alone = scene.updates(Duration::from_secs(options.seconds.div_ceil(4)))?;
    scene.tell("alone", &alone)?;
    let strangers = [Temper::Deaf, Temper::Refusing, Temper::Flooding].map(|temper| scene.fleet.add(temper));
    let [deaf, refusing, flooding] = strangers;
    let (deaf, refusing, flooding) = (deaf?, refusing?, flooding?);
    scene.flood = Some(Flood { client: flooding, rate: options.flood, since: Instant::now(), sent: 0 });
    let mut together = Vec::new();
    for part in 1..=4 {
        together.extend(scene.updates(Duration::from_secs(options.seconds) / 4)?);
        scene.tell(&format!("in bad company, {part}/4"), &together)?;
    }
    let ended = [deaf, refusing, flooding].map(|client| scene.fleet.is_ended(client));
    let sent = scene.flood.map_or(0.0, |flood| f64::from(flood.sent) / flood.since.elapsed().as_secs_f64());
    println!(
        "p99 {:.2} times; {sent:.0} requests a second; ended: deaf {}, refusing {}, flooding {}",
        share(&together, 0.99) / share(&alone, 0.99),
        ended[0],
        ended[1],
        ended[2]
    );
    Ok(())
}

impl Scene {
    /// Sends updates for a time; how long each took to each healthy client, in order.
    fn updates(&mut self, time: Duration) -> anyhow::Result<Vec<f64>> {
        let (until, mut took) = (Instant::now() + time, Vec::new());
        while Instant::now() < until {
            let next = Instant::now() + PACE;
            self.fleet.begin_round();
            self.turn += 1;
            let triggered = Instant::now();
            self.server.update(self.turn)?;
            while Instant::now() < next || self.fleet.arrivals().len() < self.streams {
                self.pour();
                self.fleet.turn(TICK)?;
                anyhow::ensure!(next.elapsed() < LIMIT, "{} of {} clients heard", self.fleet.arrivals().len(), self.streams);
            }
            took.extend(self.fleet.arrivals().iter().map(|arrived| millis(*arrived - triggered)));
        }
        took.sort_by(f64::total_cmp);
        Ok(took)
    }

    /// Keeps the flood up: asks for what it has already.
    fn pour(&mut self) {
        let Some(flood) = &mut self.flood else { return };
        let due = (flood.since.elapsed().as_secs_f64() * f64::from(flood.rate)) as u32;
        let again = Request { kind: Kind::Route, answers: None, refusal: None, opens: false };
        while flood.sent < due && self.fleet.say(flood.client, &again) {
            flood.sent += 1;
        }
    }

    fn tell(&mut self, when: &str, took: &[f64]) -> anyhow::Result<()> {
        let (rss, cpu) = (self.server.usage().rss()? as f64 / 1024.0, self.server.usage().cpu()?);
        let busy = micros(cpu.since(&self.cpu)) / self.told.elapsed().as_micros() as f64 * 100.0;
        (self.cpu, self.told) = (cpu, Instant::now());
        println!(
            "{when}: p50 {:.1} ms, p99 {:.1} ms of {} updates, RSS {rss:.1} MB, {busy:.0} % of a core",
            share(took, 0.5),
            share(took, 0.99),
            self.turn,
        );
        Ok(())
    }
}

/// Longest wait for an update.
const LIMIT: Duration = Duration::from_secs(30);

fn share(sorted: &[f64], share: f64) -> f64 {
    sorted.get((sorted.len() as f64 * share) as usize).copied().unwrap_or(f64::NAN)
}
