//! The verbs: what people say to a rollout.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::builder::FalseyValueParser;
use serde_json::json;

use super::client::{Client, Ordered, Server};
use super::follow::{Followed, Progress, follow};
use super::look::{clean, clean_lines};
use super::output::{self, Output};
use super::rollout_text::acknowledged;
use super::{Outcome, PROBLEMS, time};
use crate::admin::{order_json, pb};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The service
    name: String,
    /// Why, for the history and for those who are told
    #[arg(long, value_name = "TEXT", env = "TIDEGATE_REASON")]
    reason: Option<String>,
    /// Who says so, by default the user of this shell; a certificate that is shown counts more
    #[arg(long, value_name = "NAME", env = "TIDEGATE_ACTOR")]
    actor: Option<String>,
    /// The service's revision that it is meant for, by default the one that the server has when the command begins
    #[arg(long, value_name = "NUMBER", env = "TIDEGATE_REVISION")]
    revision: Option<u64>,
    /// Waits until every connected node of the service has acknowledged what comes of it
    #[arg(long, value_parser = FalseyValueParser::new(), env = "TIDEGATE_WAIT")]
    wait: bool,
    /// How long --wait waits
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = time::duration, env = "TIDEGATE_TIMEOUT")]
    timeout: Duration,
    /// Form of what is printed
    #[arg(short, long, value_enum, default_value = "text", env = "TIDEGATE_OUTPUT")]
    output: Output,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, clap::Args)]
pub struct PromoteArgs {
    /// Nor waits for any step after it: everything to the candidate, now
    #[arg(long, value_parser = FalseyValueParser::new(), env = "TIDEGATE_FULL")]
    full: bool,
    #[command(flatten)]
    order: Args,
}

/// Runs `promote`.
pub fn promote(args: PromoteArgs) -> Outcome {
    run(pb::Verb::Promote, args.full, args.order)
}

/// Runs any other verb.
pub fn order(verb: pb::Verb, args: Args) -> Outcome {
    run(verb, false, args)
}

#[tokio::main(flavor = "current_thread")]
async fn run(verb: pb::Verb, full: bool, args: Args) -> Outcome {
    let actor = args.actor.clone().or_else(os_user).context("nobody knows who you are; say it by --actor")?;
    let mut client = Client::connect(&args.server).await?;
    let revision = match args.revision {
        Some(revision) => revision,
        None => seen(&mut client, &args.name).await?,
    };
    let (service, reason) = (args.name.clone(), args.reason.clone().unwrap_or_default());
    let request = pb::OrderRequest { service, verb: verb.into(), full, reason, actor, revision: Some(revision) };
    let ordered = match client.order(request).await? {
        Ordered::Done(ordered) => ordered,
        Ordered::Refused { kind, text } => return refused(args.output, kind, &text),
    };
    if args.output == Output::Text {
        output::print(&format!("{}: {} (revision {})", clean(&args.name), clean(&ordered.text), ordered.revision))?;
    }
    if !args.wait {
        if args.output == Output::Json {
            output::print_json(&order_json(&ordered))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    // What a promotion comes to is the next step, which may begin only once every node has the one before.
    let behind = (verb == pb::Verb::Promote && !full).then_some(ordered.revision);
    let progress = Progress::new(args.output == Output::Text && std::io::stderr().is_terminal());
    let followed = follow(&mut client, &args.name, behind, args.timeout, progress).await?;
    told(&args, &ordered, &followed)
}

/// The revision that a person would see now.
async fn seen(client: &mut Client, name: &str) -> anyhow::Result<u64> {
    match client.status(name).await?.services.first() {
        Some(service) => Ok(service.revision),
        None => bail!("`{name}` is not being served: its file never was without errors"),
    }
}

/// Says how it ended, where it was waited for.
fn told(args: &Args, ordered: &pb::OrderResponse, followed: &Followed) -> Outcome {
    let (service, well) = match followed {
        Followed::Acknowledged(service) => (service, true),
        Followed::Late(service) => (service, false),
    };
    let nodes = service.sync.unwrap_or_default().nodes;
    match args.output {
        Output::Json => {
            let mut json = order_json(ordered);
            json["acknowledged"] = json!(well);
            (json["nodes"], json["acked_nodes"]) = (json!(nodes), json!(service.acked_nodes));
            output::print_json(&json)?;
        }
        Output::Text if well => output::print(&format!("{}: {}", clean(&args.name), acknowledged(service)))?,
        Output::Text => {
            let limit = crate::model::duration_text(args.timeout);
            eprintln!("{}: not within {limit}: {}", clean(&args.name), late(service));
        }
    }
    Ok(super::code(well))
}

/// Why it is late. Where nobody is connected there is nothing to be acknowledged, and only what is waited for counts.
fn late(service: &pb::Service) -> String {
    let waits = service.rollout.as_ref().and_then(|rollout| rollout.waiting.as_ref()).map(|waiting| clean(&waiting.text));
    match (service.sync.unwrap_or_default().nodes, waits) {
        (0, Some(waits)) => waits,
        (_, Some(waits)) => format!("{}; waiting: {waits}", acknowledged(service)),
        (_, None) => acknowledged(service),
    }
}

fn refused(output: Output, kind: &str, text: &str) -> Outcome {
    match output {
        Output::Json => output::print_json(&json!({"refused": kind, "text": text}))?,
        Output::Text => eprintln!("refused: {}", clean_lines(text)),
    }
    Ok(ExitCode::from(PROBLEMS))
}

/// Who runs this shell. Nobody checks it: the server notes it as claimed.
fn os_user() -> Option<String> {
    let said = |name| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    said("USER").or_else(|| said("LOGNAME"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_late_is_told_one_thing() {
        let late = |nodes, text: &str| {
            let waiting = Some(pb::Waiting { text: text.into(), ..pb::Waiting::default() });
            let rollout = Some(pb::Rollout { waiting, ..pb::Rollout::default() });
            let sync = Some(pb::Sync { nodes, ..pb::Sync::default() });
            super::late(&pb::Service { sync, rollout, acked_nodes: 1, ..pb::Service::default() })
        };
        assert_eq!(late(0, "no node is connected, and it goes on"), "no node is connected, and it goes on");
        assert_eq!(late(3, "an approval"), "acknowledged by 1 of 3 nodes; waiting: an approval");
    }
}
