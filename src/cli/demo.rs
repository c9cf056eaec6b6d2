//! `tidegate demo`.

use std::path::PathBuf;

use anyhow::Context;
use clap::builder::FalseyValueParser;
use clap::builder::RangedU64ValueParser;
use tokio::signal::unix::{SignalKind, signal};

use super::{Outcome, code, output};
use crate::demo::{self, Options};

/// Shows it all at once on this machine
///
/// A toy service, the server, a real Envoy (installed if there is none) and traffic; then an automatic canary, a bad one that is aborted,
/// and a blue-green release that is approved and undone, by edits of one release file and words to the server. Ctrl-C ends it and leaves
/// nothing behind.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Stays up at the end, to be played with by hand, until Ctrl-C
    #[arg(long, value_parser = FalseyValueParser::new(), env = "TIDEGATE_KEEP")]
    keep: bool,
    /// Requests a second
    #[arg(long, value_name = "N", default_value_t = Options::default().rate, env = "TIDEGATE_RATE",
          value_parser = RangedU64ValueParser::<u32>::new().range(1..=5000))]
    rate: u32,
    /// The Envoy to run, instead of finding or installing one
    #[arg(long, value_name = "PATH", env = "TIDEGATE_ENVOY")]
    envoy: Option<PathBuf>,
}

/// Runs the command. The last line is what became of all requests; a failed one is a problem.
pub fn run(args: Args) -> Outcome {
    let options = Options { envoy: args.envoy, rate: args.rate, keep: args.keep, ..Options::default() };
    let runtime = tokio::runtime::Runtime::new().context("no runtime can be started")?;
    let ended = runtime.block_on(async {
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let stop = async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        anyhow::Ok(demo::run(options, demo::face().as_mut(), stop).await?)
    });
    // A download that was cut short is not waited for.
    runtime.shutdown_background();
    let summary = ended?;
    output::print(&summary.to_string())?;
    Ok(code(summary.failed == 0))
}
