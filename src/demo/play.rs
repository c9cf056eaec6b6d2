//! The story told on its stage.

use std::cell::Cell;
use std::pin::{Pin, pin};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::time::sleep;

use super::file::{HOST, SERVICE, Says, TESTER};
use super::frame::Frame;
use super::stage::{SOMEBODY, Stage, find_envoy};
use super::story::{Act, BEGINNING, Comes, FIRST, STEPS, Step};
use super::told::{has_come, is_new_step, ladder, saying, share, title};
use super::window::{Part, Window};
use super::{DemoError, Face, Options, Summary};
use crate::control::RolloutStatus;
use crate::rollout::{RungState, Verb};
use crate::testbed::{Load, Totals};

/// Longest wait for traffic to become what the file says.
const PATIENCE: Duration = Duration::from_secs(15);
/// Time between two frames.
const FRAME: Duration = Duration::from_millis(100);
/// Time between two looks at a fact.
const LOOK: Duration = Duration::from_millis(5);
/// A version that has answered nobody for so long gets nothing any more.
const QUIET: Duration = Duration::from_millis(300);

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
    Stage::start(options, &envoy, |text| Ok(face.event(started.elapsed(), text)?)).await
}

struct Play<'a> {
    options: &'a Options,
    face: &'a mut dyn Face,
    started: Instant,
    stage: &'a Stage,
    /// Everybody, then testers once there are any.
    loads: &'a mut Vec<Load>,
    windows: [Window; 2],
    /// The versions that the file names.
    shown: [&'static str; 2],
    saved: Instant,
    title: String,
    event: String,
    drawn: Instant,
}

impl<'a> Play<'a> {
    fn new(options: &'a Options, face: &'a mut dyn Face, started: Instant, stage: &'a Stage, loads: &'a mut Vec<Load>) -> Play<'a> {
        let (windows, title, event) = (<[Window; 2]>::default(), String::new(), String::new());
        Play { options, face, started, stage, loads, windows, shown: FIRST.versions, saved: started, title, event, drawn: started }
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
        match step.act {
            Act::Save(says) => self.save(says).await?,
            Act::Say { verb, reason, leaves } => self.order(verb, reason, leaves).await?,
        }
        self.follow(step.comes_to).await?;
        self.arrive(step).await?;
        match (step.comes_to, self.stage.routes()) {
            (Comes::Nowhere, (true, pushes)) if pushes == before => self.say("the Envoy was sent nothing for it: nothing moves"),
            _ => Ok(()),
        }
    }

    /// The file is saved, and taken in.
    async fn save(&mut self, says: Says) -> Result<(), DemoError> {
        let generation = self.stage.status().generation;
        self.stage.file.save(says)?;
        (self.shown, self.saved) = (says.versions, Instant::now());
        self.say(&saying("saved", &self.stage.file.decisive_lines()))?;
        self.until("the server to take the file in", |play| play.stage.status().generation > generation).await
    }

    /// Somebody says something to the server, and a version is left.
    async fn order(&mut self, verb: Verb, reason: &str, leaves: &str) -> Result<(), DemoError> {
        let answers = |play: &Play<'_>| play.loads.iter().map(|load| load.totals().of(leaves)).sum::<u64>();
        let (said, last) = (Instant::now(), Cell::new((answers(self), Instant::now())));
        let came = self.stage.order(verb, reason).await?;
        self.say(&format!("{SOMEBODY} says `tidegate {} {SERVICE} --reason \"{reason}\"`: {came}", verb.as_str()))?;
        let quiet = |play: &Play<'_>| {
            let count = answers(play);
            if count != last.get().0 {
                last.set((count, Instant::now()));
            }
            last.get().1.elapsed() >= QUIET
        };
        self.until(&format!("{leaves} to get nothing any more"), quiet).await?;
        let late = last.get().1.duration_since(said).as_millis();
        self.say(&format!("the last answer of {leaves} came {late} ms after it"))
    }

    /// A release goes on by itself until it is where the story waits for it; each of its steps is told.
    async fn follow(&mut self, to: Comes) -> Result<(), DemoError> {
        if to == Comes::Nowhere {
            return Ok(());
        }
        let mut told = None;
        loop {
            let next = |play: &Play<'_>| play.stage.release().is_some_and(|now| has_come(&now, to) || is_new_step(&now, told));
            self.until("the release to go on", next).await?;
            let Some(now) = self.stage.release() else { continue };
            let step = now.view.step.0;
            if let Some((before, since)) = told.filter(|(before, _)| *before != step) {
                let seen = share(&self.windows[0], &now.view.candidate, "got", "");
                self.say(&format!("in the {:.1} s of step {before} {seen}", Instant::elapsed(&since).as_secs_f64()))?;
            }
            if has_come(&now, to) {
                return self.say(&title(&now));
            }
            told = Some((step, Instant::now()));
            self.tell_step(&now)?;
            self.restart();
        }
    }

    /// A step has begun, and every node has it.
    fn tell_step(&mut self, now: &RolloutStatus) -> Result<(), DemoError> {
        let (step, of) = now.view.step;
        let rung = now.view.ladder.iter().find(|rung| rung.state == RungState::UnderWay);
        let after = if step == 1 { format!(", {} ms after the save", self.saved.elapsed().as_millis()) } else { String::new() };
        let text = rung.map(|rung| rung.text.as_str()).unwrap_or_default();
        self.say(&format!("step {step} of {of}: {text}; the Envoy has it{after}"))
    }

    /// The traffic becomes what it should, and is shown for a while.
    async fn arrive(&mut self, step: &Step) -> Result<(), DemoError> {
        self.restart();
        let is = |window: &Window, (version, share): (&str, u8)| window.is(version, share);
        let arrived =
            |play: &Play<'_>| is(&play.windows[0], step.all) && step.testers.is_none_or(|testers| is(&play.windows[1], testers));
        self.until("traffic to become what it should", arrived).await?;
        let since = Instant::now();
        self.until("the audience", |play| since.elapsed() >= play.options.linger).await?;
        let testers = step.testers.map(|(version, _)| format!(", and {}", share(&self.windows[1], version, "gets", " of testers")));
        self.say(&format!("{}{}", share(&self.windows[0], step.all.0, "gets", ""), testers.unwrap_or_default()))
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
        let parts = |window: &Window| -> Vec<(String, Part)> { self.shown.map(|v| (v.to_owned(), window.part(v))).into() };
        let frame = Frame {
            at: self.started.elapsed(),
            title: self.title.clone(),
            file: self.stage.file.path().to_owned(),
            says: self.stage.file.decisive_lines(),
            problem: self.stage.problem(),
            release: self.stage.release().map(|now| (title(&now), ladder(&now))),
            traffic: parts(&self.windows[0]),
            testers: if totals.len() > 1 { parts(&self.windows[1]) } else { Vec::new() },
            requests: totals.iter().map(|totals| totals.done).sum(),
            failed: totals.iter().map(|totals| totals.failed).sum(),
            event: self.event.clone(),
        };
        Ok(self.face.frame(&frame)?)
    }
}
