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

/// One instance of the instrument.
pub struct Player {
    engine: Engine,
    pub status: Arc<Status>,
    sample_rate: u32,
    /// Keeps the worker going.
    instance: Instance,
}

impl Player {
    /// An instance that has loaded nothing yet.
    pub fn new(sample_rate: u32) -> Self {
        let (audio_end, worker_end, editor_end) = link::link();
        Self {
            engine: Engine::new(audio_end),
            status: editor_end.status,
            sample_rate,
            instance: Instance::new(worker_end),
        }
    }

    /// Loads the model (the default one where none is named), waits until it is there, and makes ready to play.
    pub fn start(&mut self, model: Option<&Path>) -> Result<()> {
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
        self.activate(self.sample_rate);
        Ok(())
    }

    /// Sets the rate in Hz and silences everything.
    pub fn activate(&mut self, sample_rate: u32) {
        self.sample_rate = sample_rate;
        self.engine.activate(sample_rate as f32, true);
    }

    /// Ends all that sounds, at once.
    pub fn silence(&mut self) {
        self.engine.reset();
    }

    /// Voices that sound.
    pub fn voices(&self) -> usize {
        self.engine.voices()
    }

    /// The sample at a time in seconds.
    pub fn sample_at(&self, seconds: f64) -> u64 {
        (seconds * f64::from(self.sample_rate)).round() as u64
    }

    pub fn seconds_at(&self, sample: u64) -> f64 {
        sample as f64 / f64::from(self.sample_rate)
    }

    /// Plays events, each at its sample and in their order, block by block into a file: so many samples, or as long as
    /// `goes_on` says after each block. `settings` gives what holds from a time in seconds on.
    pub fn play(
        &mut self,
        events: impl IntoIterator<Item = (u64, Event)>,
        samples: u64,
        file: &mut WavFile,
        progress: &Progress,
        mut settings: impl FnMut(f64) -> Settings,
        goes_on: impl Fn(&Self, u64) -> bool,
    ) -> Result<()> {
        let mut events = events.into_iter().peekable();
        let (mut left, mut right) = ([0.0; BLOCK_SAMPLES], [0.0; BLOCK_SAMPLES]);
        let mut at = 0;
        while at < samples {
            let count = BLOCK_SAMPLES.min((samples - at) as usize);
            let (left, right) = (&mut left[..count], &mut right[..count]);
            let end = at + count as u64;
            let due = std::iter::from_fn(|| events.next_if(|&(sample, _)| sample < end))
                .map(|(sample, event)| TimedEvent { sample: (sample - at) as usize, event });
            let settings = settings(self.seconds_at(at));
            self.engine.process(&settings, Wait::Always, due, left);
            self.engine.spread(&settings, left, right);
            file.add(left, right)?;
            progress.advance(count)?;
            at = end;
            if !goes_on(self, at) {
                break;
            }
        }
        Ok(())
    }
}

/// Lets an interruption end the render instead of the program, so that no half-written file stays.
pub fn heed_interruptions() {
    // Where there can be no handler, the program ends as programs do.
    let _ = ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::Relaxed));
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
pub fn watch<T: Send>(status: &Status, samples: u64, render: impl FnOnce(&Progress) -> Result<T> + Send) -> Result<T> {
    let bar = ProgressBar::new(samples).with_style(style());
    let done = watch_patiently(status, PATIENCE, render, |samples| bar.set_position(samples));
    bar.finish_and_clear();
    done
}

fn watch_patiently<T: Send>(
    status: &Status,
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
                reason = status.error.lock().clone();
            }
            if reason.is_some() {
                progress.stop.store(true, Ordering::Relaxed);
                // The engine waits for no more notes then; said each time, since the worker may say otherwise.
                status.set_generator(Generator::Unavailable);
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
pub fn figures(status: &Status, audio_seconds: f64, took: Duration) -> String {
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    format!(
        "notes asked {}, rendered {}, played {}; {:.1} times real time",
        count(&status.notes_asked),
        count(&status.notes_rendered),
        count(&status.notes_played),
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
            &status,
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
        let done =
            watch_patiently(&status, Duration::from_secs(600), |progress| progress.advance(64).map(|()| 7), |_| {});
        assert_eq!(done.unwrap(), 7);
        assert_eq!(status.generator(), Generator::Loading);
    }
}
