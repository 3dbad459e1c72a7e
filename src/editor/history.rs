//! Undo and redo of all that a hand does to the sound. Kept with the instance, so that closing the window loses nothing.
//!
//! The controls know nothing of it: they change parameters through a [`Recorder`] in place of the host, which passes all on and
//! notes it down. What automation changes meanwhile is no step. One gesture is one step, however many parameters it moves.

use std::sync::Arc;

use nice_plug::context::PluginApi;
use nice_plug::context::gui::{GuiContext, GuiContextInner};
use nice_plug::prelude::{Param, ParamPtr, PluginState};
use parking_lot::Mutex;

use crate::held::Held;
use crate::model::ModelRef;
use crate::params::TimbrelParams;
use crate::tuning::Tuning;
use crate::worker::Instance;

/// Steps that are kept.
const MOST_STEPS: usize = 500;

/// Turns of the wheel over one parameter that follow each other so closely are one step.
const ONE_TURN_S: f64 = 0.7;

/// A host takes a value that it was sent with its next audio block, mostly. For so long what was sent counts as what is.
const LATE_S: f64 = 1.0;

/// A value that has not come for so long never will.
const LOST_S: f64 = 60.0;

/// A parameter's value: on the host's scale, and as it is saved.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Value {
    normalized: f32,
    plain: f32,
}

/// What happened to a parameter.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Moved {
    param: ParamPtr,
    before: Value,
    after: Value,
}

/// What one gesture did.
#[derive(Clone, Default)]
struct Step {
    moved: Vec<Moved>,
    /// Before and after.
    held: Option<[Arc<Held>; 2]>,
    model: Option<[ModelRef; 2]>,
    tuning: Option<[Option<Tuning>; 2]>,
}

impl Step {
    fn has_more_than_params(&self) -> bool {
        self.held.is_some() || self.model.is_some() || self.tuning.is_some()
    }

    fn is_empty(&self) -> bool {
        self.moved.is_empty() && !self.has_more_than_params()
    }

    fn is_of_one_param(&self, param: ParamPtr) -> bool {
        !self.has_more_than_params() && self.moved.len() == 1 && self.moved[0].param == param
    }
}

/// The gesture that goes on.
#[derive(Default)]
struct Gesture {
    open: Vec<ParamPtr>,
    /// Whether a hand drags a timbre.
    drags: bool,
    step: Step,
    turned: bool,
    /// Values on their way to the host and back.
    sent: Vec<(ParamPtr, Value, f64)>,
    now_s: f64,
}

impl Gesture {
    /// The value of a parameter as the hand has left it, though the host may not have taken it yet.
    fn value(&self, param: ParamPtr) -> Value {
        let sent = self.sent.iter().find(|(sent, _, since)| *sent == param && self.now_s - since < LATE_S);
        sent.map_or_else(|| value_of(param), |(_, value, _)| *value)
    }

    fn send(&mut self, param: ParamPtr, value: Value) {
        self.sent.retain(|(sent, ..)| *sent != param);
        self.sent.push((param, value, self.now_s));
    }
}

fn value_of(param: ParamPtr) -> Value {
    // SAFETY: every pointer is of the parameters that the history holds.
    unsafe { Value { normalized: param.unmodulated_normalized_value(), plain: param.unmodulated_plain_value() } }
}

pub struct History {
    params: Arc<TimbrelParams>,
    instance: Arc<Instance>,
    gesture: Arc<Mutex<Gesture>>,
    steps: Vec<Step>,
    /// Steps before this one are done, those from it on undone.
    at: usize,
    /// When the wheel was turned last, in egui's seconds.
    turned_s: f64,
    /// Goes up with every step, undo and redo.
    version: u64,
    /// States that the host had loaded when the steps began.
    loaded: u64,
}

impl History {
    pub fn new(params: Arc<TimbrelParams>, instance: Arc<Instance>) -> Self {
        let loaded = params.session.loaded();
        let gesture = Arc::default();
        Self { params, instance, gesture, steps: Vec::new(), at: 0, turned_s: f64::MIN, version: 0, loaded }
    }

    /// What stands between the controls and the host for a frame.
    pub fn recorder(&self, gui: GuiContext) -> Recorder {
        Recorder {
            gui,
            params: Arc::clone(&self.params),
            instance: Arc::clone(&self.instance),
            gesture: Arc::clone(&self.gesture),
        }
    }

    /// Tells whether anything was done since it was the same.
    pub fn version(&self) -> u64 {
        self.version
    }

    pub fn can_undo(&self) -> bool {
        self.at > 0
    }

    pub fn can_redo(&self) -> bool {
        self.at < self.steps.len()
    }

    /// Takes note of the time, and of what the host has done since.
    pub fn begin_frame(&mut self, now_s: f64) {
        let mut gesture = self.gesture.lock();
        gesture.now_s = now_s;
        gesture.sent.retain(|(param, value, since)| {
            let now = value_of(*param);
            // The host takes the value on its own scale, which some plain values lie between.
            // SAFETY: the pointer is of our parameters.
            let arrived = now.plain == unsafe { param.preview_plain(value.normalized) } || now.plain == value.plain;
            if arrived
                && now.plain != value.plain
                && let ParamPtr::FloatParam(own) = param
            {
                // SAFETY: as above. It is written to through an atomic.
                unsafe {
                    use nice_plug::params::InternalParamMut;
                    (**own)._internal_set_plain_value(value.plain);
                }
            }
            !arrived && (0.0..LOST_S).contains(&(now_s - since))
        });
        if self.loaded != self.params.session.loaded() {
            // Another session: what was done to the one before is not to be done to it.
            self.loaded = self.params.session.loaded();
            (gesture.step, self.at) = (Step::default(), 0);
            gesture.sent.clear();
            self.steps.clear();
        }
    }

    /// Makes a step of what the hand has done, once it has let go.
    pub fn end_frame(&mut self, gui: &GuiContext) {
        let mut gesture = self.gesture.lock();
        if !gesture.open.is_empty() || gesture.drags {
            return;
        }
        let turned = std::mem::take(&mut gesture.turned);
        let mut step = std::mem::take(&mut gesture.step);
        step.moved.retain(|moved| moved.before != moved.after);
        step.held = step.held.filter(|[before, after]| before != after);
        step.model = step.model.filter(|[before, after]| before != after);
        step.tuning = step.tuning.filter(|[before, after]| before != after);
        if step.is_empty() {
            return;
        }
        let now_s = gesture.now_s;
        drop(gesture);
        if step.moved.is_empty() {
            self.touch(gui);
        }
        self.version += 1;
        self.steps.truncate(self.at);
        let goes_on = turned && (0.0..ONE_TURN_S).contains(&(now_s - self.turned_s));
        self.turned_s = if turned { now_s } else { f64::MIN };
        if goes_on
            && let [moved] = step.moved[..]
            && let Some(last) = self.steps.last_mut().filter(|last| last.is_of_one_param(moved.param))
            && step.is_of_one_param(moved.param)
        {
            last.moved[0].after = moved.after;
            return;
        }
        self.steps.push(step);
        let too_many = self.steps.len().saturating_sub(MOST_STEPS);
        self.steps.drain(..too_many);
        self.at = self.steps.len();
    }

    pub fn undo(&mut self, gui: &GuiContext) {
        if let Some(at) = self.at.checked_sub(1) {
            self.at = at;
            self.apply(gui, |moved| moved.before, 0, at);
        }
    }

    pub fn redo(&mut self, gui: &GuiContext) {
        if self.can_redo() {
            self.at += 1;
            self.apply(gui, |moved| moved.after, 1, self.at - 1);
        }
    }

    fn apply(&mut self, gui: &GuiContext, value: fn(&Moved) -> Value, side: usize, at: usize) {
        let Some(step) = self.steps.get(at) else { return };
        for moved in &step.moved {
            send(gui, &mut self.gesture.lock(), moved.param, value(moved));
        }
        if let Some(held) = &step.held {
            self.params.session.holding().set(Arc::clone(&held[side]));
        }
        if let Some(model) = &step.model {
            self.instance.load_model(model[side].clone());
        }
        if let Some(tuning) = &step.tuning {
            // It was read before, so it can be read again.
            let _ = self.params.session.tune(tuning[side].clone());
        }
        if step.moved.is_empty() {
            self.touch(gui);
        }
        self.turned_s = f64::MIN;
        self.version += 1;
    }

    /// Lets the host know that there is something to be saved: a parameter is set to the value that it has, for want of a word for
    /// what is none.
    fn touch(&self, gui: &GuiContext) {
        let param = self.params.pad.plays.as_ptr();
        let mut gesture = self.gesture.lock();
        let value = gesture.value(param);
        send(gui, &mut gesture, param, value);
    }
}

/// Sends a value to the host in a gesture of its own.
fn send(gui: &GuiContext, gesture: &mut Gesture, param: ParamPtr, value: Value) {
    gesture.send(param, value);
    // SAFETY: the pointer is of our parameters.
    unsafe {
        gui.raw_begin_set_parameter(param);
        gui.raw_set_parameter_normalized(param, value.normalized);
        gui.raw_end_set_parameter(param);
    }
}

/// Passes on to the host what the controls do, and notes it down.
pub struct Recorder {
    gui: GuiContext,
    params: Arc<TimbrelParams>,
    instance: Arc<Instance>,
    gesture: Arc<Mutex<Gesture>>,
}

impl Recorder {
    /// What the session holds.
    pub fn held(&self) -> Arc<Held> {
        self.params.session.holding().get()
    }

    /// Changes what the session holds.
    pub fn hold(&self, held: Held) {
        let holding = self.params.session.holding();
        let (before, after) = (holding.get(), Arc::new(held));
        holding.set(Arc::clone(&after));
        let mut gesture = self.gesture.lock();
        let first = gesture.step.held.take().map_or(before, |[first, _]| first);
        gesture.step.held = Some([first, after]);
    }

    /// A hand takes hold of a timbre, or lets go of it: all that it holds meanwhile is one step.
    pub fn drag(&self, drags: bool) {
        self.gesture.lock().drags = drags;
    }

    /// The change that was made in this frame came from the wheel.
    pub fn turned(&self) {
        self.gesture.lock().turned = true;
    }

    /// Plays another model.
    pub fn load_model(&self, model: ModelRef) {
        let before = self.instance.model();
        let mut gesture = self.gesture.lock();
        let first = gesture.step.model.take().map_or(before, |[first, _]| first);
        gesture.step.model = Some([first, model.clone()]);
        drop(gesture);
        self.instance.load_model(model);
    }

    /// Tunes the keys.
    ///
    /// # Errors
    /// As [`crate::state::Session::tune`].
    pub fn tune(&self, tuning: Option<Tuning>) -> anyhow::Result<()> {
        let before = self.params.session.tuning();
        self.params.session.tune(tuning.clone())?;
        let mut gesture = self.gesture.lock();
        let first = gesture.step.tuning.take().map_or(before, |[first, _]| first);
        gesture.step.tuning = Some([first, tuning]);
        Ok(())
    }

    /// Sets a parameter to a value as it is saved, exactly, in one gesture.
    pub fn set_plain(&self, param: ParamPtr, plain: f32) {
        // SAFETY: the pointer is of our parameters.
        let value = Value { normalized: unsafe { param.preview_normalized(plain) }, plain };
        let mut gesture = self.gesture.lock();
        if gesture.value(param).plain == plain {
            return;
        }
        self.begin(&mut gesture, param);
        note(&mut gesture, param, value);
        send(&self.gui, &mut gesture, param, value);
        gesture.open.retain(|open| *open != param);
    }

    /// Notes where a parameter stood before the hand moved it.
    fn begin(&self, gesture: &mut Gesture, param: ParamPtr) {
        let now = gesture.value(param);
        gesture.open.push(param);
        if gesture.step.moved.iter().all(|moved| moved.param != param) {
            gesture.step.moved.push(Moved { param, before: now, after: now });
        }
    }
}

fn note(gesture: &mut Gesture, param: ParamPtr, value: Value) {
    if let Some(moved) = gesture.step.moved.iter_mut().find(|moved| moved.param == param) {
        moved.after = value;
    }
}

impl GuiContextInner for Recorder {
    fn plugin_api(&self) -> PluginApi {
        self.gui.plugin_api()
    }

    unsafe fn raw_begin_set_parameter(&self, param: ParamPtr) {
        self.begin(&mut self.gesture.lock(), param);
        // SAFETY: by the caller.
        unsafe { self.gui.raw_begin_set_parameter(param) };
    }

    unsafe fn raw_set_parameter_normalized(&self, param: ParamPtr, normalized: f32) {
        // SAFETY: by the caller.
        let value = unsafe { Value { normalized, plain: param.preview_plain(normalized) } };
        {
            let mut gesture = self.gesture.lock();
            note(&mut gesture, param, value);
            gesture.send(param, value);
        }
        // SAFETY: by the caller.
        unsafe { self.gui.raw_set_parameter_normalized(param, normalized) };
        if param == self.params.seed.as_ptr() {
            self.back_to_seeds();
        }
    }

    unsafe fn raw_end_set_parameter(&self, param: ParamPtr) {
        self.gesture.lock().open.retain(|open| *open != param);
        // SAFETY: by the caller.
        unsafe { self.gui.raw_end_set_parameter(param) };
    }

    fn get_state(&self) -> PluginState {
        self.gui.get_state()
    }

    fn set_state(&self, state: PluginState) {
        self.gui.set_state(state);
    }

    fn request_restart(&self) {
        self.gui.request_restart();
    }
}

impl Recorder {
    /// Whoever sets the seed by hand means to hear it.
    pub fn back_to_seeds(&self) {
        let held = self.held();
        if held.point.is_some() {
            self.hold(Held { point: None, seed: 0, ..Held::clone(&held) });
        }
        self.set_plain(self.params.pad.plays.as_ptr(), 0.0);
    }
}
