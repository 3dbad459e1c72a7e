//! A recording that is being matched: the search on a thread of its own, and what is shown of it in the place of the tools.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{Builder, JoinHandle};

use anyhow::{Result, anyhow};
use egui::{Align2, Rect, Stroke, pos2, vec2};

use super::View;
use super::control::{self, id};
use super::folders;
use super::look::{AMBER, LABEL, LINE, TEXT};
use crate::held::Point;
use crate::matching::{Interrupt, Match, Matcher, Wish};
use crate::model::Model;
use crate::recording;
use crate::worker::thread_priority;

/// The search, and what was found last.
#[derive(Default)]
pub struct Matching {
    search: Option<Search>,
    /// What came of the last one, in words, until it was read.
    said: Option<String>,
}

/// How far a search has come.
#[derive(Default)]
struct Progress {
    done: AtomicUsize,
    of: AtomicUsize,
}

struct Search {
    name: String,
    /// SHA-256 of the model whose sounds are compared.
    model: String,
    interrupt: Arc<Interrupt>,
    progress: Arc<Progress>,
    /// `None` once it was joined.
    thread: Option<JoinHandle<Result<Match>>>,
}

impl Search {
    /// The error is a sentence.
    fn begin(recording: &Path, model: &Path, sha256: &str) -> Result<Self> {
        let (interrupt, progress) = (Arc::<Interrupt>::default(), Arc::<Progress>::default());
        let (own_interrupt, own_progress) = (Arc::clone(&interrupt), Arc::clone(&progress));
        let (path, model): (PathBuf, PathBuf) = (recording.to_owned(), model.to_owned());
        let search = move || {
            // No panic may end the host; the sentence is all that is lost.
            let found = catch_unwind(AssertUnwindSafe(|| find(&path, &model, &own_interrupt, &own_progress)));
            found.unwrap_or_else(|_| Err(anyhow!("The recording {} could not be matched.", path.display())))
        };
        let thread = Builder::new().name("timbrel-match".into()).spawn(search);
        let thread = thread.map_err(|error| anyhow!("The recording cannot be matched now: {error}."))?;
        let name = recording.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name, model: sha256.to_owned(), interrupt, progress, thread: Some(thread) })
    }

    /// What was found, once that is known.
    fn take(&mut self) -> Option<Result<Match>> {
        let thread = self.thread.take_if(|thread| thread.is_finished())?;
        Some(thread.join().unwrap_or_else(|_| Err(anyhow!("The recording could not be matched."))))
    }
}

/// The thread runs code of this library, and must be gone before it.
impl Drop for Search {
    fn drop(&mut self) {
        self.interrupt.raise();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// On the thread of the search. The error is a sentence.
fn find(path: &Path, model: &Path, interrupt: &Interrupt, progress: &Progress) -> Result<Match> {
    thread_priority::lower();
    let sentence = |error: anyhow::Error| anyhow!("The recording {} {error:#}.", folders::name(path));
    let recording = recording::read(path).map_err(|error| sentence(error.context("cannot be used")))?;
    let model = Model::read(model)?;
    let mut matcher = Matcher::new(&model, interrupt)?;
    let found = matcher.run(&recording, Wish::default(), interrupt, |done, of| {
        progress.done.store(done, Ordering::Relaxed);
        progress.of.store(of, Ordering::Relaxed);
    });
    found.map_err(sentence)
}

impl Matching {
    /// Begins to match a recording with the model that plays; a search that goes on ends.
    pub fn begin(&mut self, view: &View, recording: &Path) {
        let model = &view.snapshot.model;
        (self.search, self.said) = (None, None);
        if model.name.is_empty() {
            *view.error.lock() = Some("No model plays that a recording could be matched with: choose one.".to_owned());
            return;
        }
        match Search::begin(recording, &model.path, &model.sha256) {
            Ok(search) => self.search = Some(search),
            Err(error) => *view.error.lock() = Some(error.to_string()),
        }
    }

    /// Whether there is something to show in the place of the tools.
    pub fn is_shown(&self) -> bool {
        self.search.is_some() || self.said.is_some()
    }

    #[cfg(test)]
    pub fn pretend(&mut self, said: &str) {
        self.said = Some(said.to_owned());
    }

    pub fn is_searching(&self) -> bool {
        self.search.is_some()
    }

    /// Plays what was found, once that is known.
    pub fn follow(&mut self, view: &View) {
        let Some(search) = &mut self.search else { return };
        let Some(found) = search.take() else { return };
        if search.interrupt.is_raised() {
            self.search = None;
            return;
        }
        let same_model = search.model == view.snapshot.model.sha256;
        let name = std::mem::take(&mut search.name);
        self.search = None;
        match found {
            Ok(_) if !same_model => {
                let words = format!("Another model plays by now: match {name} again to find it there.");
                *view.error.lock() = Some(words);
            }
            Ok(found) => {
                let words = format!("{name}: {}", found.summary());
                let mut point = Point { name, latent: found.latent, at: None };
                match point.check() {
                    Ok(()) => {
                        super::hand::go_to(view, point);
                        self.said = Some(words);
                    }
                    Err(error) => *view.error.lock() = Some(format!("The timbre that was found {error}.")),
                }
            }
            Err(error) => *view.error.lock() = Some(error.to_string()),
        }
    }

    pub fn show(&mut self, view: &View, rect: Rect) {
        let (look, painter) = (view.look, view.ui.painter());
        let button = Rect::from_min_max(pos2(rect.right() - look.px(66.0), rect.top()), rect.max);
        let words_room = button.left() - rect.left() - look.px(12.0);
        let Some(search) = &self.search else {
            let words = self.said.clone().unwrap_or_default();
            let galley = look.set(painter, &words, LABEL, TEXT, words_room, 2);
            let at = pos2(rect.left(), rect.center().y - galley.size().y / 2.0);
            painter.galley(at, galley, TEXT);
            let sentence = "Shows the tools again; the timbre that was found stays.";
            if control::word_button(view.ui, look, button, id("match", 1), true, "Done", sentence) {
                self.said = None;
            }
            return;
        };
        let (done, of) = (search.progress.done.load(Ordering::Relaxed), search.progress.of.load(Ordering::Relaxed));
        let words = match of {
            0 => format!("Listening to {}…", search.name),
            of => format!("Matching {}: {done} of {of} sounds compared", search.name),
        };
        let at = pos2(rect.left(), rect.top() + look.px(8.0));
        look.text(painter, (at, Align2::LEFT_CENTER), &words, LABEL, TEXT, words_room);
        let y = rect.bottom() - look.px(4.0);
        let (left, right) = (pos2(rect.left(), y), pos2(rect.left() + words_room, y));
        painter.line_segment([left, right], Stroke::new(look.px(2.0), LINE));
        let share = done as f32 / of.max(1) as f32;
        painter.line_segment([left, left + vec2(share * words_room, 0.0)], Stroke::new(look.px(2.5), AMBER));
        let sentence = "Ends the search; the timbre stays as it is.";
        if control::word_button(view.ui, look, button, id("match", 0), true, "Cancel", sentence) {
            // It ends within milliseconds, and nobody waits for that.
            search.interrupt.raise();
        }
    }
}
