//! The instrument without a host: the same engine, worker and parameters as in the plugin, played offline.
//!
//! The engine has a thread of its own, as in a host, and waits for each note that it needs. The main thread looks after it:
//! it shows the progress, and ends a render that cannot go on, be it for an error or because the user wants so.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use timbrel::audio::{Engine, Event, Settings, TimedEvent, Wait};
use timbrel::link::{self, Generator, Status};
use timbrel::model::ModelRef;
use timbrel::worker::Instance;

use super::wav::WavFile;

/// Longest render: nothing that is played by one MIDI file takes longer, and a mistake in one would fill the disk.
pub const LONGEST_SECONDS: f64 = 2.0 * 3600.0;

/// Samples of a block. Parameters change from block to block, so this is also how finely automation is heard.
const BLOCK_SAMPLES: usize = 64;

/// How often the main thread looks.
const LOOK: Duration = Duration::from_millis(50);

/// A render that has got no further for so long, and has met an error, will not go on. The worker tries a note that failed
/// again after ten seconds.
const PATIENCE: Duration = Duration::from_secs(15);

/// Set by the signal that asks the program to end.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Instances of the instrument that play together.
pub struct Player {
    parts: Vec<Part>,
    sample_rate: u32,
}

/// One instance.
struct Part {
    engine: Engine,
    status: Arc<Status>,
    /// Keeps the worker going.
    instance: Instance,
    /// The events of a block.
    due: Vec<TimedEvent>,
}

impl Part {
    fn new() -> Self {
        let (audio_end, worker_end, editor_end) = link::link();
        Self {
            engine: Engine::new(audio_end),
            status: editor_end.status,
            instance: Instance::new(worker_end),
            due: Vec::new(),
        }
    }

    /// Loads the model (the default one where none is named), and waits until it is there.
    fn start(&self, model: Option<&Path>) -> Result<()> {
        if let Some(model) = model {
            let path = std::path::absolute(model).unwrap_or_else(|_| model.to_owned());
            self.instance.load_model(ModelRef { path, ..ModelRef::default() });
        }
        self.instance.start();
        let spinner = ProgressBar::new_spinner().with_message("loading the model");
        loop {
            // A model that is refused makes way for the default one; here that would be the wrong sound, without a word.
            if let Some(error) = self.status.error.lock().take() {
                bail!("{error}");
            }
            match self.status.generator() {
                Generator::Ready => break,
                Generator::Unavailable => bail!("no notes can be rendered: try it in the app, and read what it says"),
                Generator::Loading => spinner.tick(),
            }
            ensure!(!INTERRUPTED.load(Ordering::Relaxed), "interrupted; nothing was written");
            std::thread::sleep(LOOK);
        }
        spinner.finish_and_clear();
        Ok(())
    }
}

/// Who an event is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum To {
    Part(usize),
    All,
}

impl Player {
    /// One instance, that has loaded nothing yet.
    pub fn new(sample_rate: u32) -> Self {
        Self { parts: vec![Part::new()], sample_rate }
    }

    /// Makes so many instances of it, each for a timbre of its own.
    pub fn divide(&mut self, parts: usize) {
        self.parts.resize_with(parts.max(1), Part::new);
    }

    /// The state of the first instance.
    pub fn status(&self) -> Arc<Status> {
        Arc::clone(&self.parts[0].status)
    }

    /// The states of all instances.
    pub fn statuses(&self) -> Vec<Arc<Status>> {
        self.parts.iter().map(|part| Arc::clone(&part.status)).collect()
    }

    /// Loads the model (the default one where none is named), waits until it is there, and makes ready to play.
    pub fn start(&mut self, model: Option<&Path>) -> Result<()> {
        self.parts.iter().try_for_each(|part| part.start(model))?;
        self.activate(self.sample_rate);
        Ok(())
    }

    /// Sets the rate in Hz and silences everything.
    pub fn activate(&mut self, sample_rate: u32) {
        self.sample_rate = sample_rate;
        self.parts.iter_mut().for_each(|part| part.engine.activate(sample_rate as f32, true));
    }

    /// Ends all that sounds, at once.
    pub fn silence(&mut self) {
        self.parts.iter_mut().for_each(|part| part.engine.reset());
    }

    /// Voices that sound.
    pub fn voices(&self) -> usize {
        self.parts.iter().map(|part| part.engine.voices()).sum()
    }

    /// The sample at a time in seconds.
    pub fn sample_at(&self, seconds: f64) -> u64 {
        (seconds * f64::from(self.sample_rate)).round() as u64
    }

    pub fn seconds_at(&self, sample: u64) -> f64 {
        sample as f64 / f64::from(self.sample_rate)
    }

    /// Plays events, each at its sample and in their order, block by block into a file: so many samples, or as long as
    /// `goes_on` says after each block. `settings` gives what holds from a time in seconds on, for each part.
    pub fn play(
        &mut self,
        events: impl IntoIterator<Item = (u64, To, Event)>,
        samples: u64,
        file: &mut impl Sink,
        progress: &Progress,
        mut settings: impl FnMut(f64, usize) -> Settings,
        goes_on: impl Fn(&Self, u64) -> bool,
    ) -> Result<()> {
        let mut events = events.into_iter().peekable();
        let mut at = 0;
        while at < samples {
            let len = BLOCK_SAMPLES.min((samples - at) as usize);
            let end = at + len as u64;
            while let Some((sample, to, event)) = events.next_if(|&(sample, ..)| sample < end) {
                let timed = TimedEvent { sample: sample.saturating_sub(at) as usize, event };
                match to {
                    To::All => self.parts.iter_mut().for_each(|part| part.due.push(timed)),
                    To::Part(part) => self.parts[part].due.push(timed),
                }
            }
            let (mut left, mut right) = ([0.0; BLOCK_SAMPLES], [0.0; BLOCK_SAMPLES]);
            let (left, right) = (&mut left[..len], &mut right[..len]);
            let seconds = self.seconds_at(at);
            for (index, part) in self.parts.iter_mut().enumerate() {
                part.add_to(&settings(seconds, index), index == 0, left, right);
            }
            file.add(left, right)?;
            progress.advance(len)?;
            at = end;
            if !goes_on(self, at) {
                break;
            }
        }
        Ok(())
    }
}

impl Part {
    /// Adds a block, or is the first to fill it.
    fn add_to(&mut self, settings: &Settings, is_first: bool, left: &mut [f32], right: &mut [f32]) {
        let Self { engine, due, .. } = self;
        if is_first {
            engine.process_stereo(settings, Wait::Always, due.drain(..), left, right);
        } else {
            let (mut own_left, mut own_right) = ([0.0; BLOCK_SAMPLES], [0.0; BLOCK_SAMPLES]);
            let (own_left, own_right) = (&mut own_left[..left.len()], &mut own_right[..right.len()]);
            engine.process_stereo(settings, Wait::Always, due.drain(..), own_left, own_right);
            let add = |all: &mut [f32], own: &[f32]| all.iter_mut().zip(own).for_each(|(all, own)| *all += own);
            add(left, own_left);
            add(right, own_right);
        }
        // Nobody asks which notes have ended.
        engine.take_ended().for_each(drop);
    }
}

/// What takes the sound in.
pub trait Sink {
    /// Takes samples, as many of each side.
    fn add(&mut self, left: &[f32], right: &[f32]) -> Result<()>;
}

impl Sink for WavFile {
    fn add(&mut self, left: &[f32], right: &[f32]) -> Result<()> {
        WavFile::add(self, left, right)
    }
}

/// Lets an interruption end the render instead of the program, so that no half-written file stays.
pub fn heed_interruptions() {
    // Where there can be no handler, the program ends as programs do.
    let _ = ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::Relaxed));
}

/// Whether an interruption has come.
pub fn is_interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// How far a render has come, and whether it is to go on.
pub struct Progress {
    samples: AtomicU64,
    stop: AtomicBool,
}

impl Progress {
    /// Notes that so many samples more are done. The error only ends the render; why is known to who ended it.
    pub fn advance(&self, samples: usize) -> Result<()> {
        self.samples.fetch_add(samples as u64, Ordering::Relaxed);
        if self.stop.load(Ordering::Relaxed) { Err(anyhow!("the render was ended")) } else { Ok(()) }
    }
}

/// Runs `render` on a thread of its own until it is done or has to be ended. `samples` is about how many it will do.
pub fn watch<T: Send>(
    statuses: &[Arc<Status>],
    samples: u64,
    render: impl FnOnce(&Progress) -> Result<T> + Send,
) -> Result<T> {
    let bar = ProgressBar::new(samples).with_style(style());
    let done = watch_patiently(statuses, PATIENCE, render, |samples| bar.set_position(samples));
    bar.finish_and_clear();
    done
}

fn watch_patiently<T: Send>(
    statuses: &[Arc<Status>],
    patience: Duration,
    render: impl FnOnce(&Progress) -> Result<T> + Send,
    show: impl Fn(u64),
) -> Result<T> {
    let progress = Progress { samples: AtomicU64::new(0), stop: AtomicBool::new(false) };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("timbrel-audio".into());
        let thread =
            thread.spawn_scoped(scope, || render(&progress)).context("no thread can be started for the render")?;
        let mut before = 0;
        let mut since = Instant::now();
        let mut reason = None;
        while !thread.is_finished() {
            std::thread::sleep(LOOK.min(patience));
            let samples = progress.samples.load(Ordering::Relaxed);
            show(samples);
            if samples != before {
                (before, since) = (samples, Instant::now());
            }
            if reason.is_none() && INTERRUPTED.load(Ordering::Relaxed) {
                reason = Some("interrupted; nothing was written".to_owned());
            } else if reason.is_none() && since.elapsed() > patience {
                reason = statuses.iter().find_map(|status| status.error.lock().clone());
            }
            if reason.is_some() {
                progress.stop.store(true, Ordering::Relaxed);
                // The engine waits for no more notes then; said each time, since the worker may say otherwise.
                statuses.iter().for_each(|status| status.set_generator(Generator::Unavailable));
            }
        }
        let done = thread.join().map_err(|_| anyhow!("the render failed by an internal error; please report it"))?;
        match reason {
            Some(reason) => bail!("{reason}"),
            None => done,
        }
    })
}

fn style() -> ProgressStyle {
    let style = ProgressStyle::with_template("{bar:40} {percent:>3} %  {elapsed} gone, {eta} to go");
    // The template is a constant that holds.
    style.unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// The figures of a render, as the end of a sentence: notes, and speed against real time.
pub fn figures(statuses: &[Arc<Status>], audio_seconds: f64, took: Duration) -> String {
    let count = |counter: fn(&Status) -> &AtomicU64| -> u64 {
        statuses.iter().map(|status| counter(status).load(Ordering::Relaxed)).sum()
    };
    format!(
        "notes asked {}, rendered {}, played {}; {:.1} times real time",
        count(|status| &status.notes_asked),
        count(|status| &status.notes_rendered),
        count(|status| &status.notes_played),
        audio_seconds / took.as_secs_f64().max(1e-9)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_render_that_cannot_go_on_ends_with_the_reason() {
        let (_, _, editor_end) = link::link();
        let status = editor_end.status;
        *status.error.lock() = Some("the note failed".into());
        let ended = watch_patiently(
            &[Arc::clone(&status)],
            Duration::from_millis(5),
            |progress| {
                progress.advance(64)?;
                while status.generator() != Generator::Unavailable {
                    std::thread::sleep(Duration::from_millis(1));
                }
                progress.advance(64)
            },
            |_| {},
        );
        assert_eq!(ended.unwrap_err().to_string(), "the note failed");
    }

    #[test]
    fn a_render_that_goes_on_is_left_alone_whatever_was_said() {
        let (_, _, editor_end) = link::link();
        let status = editor_end.status;
        *status.error.lock() = Some("something that was mended".into());
        let statuses = [Arc::clone(&status)];
        let done =
            watch_patiently(&statuses, Duration::from_secs(600), |progress| progress.advance(64).map(|()| 7), |_| {});
        assert_eq!(done.unwrap(), 7);
        assert_eq!(status.generator(), Generator::Loading);
    }
}
