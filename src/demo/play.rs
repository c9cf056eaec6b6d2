//! The story told on its stage.

use std::pin::{Pin, pin};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::time::sleep;

use super::file::{HOST, NEW, OLD, TESTER};
use super::frame::Frame;
use super::stage::{Stage, find_envoy};
use super::story::{BEGINNING, STEPS, Step};
use super::window::{Part, Window};
use super::{DemoError, Face, Options, Summary};
use crate::testbed::{Load, Totals};

/// Longest wait for traffic to become what the file says.
const PATIENCE: Duration = Duration::from_secs(15);
/// Time between two frames.
const FRAME: Duration = Duration::from_millis(100);
/// Time between two looks at a fact.
const LOOK: Duration = Duration::from_millis(5);

/// Runs a demo until its story is told, or `stop` comes; with [`Options::keep`], until `stop` comes in any case. Ending early is no
/// error. When it returns, nothing of it runs any more.
///
/// # Errors
/// A part of it could not start, or traffic did not become what the file says.
pub async fn run(options: Options, face: &mut dyn Face, stop: impl Future<Output = ()>) -> Result<Summary, DemoError> {
    let started = Instant::now();
    let mut stop = pin!(stop);
    let staged = tokio::select! {
        staged = set_up(&options, face, started) => staged?,
        () = &mut stop => return Ok(Summary::default()),
    };
    let mut loads = vec![staged.load(options.rate)?];
    let told = Play::new(&options, face, started, &staged, &mut loads).run(stop).await;
    face.rest()?;
    let ended = staged.end(loads).await;
    told.and(ended)
}

async fn set_up(options: &Options, face: &mut dyn Face, started: Instant) -> Result<Stage, DemoError> {
    let (say, mut said) = mpsc::unbounded_channel::<String>();
    let mut found = pin!(find_envoy(options, move |text| drop(say.send(text.to_owned()))));
    let envoy = loop {
        tokio::select! {
            biased;
            Some(text) = said.recv() => face.event(started.elapsed(), &text)?,
            envoy = &mut found => break envoy?,
        }
    };
    face.event(started.elapsed(), &format!("Envoy is {}", envoy.display()))?;
    Stage::start(&envoy, |text| Ok(face.event(started.elapsed(), text)?)).await
}

struct Play<'a> {
    options: &'a Options,
    face: &'a mut dyn Face,
    started: Instant,
    stage: &'a Stage,
    /// Everybody, then testers once there are any.
    loads: &'a mut Vec<Load>,
    windows: [Window; 2],
    title: String,
    event: String,
    drawn: Instant,
}

impl<'a> Play<'a> {
    fn new(options: &'a Options, face: &'a mut dyn Face, started: Instant, stage: &'a Stage, loads: &'a mut Vec<Load>) -> Play<'a> {
        let (windows, title, event) = (<[Window; 2]>::default(), String::new(), String::new());
        Play { options, face, started, stage, loads, windows, title, event, drawn: started }
    }

    async fn run(mut self, mut stop: Pin<&mut impl Future<Output = ()>>) -> Result<(), DemoError> {
        tokio::select! {
            told = self.tell() => told?,
            () = &mut stop => return Ok(()),
        }
        if self.options.keep {
            self.invite()?;
            tokio::select! {
                kept = self.watch() => kept?,
                () = &mut stop => {}
            }
        }
        Ok(())
    }

    async fn tell(&mut self) -> Result<(), DemoError> {
        self.say(&format!("{} requests/s begin, for {HOST}", self.options.rate))?;
        self.enter(&BEGINNING)?;
        self.arrive(&BEGINNING).await?;
        for step in &STEPS {
            self.step(step).await?;
        }
        Ok(())
    }

    async fn step(&mut self, step: &Step) -> Result<(), DemoError> {
        self.enter(step)?;
        if step.testers.is_some() && self.loads.len() == 1 {
            let (header, value) = TESTER;
            self.say(&format!("testers begin to ask too, with the header {header}: {value}"))?;
            self.loads.push(self.stage.testers(self.options.rate)?);
        }
        let (_, before) = self.stage.routes();
        self.stage.file.save(step.says)?;
        let saved = Instant::now();
        self.say(&saying("saved", &self.stage.file.decisive_lines()))?;
        self.until("the Envoy to acknowledge", |play| matches!(play.stage.routes(), (true, pushes) if pushes > before)).await?;
        self.say(&format!("the Envoy has acknowledged it, {} ms after the save", saved.elapsed().as_millis()))?;
        self.arrive(step).await
    }

    /// The traffic becomes what the file says, and is shown for a while.
    async fn arrive(&mut self, step: &Step) -> Result<(), DemoError> {
        self.restart();
        let arrived = |play: &Play<'_>| {
            let testers = step.testers.is_none_or(|share| play.windows[1].is(NEW, share));
            play.windows[0].is(NEW, step.share) && testers
        };
        self.until("traffic to become what the file says", arrived).await?;
        let since = Instant::now();
        self.until("the audience", |play| since.elapsed() >= play.options.linger).await?;
        let share = |window: &Window| format!("{:.1} % of {} requests", window.part(NEW).share * 100.0, window.answered());
        let testers = step.testers.map(|_| format!(", and {} of testers", share(&self.windows[1]))).unwrap_or_default();
        self.say(&format!("{NEW} gets {}{testers}", share(&self.windows[0])))
    }

    fn enter(&mut self, step: &Step) -> Result<(), DemoError> {
        self.title = step.title.to_owned();
        Ok(self.face.title(self.started.elapsed(), step.title)?)
    }

    fn invite(&mut self) -> Result<(), DemoError> {
        self.title = "yours: edit the file and watch; Ctrl-C ends it".to_owned();
        self.face.title(self.started.elapsed(), &self.title)?;
        self.say(&format!("edit {}", self.stage.file.path().display()))?;
        self.say(&format!("or ask by yourself: curl -i -H 'host: {HOST}' http://{}/", self.stage.listener))?;
        self.say(&format!("or see what is served: tidegate status --server {}", self.stage.server.admin))
    }

    /// Shows the traffic for as long as nobody says stop.
    async fn watch(&mut self) -> Result<(), DemoError> {
        let mut said = self.stage.file.decisive_lines();
        loop {
            self.draw()?;
            let says = self.stage.file.decisive_lines();
            if says != said {
                self.restart();
                self.say(&saying("the file says", &says))?;
                said = says;
            }
            sleep(FRAME).await;
        }
    }

    fn restart(&mut self) {
        for (window, load) in self.windows.iter_mut().zip(self.loads.iter()) {
            window.restart(Instant::now(), load.totals());
        }
    }

    fn say(&mut self, text: &str) -> Result<(), DemoError> {
        self.event = text.lines().next().unwrap_or_default().trim_end_matches(':').to_owned();
        Ok(self.face.event(self.started.elapsed(), text)?)
    }

    /// Waits for a fact, and draws meanwhile.
    async fn until(&mut self, what: &str, fact: impl Fn(&Play<'a>) -> bool) -> Result<(), DemoError> {
        let since = Instant::now();
        loop {
            if self.drawn.elapsed() >= FRAME {
                self.draw()?;
            }
            if fact(self) {
                return Ok(());
            }
            if since.elapsed() > PATIENCE.max(self.options.linger * 2) {
                return Err(DemoError::Late { what: what.to_owned(), waited: since.elapsed(), seen: self.stage.seen() });
            }
            sleep(LOOK).await;
        }
    }

    fn draw(&mut self) -> Result<(), DemoError> {
        self.drawn = Instant::now();
        let totals: Vec<Totals> = self.loads.iter().map(Load::totals).collect();
        for (window, totals) in self.windows.iter_mut().zip(&totals) {
            window.record(self.drawn, totals.clone());
        }
        let parts = |window: &Window| -> Vec<(String, Part)> { [OLD, NEW].map(|v| (v.to_owned(), window.part(v))).into() };
        let frame = Frame {
            at: self.started.elapsed(),
            title: self.title.clone(),
            file: self.stage.file.path().to_owned(),
            says: self.stage.file.decisive_lines(),
            problem: self.stage.problem(),
            traffic: parts(&self.windows[0]),
            testers: if totals.len() > 1 { parts(&self.windows[1]) } else { Vec::new() },
            requests: totals.iter().map(|totals| totals.done).sum(),
            failed: totals.iter().map(|totals| totals.failed).sum(),
            event: self.event.clone(),
        };
        Ok(self.face.frame(&frame)?)
    }
}

/// An event about the file, with the lines that decide below it.
fn saying(what: &str, lines: &[String]) -> String {
    let indented = lines.iter().map(|line| format!("\n  {line}"));
    std::iter::once(format!("{what}:")).chain(indented).collect()
}
