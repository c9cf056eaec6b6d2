//! `tidegate plan`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use clap::builder::FalseyValueParser;
use jiff::Timestamp;

use super::client::{Client, Server, Tls};
use super::look::Look;
use super::offline::Files;
use super::{Outcome, code, output, plan_json, plan_text};
use crate::control::{self, Comparison, Served};
use crate::diag;
use crate::forecast::forecast;

/// Tells what would change if the files of a directory were served
///
/// By the server's own compiler and engine: for each service that would be served otherwise, its split and its steps before and after, what
/// the edit does to a release under way, how long it is until the candidate has everything and how long the way back is; and which of
/// Envoy's resources are other ones. Without anything to compare with, everything is new. Problems of the files go to standard error.
/// Exit code 0 when the files could be served, 1 when they have errors or a release under way does not allow them, 2 when it could not be
/// told.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    files: Files,
    /// Compares with what a running server serves; its admin port
    #[arg(long, value_name = "HOST:PORT", env = "TIDEGATE_PLAN_AGAINST")]
    against: Option<String>,
    #[command(flatten)]
    tls: Tls,
    /// Compares with this directory, as it is served when nothing has moved yet
    #[arg(long, value_name = "DIR", conflicts_with = "against", env = "TIDEGATE_PLAN_AGAINST_DIR")]
    against_dir: Option<PathBuf>,
    /// Shows what is other in each resource
    #[arg(long, value_parser = FalseyValueParser::new(), env = "TIDEGATE_PLAN_DIFF")]
    diff: bool,
    /// Exits with 1 too if anything would change
    #[arg(long, value_parser = FalseyValueParser::new(), env = "TIDEGATE_PLAN_EXIT_CODE")]
    exit_code: bool,
    /// Form of what is printed
    #[arg(short, long, value_enum, default_value = "text", env = "TIDEGATE_PLAN_OUTPUT")]
    output: Output,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Output {
    /// For people
    Text,
    /// A JSON object; its fields are in docs/operations.md
    Json,
}

/// Runs the command.
pub fn run(args: Args) -> Outcome {
    let (before, nodes) = match (&args.against, &args.against_dir) {
        (Some(address), _) => of_server(&Server::at(address, &args.tls))?,
        (None, Some(dir)) => (of_directory(dir)?, None),
        (None, None) => (Served::default(), None),
    };
    let now = Timestamp::now();
    let compared = args.files.compare(&before, now)?;
    if !compared.problems.is_empty() {
        eprint!("{}", diag::render(&compared.problems, Look::of_stderr().color));
    }
    let told = forecast(&compared, nodes.as_deref(), now);
    match args.output {
        Output::Text => output::print(&plan_text::text(&told, args.diff, &Look::of_stdout()))?,
        Output::Json => output::print_json(&plan_json::json(&told, args.diff))?,
    }
    let calm = told.is_empty() || !args.exit_code;
    Ok(code(is_fine(&compared) && calm))
}

/// Whether the files could be served as they are.
fn is_fine(compared: &Comparison) -> bool {
    compared.refused.is_empty() && !compared.problems.iter().any(diag::Problem::is_error)
}

/// What a server serves, and the fleets of each node that is connected to it.
#[tokio::main(flavor = "current_thread")]
async fn of_server(server: &Server) -> anyhow::Result<(Served, Option<Vec<BTreeSet<String>>>)> {
    let mut client = Client::connect(server).await?;
    let served = client.served().await?;
    let nodes = client.nodes().await?.nodes;
    Ok((served, Some(nodes.into_iter().map(|node| node.fleets.into_iter().collect()).collect())))
}

/// What a server would serve of a directory, nothing having moved yet. Files with errors are left out, with a word.
fn of_directory(dir: &Path) -> anyhow::Result<Served> {
    let (generation, compiled) = Files::of(dir).read(control::compile)?;
    let errors = compiled.problems.iter().filter(|problem| problem.is_error()).count();
    if errors > 0 {
        eprintln!(
            "{}: what has errors there is taken not to be served ({errors} in all; `tidegate lint` tells them)",
            dir.display()
        );
    }
    let text = |file: &crate::diag::SourceFile| (file.path.clone(), file.text.clone());
    let files = generation.files.values().map(|file| text(file)).collect();
    Ok(Served { files, config: generation.config, states: Vec::new() })
}
