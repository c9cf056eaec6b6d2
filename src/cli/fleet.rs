//! `tidegate fleet`.

use super::client::{Client, Server};
use super::fleet_text::fleet_text;
use super::look::Look;
use super::output::{self, Output};
use super::{Outcome, code};
use crate::admin::nodes_json;

/// Shows the connected Envoys, and what each of them holds
///
/// Exit code 1 while any of them is not in sync.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Form of what is printed
    #[arg(short, long, value_enum, default_value = "text", env = "TIDEGATE_OUTPUT")]
    output: Output,
    #[command(flatten)]
    server: Server,
}

/// Runs the command.
#[tokio::main(flavor = "current_thread")]
pub async fn run(args: Args) -> Outcome {
    let nodes = Client::connect(&args.server).await?.nodes().await?;
    match args.output {
        Output::Json => output::print_json(&nodes_json(&nodes))?,
        Output::Text => output::print(&fleet_text(&nodes.nodes, &Look::of_stdout()))?,
    }
    Ok(code(nodes.nodes.iter().all(|node| node.in_sync)))
}
