//! Servers under test, each in a process of its own.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use crate::cores;
use crate::floor::Reading;
use crate::releases::Releases;
use crate::usage::Usage;

/// A server that runs; dropping it ends it.
#[derive(Debug)]
pub struct Server {
    process: Child,
    /// Where it serves ADS.
    pub xds: SocketAddr,
    http: Option<SocketAddr>,
    trigger: Trigger,
    _stdout: BufReader<ChildStdout>,
}

/// What makes it send an update.
#[derive(Debug)]
enum Trigger {
    File(Rc<Releases>),
    Line(ChildStdin),
}

/// Longest wait for a server to serve.
const LIMIT: Duration = Duration::from_secs(60);

impl Server {
    /// Starts tidegate over the files, and waits until it serves them.
    ///
    /// # Errors
    /// It does not start.
    pub fn tidegate(releases: &Rc<Releases>) -> anyhow::Result<Server> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.arg("serve").arg(releases.dir()).arg("--state").arg(releases.beside("state"));
        command.args(["--xds", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--http", "127.0.0.1:0"]);
        // Looking at the directory without an event is no part of an update.
        command.args(["--poll", "10m"]);
        // In a folder of its own: next to the directory, each line would be an event of a folder that is watched.
        std::fs::create_dir_all(releases.beside("logs"))?;
        command.stderr(std::fs::File::create(releases.beside("logs").join("log"))?);
        let server = Server::start(command, |_| Trigger::File(releases.clone()))?;
        server.await_ready()?;
        Ok(server)
    }

    /// Starts the floor over a folder of ready messages.
    ///
    /// # Errors
    /// It does not start.
    pub fn floor(messages: &Path, reading: Reading) -> anyhow::Result<Server> {
        let mut command = Command::new(std::env::current_exe()?);
        let reading = if reading == Reading::Whole { "whole" } else { "pieces" };
        command.arg("floor").arg(messages).arg(reading);
        Server::start(command, Trigger::Line)
    }

    fn start(mut command: Command, trigger: impl FnOnce(ChildStdin) -> Trigger) -> anyhow::Result<Server> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = cores::on_servers(|| command.spawn())?.context("the server does not start")?;
        let stdin = process.stdin.take().context("no stdin")?;
        let mut stdout = BufReader::new(process.stdout.take().context("no stdout")?);
        let mut line = String::new();
        stdout.read_line(&mut line)?;
        let port = |name: &str| line.split_whitespace().find_map(|word| word.strip_prefix(name)?.parse().ok());
        let xds = port("xds=").with_context(|| format!("the server said {line:?}, and no ports"))?;
        Ok(Server { process, xds, http: port("http="), trigger: trigger(stdin), _stdout: stdout })
    }

    #[expect(clippy::disallowed_methods, reason = "nobody is told when another process is ready")]
    fn await_ready(&self) -> anyhow::Result<()> {
        let (started, http) = (Instant::now(), self.http.context("no HTTP port")?);
        loop {
            let answer = get(http, "/readyz")?;
            if answer.starts_with("HTTP/1.1 200") {
                return Ok(());
            }
            ensure!(started.elapsed() < LIMIT, "the server is not ready: {answer}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Streams that tidegate says are connected.
    ///
    /// # Errors
    /// It does not say, or it is the floor.
    pub fn streams(&self) -> anyhow::Result<u64> {
        let metrics = get(self.http.context("no HTTP port")?, "/metrics")?;
        let numbers = metrics.lines().filter(|line| line.starts_with("tidegate_connected_streams{"));
        Ok(numbers.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum())
    }

    /// Makes it send the update of this turn.
    ///
    /// # Errors
    /// It is gone.
    pub fn update(&mut self, turn: usize) -> anyhow::Result<()> {
        match &mut self.trigger {
            Trigger::File(releases) => releases.update(turn)?,
            Trigger::Line(stdin) => stdin.write_all(format!("{turn}\n").as_bytes())?,
        }
        Ok(())
    }

    /// What it uses.
    pub fn usage(&self) -> Usage {
        Usage(self.process.id())
    }
}

fn get(from: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(from)?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: tidegate\r\nConnection: close\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

impl Drop for Server {
    fn drop(&mut self) {
        // It is gone already, or it is now.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
