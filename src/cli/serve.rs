//! `tidegate serve`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::ValueEnum;
use clap::builder::FalseyValueParser;
use tokio::signal::unix::{SignalKind, signal};

use super::{Outcome, address, offline, output, state, time};
use crate::serve::{self, Limits, Options, Rate, Running};
use crate::telemetry::log;

/// Serves a directory of release files to Envoys
///
/// Prints one line when its ports are open: `serving xds=… admin=… http=…`. Ends on Ctrl-C or SIGTERM; Envoys go on with what they have.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The directory of release files
    #[arg(env = "TIDEGATE_DIR")]
    dir: PathBuf,
    /// Where Envoys connect: ADS and typed discovery, state of the world and delta; health, reflection
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:18000", value_parser = address::listen, env = "TIDEGATE_XDS")]
    xds: SocketAddr,
    /// Where `tidegate status` and its siblings connect; health, reflection
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:18001", value_parser = address::listen, env = "TIDEGATE_ADMIN")]
    admin: SocketAddr,
    /// /readyz, /livez and /metrics
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:18002", value_parser = address::listen, env = "TIDEGATE_HTTP")]
    http: SocketAddr,
    /// Folder of what must survive a restart; by default one for this directory in the user's state folder
    #[arg(long, value_name = "DIR", env = "TIDEGATE_STATE")]
    state: Option<PathBuf>,
    /// Fleets and listeners; by default tidegate.yaml in the directory, if it is there
    #[arg(long, value_name = "FILE", value_parser = address::config, env = "TIDEGATE_CONFIG")]
    config: Option<PathBuf>,
    /// How often the directory is looked at even if the file system reports no change
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = time::interval, env = "TIDEGATE_POLL")]
    poll: Duration,
    /// How long files must have been left alone before they are read
    #[arg(long, value_name = "TIME", default_value = "20ms", value_parser = time::duration, env = "TIDEGATE_SETTLE")]
    settle: Duration,
    /// Relies on --poll alone, for file systems whose events are of no use
    #[arg(long, value_parser = FalseyValueParser::new(), env = "TIDEGATE_NO_EVENTS")]
    no_events: bool,
    /// How long a version that gets no more traffic is kept for its last requests
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = time::duration, env = "TIDEGATE_DRAIN")]
    drain: Duration,
    /// How long routes wait for an Envoy that does not acknowledge the clusters they lead to
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = time::duration, env = "TIDEGATE_WARM_TIMEOUT")]
    warm_timeout: Duration,
    /// How often Envoys report how many requests are in progress; at least 1s
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = time::interval, env = "TIDEGATE_LOAD_REPORT_INTERVAL")]
    load_report_interval: Duration,
    /// xDS streams open at a time, over all Envoys
    #[arg(long, value_name = "COUNT", default_value_t = Limits::default().streams, env = "TIDEGATE_MAX_STREAMS")]
    max_streams: usize,
    /// New xDS streams a second; more wait their turn, and 0 lets in all
    #[arg(long, value_name = "COUNT", default_value_t = Limits::default().openings.per_second, env = "TIDEGATE_STREAM_RATE")]
    stream_rate: u32,
    /// How long an Envoy may take nothing of what it is being sent before it is disconnected; 0s waits for ever
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = time::duration, env = "TIDEGATE_WRITE_TIMEOUT")]
    write_timeout: Duration,
    /// Age at which an Envoy's connection ends, so that Envoys spread over servers; a tenth more or less, and 0s for never
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = time::duration, env = "TIDEGATE_MAX_CONNECTION_AGE")]
    max_connection_age: Duration,
    /// Time over which Envoys are let go when the server is shut down, so that they do not all come to another one at once
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = time::duration, env = "TIDEGATE_SHUTDOWN_SPREAD")]
    shutdown_spread: Duration,
    /// Takes a directory without release files for what it is, and not for a failed mount
    #[arg(long, value_parser = FalseyValueParser::new(), env = "TIDEGATE_ALLOW_EMPTY")]
    allow_empty: bool,
    /// Lets rollouts go on although no Envoy is connected; without it they wait for one
    #[arg(long, value_parser = FalseyValueParser::new(), env = "TIDEGATE_ADVANCE_WITHOUT_NODES")]
    advance_without_nodes: bool,
    /// Level (error, warn, info, debug, trace) or directives such as `info,tidegate::xds=debug`
    #[arg(long, value_name = "FILTER", default_value = "info", env = "TIDEGATE_LOG")]
    log: String,
    /// Form of a log line
    #[arg(long, value_enum, default_value = "text", env = "TIDEGATE_LOG_FORMAT")]
    log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

/// Runs the command.
pub fn run(args: Args) -> Outcome {
    let format = match args.log_format {
        LogFormat::Text => log::Format::Text,
        LogFormat::Json => log::Format::Json,
    };
    log::init(&args.log, format).context("--log")?;
    offline::no_file(&args.dir)?;
    let options = options(args)?;
    let runtime = tokio::runtime::Runtime::new().context("no runtime can be started")?;
    let ended = runtime.block_on(serve(options));
    // The thread that waits for the next generation of files has nothing to finish.
    runtime.shutdown_background();
    ended
}

async fn serve(options: Options) -> Outcome {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut running = serve::start(options).await?;
    announce(&running)?;
    let stop = running.shutdown_token();
    tokio::select! {
        ended = running.wait() => ended?,
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    tracing::info!("stopping; Envoys go on with what they have");
    stop.cancel();
    tokio::select! {
        ended = running.wait() => ended?,
        // Whoever asks twice does not want to wait.
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// The line by which scripts learn the ports.
fn announce(running: &Running) -> std::io::Result<()> {
    output::print(&format!("serving xds={} admin={} http={}", running.xds, running.admin, running.http))
}

fn options(args: Args) -> anyhow::Result<Options> {
    let state = match args.state {
        Some(state) => state,
        None => state::default_folder(&args.dir)?,
    };
    Ok(Options {
        dir: args.dir,
        config: args.config,
        state,
        xds: args.xds,
        admin: args.admin,
        http: args.http,
        poll: args.poll,
        settle: args.settle,
        events: !args.no_events,
        drain: args.drain,
        warm_timeout: args.warm_timeout,
        load_report_interval: args.load_report_interval,
        limits: limits(args.max_streams, args.stream_rate, args.write_timeout),
        max_connection_age: args.max_connection_age,
        shutdown_spread: args.shutdown_spread,
        allow_empty: args.allow_empty,
        advance_without_nodes: args.advance_without_nodes,
    })
}

/// As many streams may come at once as in one second of a steady stream of them.
fn limits(streams: usize, per_second: u32, unread: Duration) -> Limits {
    Limits { streams, openings: Rate { per_second, burst: per_second }, unread, ..Limits::default() }
}
