//! Fan-out: what streams and updates cost tidegate, beside a floor without a protocol: `cargo bench --bench fanout -- --help`.
//!
//! A run starts a server as a process on one core, and connects clients from the other that behave as Envoys do: a connection and an
//! ADS stream each, requests in Envoy's order, everything acknowledged. The floor sends the same bytes, recorded from tidegate.
//! What holds from run to run are the server's CPU time, bytes, memory, and ratios; see `docs/performance.md`.

mod connection;
mod cores;
mod envoy;
mod fields;
mod fleet;
mod floor;
mod hostile;
mod http2;
mod measure;
mod node;
mod options;
mod plan;
mod recording;
mod releases;
mod report;
mod server;
mod soak;
mod storm;
mod usage;

use std::rc::Rc;

use anyhow::Context as _;
use clap::Parser as _;

use measure::Figures;
use options::{Case, Command, Matrix, Options};
use plan::Plan;
use recording::Recording;
use releases::Releases;
use report::Row;
use server::Server;

fn main() -> anyhow::Result<()> {
    // `cargo test --all-targets` runs benchmarks without arguments, and means to see that they start.
    if std::env::args_os().len() == 1 {
        return Ok(());
    }
    // `cargo bench` adds `--bench` to what it was given.
    let options = Options::parse_from(std::env::args_os().filter(|argument| argument != "--bench"));
    match options.command {
        Some(Command::Floor { messages, reading }) => floor::run(&messages, reading),
        command => {
            cores::take_clients().context("two cores are needed")?;
            match command {
                Some(Command::Storm(storm)) => storm::run(&storm),
                Some(Command::Hostile(hostile)) => hostile::run(&hostile),
                Some(Command::Soak(soak)) => soak::run(&soak),
                _ => matrix(&options.matrix),
            }
        }
    }
}

fn matrix(matrix: &Matrix) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for case in matrix.cases() {
        eprintln!("{} services, {} streams, {}, {} nodes", case.services, case.streams, case.mode, case.node.name());
        rows.push(compare(case, matrix)?);
    }
    if matrix.json {
        println!("{:#}", report::json(&rows));
    } else {
        println!("{}", report::table(&rows));
    }
    Ok(())
}

/// Floor and tidegate in turn.
fn compare(case: Case, matrix: &Matrix) -> anyhow::Result<Row> {
    let releases = Rc::new(Releases::write(case.services)?);
    let plan = || Plan::new(case.mode.variant(), case.node, releases.clusters());
    let messages = releases.beside("messages");
    Recording::take(&releases, plan())?.save(&messages)?;
    let (mut floors, mut tidegates) = (Vec::new(), Vec::new());
    for _ in 0..matrix.rounds {
        let measure = |mut server: Server| measure::run(&mut server, plan(), case.streams, matrix.updates);
        floors.push(measure(Server::floor(&messages, matrix.floor)?).context("the floor")?);
        releases.update(0)?;
        tidegates.push(measure(Server::tidegate(&releases)?).context("tidegate")?);
    }
    Ok(Row { case, floor: Figures::middle(&floors), tidegate: Figures::middle(&tidegates) })
}
