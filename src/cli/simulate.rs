//! `tidegate simulate`.

use std::process::ExitCode;
use std::time::Duration;

use clap::ValueEnum;
use jiff::Timestamp;

use super::look::Look;
use super::one_file::OneFile;
use super::{Outcome, PROBLEMS, code, output, time};
use crate::diag;
use crate::model;
use crate::simulation::{self, Ended, Kind, Scenario};

/// Plays the release of a file on a clock of its own, and prints what would happen and when
///
/// The engine is the server's own; the fleet, the hooks, the endpoints, the checks and the people follow a script, the scenario. Nothing is
/// sent to anybody. A rollout of weeks is printed at once.
#[derive(Debug, clap::Args)]
#[command(after_long_help = SCENARIOS)]
pub struct Args {
    #[command(flatten)]
    file: OneFile,
    /// What the world does: healthy, failing-at=25%, no-data, no-traffic, nack, nobody, restart, hook-stops, hook-flaky, unapproved
    #[arg(long, value_name = "NAME", default_value = "healthy", env = "TIDEGATE_SIMULATE_SCENARIO")]
    scenario: Kind,
    /// When the file names the candidate, for example 2026-11-27T15:00Z; by default now. It matters to windows
    #[arg(long, value_name = "TIME", value_parser = moment, env = "TIDEGATE_SIMULATE_AT")]
    at: Option<Timestamp>,
    /// How long people take to approve, each of them
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = length, env = "TIDEGATE_SIMULATE_APPROVE_AFTER")]
    approve_after: Duration,
    /// How far to look
    #[arg(long, value_name = "DURATION", default_value = "90d", value_parser = length, env = "TIDEGATE_SIMULATE_LIMIT")]
    limit: Duration,
    /// Form of what is printed
    #[arg(short, long, value_enum, default_value = "text", env = "TIDEGATE_SIMULATE_OUTPUT")]
    output: Output,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Output {
    /// For people
    Text,
    /// For programs; what is in it is told below
    Json,
}

const SCENARIOS: &str = "\
Scenarios:
  healthy         all is well: three nodes acknowledge within 20 ms, endpoints
                  are healthy, checks are good, hooks say go after 2 s (10 s if
                  they upgrade endpoints), the first who may approves in time
  failing-at=25%  30 s after the candidate has that share, the checks are bad,
                  until it has less
  no-data         the checks never have data
  no-traffic      nobody sends requests: no data, and nothing to be drained
  nack            one node rejects what the second step (of waves, the second
                  wave) sends, for good
  nobody          no node is connected
  restart         the server is killed in the middle of every step and wave, and
                  starts again from what it has written down; nodes are back
                  after 1 s
  hook-stops      hooks say stop (those that take endpoints back do not)
  hook-flaky      hooks answer at the third try
  unapproved      nobody approves

JSON, with times in milliseconds from the start where they are moments:
  service, stable, candidate, strategy, scenario, nodes, start
  steps           text, share
  makes_no_difference
                  why the scenario changes nothing for this file, or null
  entries         at, offset_ms, step, steps, share, text, by; event, null for
                  what the scenario does; waits, what was then waited for, one
                  after the other: text, from_ms, until_ms (null: not by the
                  clock), lasted_ms (null: not over at the end)
  summary         full_ms (null: never), total_ms, keep_stable_ms; rollback, from
                  the worst moment: from_ms, takes_ms, in_waves; ended: done,
                  off, waits (for ever), round (for ever), limit; why

Exit codes: 0 the candidate gets everything; 1 it does not, or the file has errors
or no candidate; 2 could not run.";

/// Runs the command.
pub fn run(args: Args) -> Outcome {
    let looked = args.file.look()?;
    if !looked.problems.is_empty() {
        eprint!("{}", diag::render(&looked.problems, Look::of_stderr().color));
    }
    let Some(release) = looked.release else { return Ok(ExitCode::from(PROBLEMS)) };
    let scenario = Scenario { approve_after: args.approve_after, ..Scenario::new(args.scenario) };
    let start = args.at.unwrap_or_else(this_second);
    let timeline = match simulation::run(&release, &scenario, start, args.limit) {
        Ok(timeline) => timeline,
        Err(nothing) => {
            eprintln!("{}: {nothing}", release.service);
            return Ok(ExitCode::from(PROBLEMS));
        }
    };
    match args.output {
        Output::Text => output::print(&simulation::to_text(&timeline))?,
        Output::Json => output::print_json(&simulation::to_json(&timeline))?,
    }
    Ok(code(timeline.summary.ended == Ended::Done))
}

fn this_second() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

fn moment(text: &str) -> Result<Timestamp, String> {
    text.trim().parse().map_err(|_| format!("`{text}` is no moment: write it with its offset, for example `2026-11-27T15:00Z`"))
}

/// Days are allowed, as in release files.
fn length(text: &str) -> Result<Duration, String> {
    model::parse_duration(text.trim()).or_else(|_| time::interval(text))
}
