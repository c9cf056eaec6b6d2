//! `tidegate watch`.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tonic::Streaming;

use super::Outcome;
use super::changes::changes;
use super::client::{Client, Server};
use super::look::{Look, Tone};
use super::output::{self, Output};
use super::status_text::status_text;
use crate::admin::{pb, status_json};

/// Time between two attempts to reach a server that was there before.
const AGAIN: Duration = Duration::from_secs(1);

/// Shows the status live, until Ctrl-C
///
/// On a terminal it is drawn anew with every change; elsewhere every change is a line, with -o json a JSON object a line. A server that
/// goes away is waited for.
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

/// Runs the command.
#[tokio::main(flavor = "current_thread")]
pub async fn run(args: Args) -> Outcome {
    let service = args.name.clone().unwrap_or_default();
    let first = Client::connect(&args.server).await?.watch(&service).await?;
    let mut face = Face::of(args.output, service.clone())?;
    tokio::select! {
        ended = follow(first, &args.server, &service, &mut face) => ended?,
        asked = tokio::signal::ctrl_c() => asked?,
    }
    face.rest()?;
    Ok(ExitCode::SUCCESS)
}

/// Shows every message, over as many connections as it takes.
async fn follow(mut stream: Streaming<pb::WatchResponse>, server: &Server, service: &str, face: &mut Face) -> anyhow::Result<()> {
    loop {
        let lost = show_all(&mut stream, face).await?;
        face.lost(&lost)?;
        stream = loop {
            sleep(AGAIN).await;
            let again = async { Client::connect(server).await?.watch(service).await };
            if let Ok(stream) = again.await {
                break stream;
            }
        };
        face.found();
    }
}

/// Shows what comes, until the connection is lost; says how it was.
async fn show_all(stream: &mut Streaming<pb::WatchResponse>, face: &mut Face) -> io::Result<String> {
    let mut tick = interval(Duration::from_secs(1));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            message = stream.message() => match message {
                Ok(Some(message)) => face.show(message.status.unwrap_or_default())?,
                Ok(None) => return Ok("the server ended".to_owned()),
                Err(status) => return Ok(why(&status)),
            },
            _ = tick.tick() => face.tick()?,
        }
    }
}

/// Why the stream ended: in the server's words, or, where the connection itself broke, in words that are not the protocol's.
fn why(status: &tonic::Status) -> String {
    let broke = std::error::Error::source(status).is_some();
    if broke { "the server is gone".to_owned() } else { status.message().to_owned() }
}

/// How statuses are shown.
#[derive(Debug)]
enum Face {
    /// Drawn in place, on a screen of its own.
    Live { service: String, last: Option<pb::Status>, lost: Option<String> },
    /// A line a change.
    Lines { last: Option<pb::Status> },
    /// A JSON object a status.
    Json,
}

/// Another screen, no cursor, and long lines cut at the edge: a wrapped one would make the frame higher than it is.
const ENTER: &str = "\u{1b}[?1049h\u{1b}[?25l\u{1b}[?7l";
const LEAVE: &str = "\u{1b}[?7h\u{1b}[?25h\u{1b}[?1049l";

impl Face {
    fn of(output: Output, service: String) -> io::Result<Face> {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        match output {
            Output::Json => Ok(Face::Json),
            Output::Text if !io::stdout().is_terminal() || dumb => Ok(Face::Lines { last: None }),
            Output::Text => {
                write_out(ENTER)?;
                Ok(Face::Live { service, last: None, lost: None })
            }
        }
    }

    fn show(&mut self, status: pb::Status) -> io::Result<()> {
        match self {
            Face::Json => output::print(&status_json(&status).to_string()),
            Face::Lines { last } => {
                let lines: Vec<String> = changes(last.as_ref(), &status).iter().map(|line| stamped(line)).collect();
                *last = Some(status);
                output::print(&lines.join("\n"))
            }
            Face::Live { last, lost, .. } => {
                (*last, *lost) = (Some(status), None);
                self.tick()
            }
        }
    }

    /// Draws anew: ages grow although nothing changes.
    fn tick(&mut self) -> io::Result<()> {
        let Face::Live { service, last: Some(status), lost } = self else { return Ok(()) };
        let look = Look::of_stdout();
        let mut text = status_text(status, service, &[], &look);
        if let Some(lost) = lost {
            text = format!("{}\n\n{text}", look.paint(Tone::Bad, &format!("Connection lost ({lost}); trying again. As it was:")));
        }
        let height = terminal_size::terminal_size().map_or(usize::MAX, |(_, height)| usize::from(height.0));
        write_out(&frame(&text, height))
    }

    fn lost(&mut self, reason: &str) -> io::Result<()> {
        if let Face::Live { lost, .. } = self {
            *lost = Some(reason.to_owned());
            return self.tick();
        }
        eprintln!("{}", stamped(&format!("connection lost ({reason}); trying again every second")));
        Ok(())
    }

    /// The server is there again. A screen shows it by itself.
    fn found(&self) {
        if !matches!(self, Face::Live { .. }) {
            eprintln!("{}", stamped("connected again"));
        }
    }

    /// Gives the screen back, and leaves the last status on it.
    fn rest(self) -> io::Result<()> {
        let Face::Live { service, last, .. } = &self else { return Ok(()) };
        let text = last.as_ref().map(|status| status_text(status, service, &[], &Look::of_stdout())).unwrap_or_default();
        drop(self);
        output::print(&text)
    }
}

impl Drop for Face {
    /// Whatever the way out is, the terminal is as it was.
    fn drop(&mut self) {
        if let Face::Live { .. } = self {
            // Nothing is left to tell it to if this fails.
            let _ = write_out(LEAVE);
        }
    }
}

/// One frame: from the top, each line to its end, and nothing left below. A line more than the screen has would scroll it.
fn frame(text: &str, height: usize) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    let fits = lines.len() <= height;
    let shown = if fits { lines.len() } else { height.saturating_sub(1) };
    let mut out = String::from("\u{1b}[H");
    for line in &lines[..shown] {
        out += &format!("{line}\u{1b}[K\n");
    }
    if fits {
        out.truncate(out.trim_end_matches('\n').len());
    } else {
        out += &format!("… {} more lines\u{1b}[K", lines.len() - shown);
    }
    out + "\u{1b}[J"
}

fn stamped(line: &str) -> String {
    format!("{:.0} {line}", Timestamp::now())
}

fn write_out(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_never_scrolls() {
        let line_count = |frame: &str| frame.matches('\n').count() + 1;
        assert_eq!(frame("a\nb\n", 10), "\u{1b}[Ha\u{1b}[K\nb\u{1b}[K\u{1b}[J");
        assert_eq!(line_count(&frame("a\nb\nc", 3)), 3);
        let cut = frame("a\nb\nc\nd", 3);
        assert!(line_count(&cut) == 3 && cut.contains("… 2 more lines"), "{cut:?}");
    }
}
