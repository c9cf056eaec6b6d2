//! `tidegate status`.

use super::client::{Client, Server};
use super::look::Look;
use super::output::{self, Output};
use super::status_text::{is_well, status_text};
use super::{Outcome, code};
use crate::admin::status_json;

/// Shows what a running server serves, and whether it is what the files say
///
/// Exit code 1 while files have errors, anything is stale or not ready, a connected node is not in sync, or a rollout is stuck, or cannot
/// go back.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this service, in more detail
    name: Option<String>,
    /// Form of what is printed
    #[arg(short, long, value_enum, default_value = "text", env = "TIDEGATE_OUTPUT")]
    output: Output,
    #[command(flatten)]
    server: Server,
}

/// Entries of the history that one service is shown with.
const NEWEST: u32 = 3;

/// Runs the command.
#[tokio::main(flavor = "current_thread")]
pub async fn run(args: Args) -> Outcome {
    let service = args.name.unwrap_or_default();
    let mut client = Client::connect(&args.server).await?;
    let status = client.status(&service).await?;
    match args.output {
        Output::Json => output::print_json(&status_json(&status))?,
        Output::Text => {
            let detailed = !service.is_empty() && !status.services.is_empty();
            let history = if detailed { client.history(&service, NEWEST).await? } else { Vec::new() };
            output::print(&status_text(&status, &service, &history, &Look::of_stdout()))?;
        }
    }
    Ok(code(is_well(&status)))
}
