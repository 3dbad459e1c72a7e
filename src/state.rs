//! What a host saves beside the parameters, and what is made of a state that is old, foreign or broken.
//!
//! The framework keeps parameters by id and one JSON text for each further field. Timbrel has one such field, `timbrel`,
//! with the format's version, the model, and the latents that no seed draws. Whatever comes in is mended before it is used ([`mend`]): a state is never
//! refused for one bad value, and what could not be used is told in a sentence.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use anyhow::Result;
use nice_plug::params::internals::ParamPtr;
use nice_plug::params::persist::PersistentField;
use nice_plug::plugin::ParamValue;
use nice_plug::prelude::{Param, Params, PluginState};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::held::{Held, Holding, Point};
use crate::link::Status;
use crate::model::ModelRef;
use crate::params::{BEFORE_THEY_WERE, CHOSEN_BEFORE, SWITCHED_BEFORE};
use crate::tuning::{Tuning, equal_temperament};
use crate::worker::Instance;

/// Version of the saved state. It goes up with every change that an older Timbrel would misread, and a migration comes
/// with it. 2 has latents; a state without any is still of format 1, which an older Timbrel reads as it is meant.
pub const STATE_FORMAT: u32 = 2;

/// Name of the framework's field that holds [`Saved`].
const FIELD: &str = "timbrel";

/// Longest field that is read, in bytes; a real one has a few hundred, or a few thousand with a pad. Five of the longest latents
/// fit in.
const LONGEST_FIELD: usize = 512 * 1024;

/// The saved part of a session that is no parameter.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Saved {
    pub format: u32,
    pub model: ModelRef,
    /// Latents that no seed draws.
    #[serde(skip_serializing_if = "Held::is_empty", deserialize_with = "held_if_it_is_one")]
    pub held: Held,
    /// How the keys are tuned, where it is not in equal temperament.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tuning: Option<Tuning>,
    /// What was wrong with the state when it was loaded, for the editor to show. Never written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
}

impl Default for Saved {
    fn default() -> Self {
        Self { format: 1, model: ModelRef::default(), held: Held::default(), tuning: None, notice: None }
    }
}

/// Reads what is held. What is nothing of the kind must not take the model with it, and becomes a point without numbers, which
/// [`Held::mend`] leaves out with a sentence.
fn held_if_it_is_one<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Held, D::Error> {
    let value = Value::deserialize(from)?;
    let unreadable = || Held { point: Some(Point::default()), ..Held::default() };
    Ok(serde_json::from_value(value).unwrap_or_else(|_| unreadable()))
}

/// The format of a state with what is held.
fn format_of(held: &Held) -> u32 {
    if held.has_latents() { STATE_FORMAT } else { 1 }
}

/// The link between the host's state calls and the instance, which knows the model that plays and loads another.
#[derive(Clone, Default)]
pub struct Session(Arc<Shared>);

#[derive(Default)]
struct Shared {
    instance: OnceLock<Weak<Instance>>,
    /// Where the audio thread reads the pitches of the keys.
    status: OnceLock<Arc<Status>>,
    /// What the last loaded state said, until an instance is there to hear it.
    saved: RwLock<Saved>,
    holding: Holding,
    /// Goes up with every state that is loaded.
    loaded: AtomicU64,
}

impl Session {
    /// How many states were loaded so far.
    pub fn loaded(&self) -> u64 {
        self.0.loaded.load(Ordering::Relaxed)
    }

    /// The latents that the session holds.
    pub fn holding(&self) -> &Holding {
        &self.0.holding
    }

    /// Connects the instance; once, when the plugin is made.
    pub fn connect(&self, instance: &Arc<Instance>, status: &Arc<Status>) {
        // A second connection would be the same instance again, and changes nothing.
        self.0.instance.get_or_init(|| Arc::downgrade(instance));
        self.0.status.get_or_init(|| Arc::clone(status));
    }

    /// How the keys are tuned; `None` is equal temperament.
    pub fn tuning(&self) -> Option<Tuning> {
        self.0.saved.read().tuning.clone()
    }

    /// Tunes the keys.
    ///
    /// # Errors
    /// A sentence, where the tuning cannot be read; the one before stays.
    pub fn tune(&self, tuning: Option<Tuning>) -> Result<()> {
        let pitches = match &tuning {
            Some(tuning) => tuning.pitches()?,
            None => equal_temperament(),
        };
        if let Some(status) = self.0.status.get() {
            status.tune(&pitches);
        }
        self.0.saved.write().tuning = tuning;
        Ok(())
    }

    fn instance(&self) -> Option<Arc<Instance>> {
        self.0.instance.get().and_then(Weak::upgrade)
    }
}

impl<'a> PersistentField<'a, Saved> for Session {
    fn set(&self, saved: Saved) {
        if let Some(instance) = self.instance() {
            instance.load_model(saved.model.clone());
            instance.notice(saved.notice.clone());
        }
        self.0.holding.set(Arc::new(saved.held.clone()));
        self.0.loaded.fetch_add(1, Ordering::Relaxed);
        let tuning = saved.tuning.clone();
        *self.0.saved.write() = saved;
        // One that cannot be read was left out of the state before (`mend`).
        if self.tune(tuning).is_err() {
            self.0.saved.write().tuning = None;
        }
    }

    fn map<F, R>(&self, f: F) -> R
    where
        F: Fn(&Saved) -> R,
    {
        let held = Held::clone(&self.0.holding.get());
        let (model, tuning) = {
            let saved = self.0.saved.read();
            (saved.model.clone(), saved.tuning.clone())
        };
        let mut saved = Saved { format: format_of(&held), model, held, tuning, notice: None };
        if let Some(instance) = self.instance() {
            saved.model = instance.model();
            instance.session_is_saved();
        }
        f(&saved)
    }
}

/// A state that the framework can read, made of one that it could not: each value that is none gives way to one that [`mend`]
/// finds to be wrong, and tells. `None` where there is nothing to be done, or nothing that can be.
pub fn readable(bytes: &[u8]) -> Option<Vec<u8>> {
    if serde_json::from_slice::<PluginState>(bytes).is_ok() {
        return None;
    }
    let mut state: serde_json::Map<String, Value> = serde_json::from_slice(bytes).ok()?;
    let Some(Value::Object(params)) = state.remove("params") else { return None };
    let fields = state.remove("fields").and_then(|fields| fields.as_object().cloned()).unwrap_or_default();
    // A name that no choice has; a number or a switch is none at all.
    let wrong = || ParamValue::String(String::new());
    let params = params.into_iter().map(|(id, value)| (id, serde_json::from_value(value).unwrap_or_else(|_| wrong())));
    let fields = fields.into_iter().filter_map(|(name, value)| Some((name, value.as_str()?.to_owned())));
    let state = PluginState { version: String::new(), params: params.collect(), fields: fields.collect() };
    serde_json::to_vec(&state).ok()
}

/// Brings a state that is about to be loaded into a form that can be used as a whole. `defaults` are the parameters of a
/// new instance; their ranges are the ones that hold.
pub fn mend(state: &mut PluginState, defaults: &dyn Params) {
    let mut complaints = Vec::new();
    let mut saved = match state.fields.get(FIELD) {
        Some(text) if text.len() > LONGEST_FIELD => {
            complaints.push("the part that names the model was far too long and was left out".to_owned());
            Saved::default()
        }
        Some(text) => serde_json::from_str(text).unwrap_or_else(|_| {
            complaints.push("the part that names the model could not be read".to_owned());
            Saved::default()
        }),
        None => {
            complaints.push("it was not saved by Timbrel, so every parameter was set to its default".to_owned());
            state.params.clear();
            Saved::default()
        }
    };
    if saved.format > STATE_FORMAT {
        complaints.push(format!(
            "it was saved by a newer Timbrel (state format {}, this one knows {STATE_FORMAT}); what this one does not know \
             was left out. Update Timbrel to hear it as it was saved",
            saved.format
        ));
    }
    if let Some(error) = saved.tuning.as_ref().and_then(|tuning| tuning.pitches().err()) {
        complaints.push(format!("its tuning was left out, since {error:#}"));
        saved.tuning = None;
    }
    if !state.params.is_empty() {
        add_as_before(&mut state.params);
    }
    let wrong = mend_params(&mut state.params, defaults);
    if !wrong.is_empty() {
        complaints.push(format!("these values could not be used as they were: {}", wrong.join(", ")));
    }
    complaints.extend(saved.held.mend());
    saved.format = format_of(&saved.held);
    saved.notice = (!complaints.is_empty()).then(|| {
        format!("The saved session was mended: {}. Listen to it before you save over it.", complaints.join("; "))
    });
    // A struct of strings and numbers always becomes JSON.
    if let Ok(text) = serde_json::to_string(&saved) {
        state.fields = BTreeMap::from([(FIELD.to_owned(), text)]);
    }
}

/// Adds what is missing in what was saved before there was such a parameter, by the value that leaves the sound as it was.
pub(crate) fn add_as_before(params: &mut BTreeMap<String, ParamValue>) {
    let numbers = BEFORE_THEY_WERE.map(|(id, value)| (id, ParamValue::F32(value)));
    let chosen = CHOSEN_BEFORE.map(|(id, value)| (id, ParamValue::String(value.to_owned())));
    let switched = SWITCHED_BEFORE.map(|(id, value)| (id, ParamValue::Bool(value)));
    for (id, value) in numbers.into_iter().chain(chosen).chain(switched) {
        params.entry(id.to_owned()).or_insert(value);
    }
}

/// Adds what is missing, by its default; brings what is out of range back into it. Gives the names of the parameters whose
/// values could not be used.
pub(crate) fn mend_params(params: &mut BTreeMap<String, ParamValue>, defaults: &dyn Params) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut mended = BTreeMap::new();
    for (id, pointer, _group) in defaults.param_map() {
        // SAFETY: the pointers are those of `defaults`, which outlives this loop.
        let (name, value, good) = unsafe { mend_value(pointer, params.get(&id)) };
        if !good {
            wrong.push(name);
        }
        mended.insert(id, value);
    }
    *params = mended;
    wrong
}

/// The value to load for a parameter, and whether it is what was saved (or nothing was).
///
/// # Safety
///
/// `pointer` points to a parameter that is alive.
unsafe fn mend_value(pointer: ParamPtr, saved: Option<&ParamValue>) -> (String, ParamValue, bool) {
    // SAFETY: by the caller.
    unsafe {
        match pointer {
            ParamPtr::FloatParam(p) => {
                let p = &*p;
                let (value, good) = match saved {
                    Some(ParamValue::F32(value)) if value.is_finite() => {
                        let inside = p.preview_plain(p.preview_normalized(*value));
                        // A value in range goes through unchanged, for the way through the normalised scale rounds it.
                        let in_range = (inside - value).abs() <= 1e-3 * value.abs().max(1.0);
                        (if in_range { *value } else { inside }, in_range)
                    }
                    other => (p.default_plain_value(), other.is_none()),
                };
                (p.name().to_owned(), ParamValue::F32(value), good)
            }
            ParamPtr::IntParam(p) => {
                let p = &*p;
                let (value, good) = match saved {
                    Some(ParamValue::I32(value)) => {
                        let inside = p.preview_plain(p.preview_normalized(*value));
                        (inside, inside == *value)
                    }
                    other => (p.default_plain_value(), other.is_none()),
                };
                (p.name().to_owned(), ParamValue::I32(value), good)
            }
            ParamPtr::BoolParam(p) => {
                let p = &*p;
                let (value, good) = match saved {
                    Some(ParamValue::Bool(value)) => (*value, true),
                    other => (p.default_plain_value(), other.is_none()),
                };
                (p.name().to_owned(), ParamValue::Bool(value), good)
            }
            ParamPtr::EnumParam(p) => {
                let p = &*p;
                let default = || match p.unmodulated_plain_id() {
                    Some(id) => ParamValue::String(id.to_owned()),
                    None => ParamValue::I32(p.default_plain_value()),
                };
                // The parameters are new, so that trying an id on one changes nothing that anybody hears.
                let (value, good) = match saved {
                    Some(ParamValue::String(id)) => {
                        let fresh = default();
                        if (*p).set_from_id(id) { (ParamValue::String(id.clone()), true) } else { (fresh, false) }
                    }
                    other => (default(), other.is_none()),
                };
                (p.name().to_owned(), value, good)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::TimbrelParams;

    fn params() -> TimbrelParams {
        let (_, _, editor) = crate::link::link();
        TimbrelParams::new(Session::default(), &editor.status)
    }

    fn state(params: &[(&str, ParamValue)], field: Option<&str>) -> PluginState {
        PluginState {
            version: String::new(),
            params: params.iter().map(|(id, value)| ((*id).to_owned(), value.clone())).collect(),
            fields: field.map(|text| (FIELD.to_owned(), text.to_owned())).into_iter().collect(),
        }
    }

    fn notice(state: &PluginState) -> Option<String> {
        serde_json::from_str::<Saved>(&state.fields[FIELD]).unwrap().notice
    }

    fn float(state: &PluginState, id: &str) -> f32 {
        match state.params[id] {
            ParamValue::F32(value) => value,
            ref other => panic!("{id} is {other:?}"),
        }
    }

    #[test]
    fn a_good_state_goes_through_unchanged() {
        let field = serde_json::to_string(&Saved::default()).unwrap();
        let mut state =
            state(&[("gain", ParamValue::F32(-3.3)), ("mode", ParamValue::String("natural".into()))], Some(&field));
        mend(&mut state, &params());
        assert_eq!(notice(&state), None);
        assert_eq!(float(&state, "gain"), -3.3);
        assert!(matches!(&state.params["mode"], ParamValue::String(id) if id == "natural"));
        assert_eq!(float(&state, "release"), 0.25, "what an older state lacks gets its default");
        for (id, value) in BEFORE_THEY_WERE {
            assert_eq!(float(&state, id), value, "{id} leaves the sound of an older state as it was");
        }
        for (id, value) in CHOSEN_BEFORE {
            assert!(matches!(&state.params[id], ParamValue::String(id) if id == value), "{id} is as it was");
        }
        for (id, value) in SWITCHED_BEFORE {
            assert!(matches!(state.params[id], ParamValue::Bool(on) if on == value), "{id} is as it was");
        }
    }

    #[test]
    fn a_value_that_is_none_leaves_the_others_alone() {
        let field = serde_json::to_string(&Saved {
            model: ModelRef { name: "Own".into(), ..ModelRef::default() },
            ..Saved::default()
        });
        let state = |params: &str, field: &str| format!(r#"{{"version":"0.1.0","params":{params},"fields":{field}}}"#);
        let field = serde_json::json!({ FIELD: field.unwrap() }).to_string();
        let good = state(r#"{"gain":{"f32":-3.5}}"#, &field);
        assert!(readable(good.as_bytes()).is_none(), "there is nothing to be done");
        for (what, wrong) in [
            (
                "null",
                state(r#"{"gain":{"f32":-3.5},"release":{"f32":null},"attack":null,"mode":{"string":7}}"#, &field),
            ),
            ("kinds", state(r#"{"gain":{"f32":-3.5},"release":[],"attack":{"f99":1},"mode":"natural"}"#, &field)),
        ] {
            let bytes = readable(wrong.as_bytes()).unwrap_or_else(|| panic!("{what}: it is made readable"));
            let mut state: PluginState = serde_json::from_slice(&bytes).unwrap();
            mend(&mut state, &params());
            assert_eq!((float(&state, "gain"), float(&state, "release")), (-3.5, 0.25), "{what}");
            let notice = notice(&state).unwrap();
            for name in ["Release", "Attack", "Mode"] {
                assert!(notice.contains(name), "{what}: {notice}");
            }
            assert_eq!(serde_json::from_str::<Saved>(&state.fields[FIELD]).unwrap().model.name, "Own", "{what}");
        }
        // A field that is none, and parts that are not there.
        let bytes = readable(state(r#"{"gain":{"f32":-3.5}}"#, r#"{"timbrel":null}"#).as_bytes()).unwrap();
        assert!(serde_json::from_slice::<PluginState>(&bytes).unwrap().fields.is_empty());
        for none in ["", "null", "7", "{", "{}", r#"{"params":3}"#, r#"{"params":{"gain":{"f32":-3.5"#] {
            assert!(readable(none.as_bytes()).is_none(), "{none} cannot be mended");
        }
    }

    #[test]
    fn a_foreign_state_gives_the_defaults_and_a_sentence() {
        let mut state = state(&[("gain", ParamValue::F32(5.0)), ("cutoff", ParamValue::F32(0.1))], None);
        mend(&mut state, &params());
        assert!(notice(&state).unwrap().contains("not saved by Timbrel"));
        assert_eq!(float(&state, "gain"), -6.0);
        assert!(!state.params.contains_key("cutoff"));
        for (id, value) in BEFORE_THEY_WERE {
            assert_ne!(float(&state, id), value, "{id} is that of a new instance");
        }
        for (id, value) in CHOSEN_BEFORE {
            assert!(
                matches!(&state.params[id], ParamValue::String(id) if id != value),
                "{id} is that of a new instance"
            );
        }
        for (id, value) in SWITCHED_BEFORE {
            assert!(matches!(state.params[id], ParamValue::Bool(on) if on != value), "{id} is that of a new instance");
        }
    }

    #[test]
    fn bad_values_are_named_and_mended() {
        let field = serde_json::to_string(&Saved::default()).unwrap();
        let mut state = state(
            &[
                ("gain", ParamValue::F32(1e9)),
                ("seed", ParamValue::I32(-5)),
                ("attack", ParamValue::Bool(true)),
                ("mode", ParamValue::String("sideways".into())),
            ],
            Some(&field),
        );
        mend(&mut state, &params());
        let notice = notice(&state).unwrap();
        for name in ["Gain", "Seed", "Attack", "Sustain Mode"] {
            assert!(notice.contains(name), "{name} in: {notice}");
        }
        assert_eq!(float(&state, "gain"), 12.0);
        assert!(matches!(state.params["seed"], ParamValue::I32(0)));
    }

    #[test]
    fn a_state_of_a_newer_version_is_used_as_far_as_it_goes() {
        let mut state = state(&[("gain", ParamValue::F32(1.0))], Some(r#"{"format": 99, "morph": {"x": 1}}"#));
        mend(&mut state, &params());
        assert!(notice(&state).unwrap().contains("newer Timbrel"));
        assert_eq!(float(&state, "gain"), 1.0);
    }

    #[test]
    fn latents_are_kept_and_those_that_are_none_are_left_out() {
        let field = |point: &str| {
            format!(r#"{{"format": 2, "held": {{"seed": 3, "point": {{"name": "Own", "latent": {point}}}}}}}"#)
        };
        let mut good = state(&[("seed", ParamValue::I32(3))], Some(&field("[0.1, -2.5]")));
        mend(&mut good, &params());
        assert_eq!(notice(&good), None);
        let saved: Saved = serde_json::from_str(&good.fields[FIELD]).unwrap();
        assert_eq!((saved.format, saved.held.seed), (2, 3));
        assert_eq!(saved.held.point.unwrap().latent, [0.1, -2.5]);
        for bad in ["[]", "[1e9]", "\"no list\"", "[[1.0]]"] {
            let mut state = state(&[("gain", ParamValue::F32(1.0))], Some(&field(bad)));
            mend(&mut state, &params());
            assert!(notice(&state).unwrap().contains("its timbre has"));
            let saved: Saved = serde_json::from_str(&state.fields[FIELD]).unwrap();
            assert!(!saved.held.has_latents() && saved.format == 1);
            assert_eq!(float(&state, "gain"), 1.0);
        }
    }

    #[test]
    fn what_a_session_holds_is_in_its_field_and_comes_back_to_the_bit() {
        let (one, other) = (params(), params());
        let latent: Vec<f32> = (0..24).map(|i| (i as f32 * 0.7).sin() / 3.0).collect();
        let point = crate::held::Point { name: "Own".into(), latent, at: Some([0.1, -0.7]) };
        let corners = Some(std::array::from_fn(|_| point.clone()));
        one.session.holding().set(Arc::new(Held { point: Some(point), seed: 3, corners, preset: "Harp".into() }));
        let text = one.session.map(|saved| serde_json::to_string(saved).unwrap());
        other.session.set(serde_json::from_str(&text).unwrap());
        assert_eq!(other.session.map(|saved| serde_json::to_string(saved).unwrap()), text);
        assert_eq!(other.timbre(), one.timbre());
        assert!(matches!(one.timbre().base, crate::note::Base::Point(_)));
    }

    #[test]
    fn a_cut_or_huge_field_is_left_out() {
        for field in [r#"{"format": 1, "mod"#.to_owned(), "x".repeat(LONGEST_FIELD + 1)] {
            let mut state = state(&[("gain", ParamValue::F32(1.0))], Some(&field));
            mend(&mut state, &params());
            assert!(notice(&state).is_some());
            assert_eq!(float(&state, "gain"), 1.0);
        }
    }
}
