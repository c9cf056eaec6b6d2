//! The command line.

use std::fmt;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use tidegate::xds::Variant;

use crate::floor::Reading;
use crate::node::NodeStyle;
use crate::{hostile, soak, storm};

/// What serving costs, and what an update costs, as streams grow in number; beside it a floor without a protocol
///
/// Runs servers as processes on core 0 and their clients on core 1, loopback only. Ratios within one run hold; times move with the
/// machine.
#[derive(Debug, Parser)]
#[command(name = "fanout", args_conflicts_with_subcommands = true)]
pub struct Options {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub matrix: Matrix,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// The floor server, for the benchmark itself
    #[command(hide = true)]
    Floor {
        /// The ready messages
        messages: PathBuf,
        /// How requests are read
        reading: Reading,
    },
    /// All clients return at once to a server that was restarted, each with what it holds
    Storm(storm::Options),
    /// Healthy clients beside one that never reads, one that floods and one that refuses everything
    Hostile(hostile::Options),
    /// Changes without end, and streams that come and go
    Soak(soak::Options),
}

/// What is run.
#[derive(Debug, clap::Args)]
pub struct Matrix {
    /// Numbers of streams
    #[arg(long, value_delimiter = ',', default_value = "100,1000")]
    pub streams: Vec<usize>,
    /// Numbers of services
    #[arg(long, value_delimiter = ',', default_value = "100")]
    pub services: Vec<usize>,
    /// Variants of the protocol
    #[arg(long, value_delimiter = ',', default_value = "sotw,delta")]
    pub mode: Vec<Mode>,
    /// What clients say of themselves
    #[arg(long, value_delimiter = ',', default_value = "slim")]
    pub node: Vec<NodeStyle>,
    /// Updates of a run
    #[arg(long, default_value_t = 20)]
    pub updates: usize,
    /// Runs of each server, in turn; of each figure the middle one counts
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,
    /// How the floor reads requests
    #[arg(long, value_enum, default_value_t = Reading::Whole)]
    pub floor: Reading,
    /// 10 000 streams and 1000 services as well, and an Envoy's real node
    #[arg(long)]
    pub full: bool,
    /// Prints JSON
    #[arg(long)]
    pub json: bool,
}

/// A variant of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// State of the world
    Sotw,
    /// Incremental
    Delta,
}

/// One combination.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    pub services: usize,
    pub streams: usize,
    pub mode: Mode,
    pub node: NodeStyle,
}

/// Most services times streams of a run: with 10 000 streams and 1000 services the first responses alone are 20 GB.
const MOST: usize = 1_000_000;

impl Matrix {
    /// All combinations.
    pub fn cases(&self) -> Vec<Case> {
        let (streams, services, nodes) = match self.full {
            true => (vec![100, 1000, 10_000], vec![100, 1000], vec![NodeStyle::Slim, NodeStyle::Real]),
            false => (self.streams.clone(), self.services.clone(), self.node.clone()),
        };
        let mut cases = Vec::new();
        for &services in &services {
            for &mode in &self.mode {
                for &node in &nodes {
                    let fits = streams.iter().filter(|&&streams| !self.full || services * streams <= MOST);
                    cases.extend(fits.map(|&streams| Case { services, streams, mode, node }));
                }
            }
        }
        cases
    }
}

impl Mode {
    /// The variant as the server calls it.
    pub fn variant(self) -> Variant {
        match self {
            Mode::Sotw => Variant::Sotw,
            Mode::Delta => Variant::Delta,
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Mode::Sotw { "SotW" } else { "delta" })
    }
}
