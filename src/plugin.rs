//! The glue between the plugin framework and the instrument.

use std::num::NonZeroU32;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use nice_plug::midi::{Channel, Key, VoiceID};
use nice_plug::prelude::*;

use crate::audio::modulation::NoteControl;
use crate::audio::{Engine, Event, Pace, Settings, TimedEvent, Transport};
use crate::editor::{self, TimbrelEditor};
use crate::link::{self, Click, EditorEnd, Status};
use crate::midi_map::{Learning, MidiMap};
use crate::note::MAX_VOICES;
use crate::params::{POLYPHONIC_RANGES, TimbrelParams, ids_of};
use crate::preset::Programs;
use crate::state::{self, Session};
use crate::tuning::{self, Retuning};
use crate::worker::Instance;

/// Events that a block may have: those of the host, and clicked keys.
const MOST_EVENTS: usize = Timbrel::INPUT_EVENT_CAPACITY + 64;

/// Programs that are chosen in one block; more than one is a mistake of somebody's already.
const MOST_PROGRAMS: usize = 16;

/// One instance of the instrument in a host.
pub struct Timbrel {
    params: Arc<TimbrelParams>,
    engine: Engine,
    pace: Pace,
    instance: Arc<Instance>,
    editor_end: EditorEnd,
    midi_map: &'static MidiMap,
    /// The parameters, by the numbers that the map has for them.
    knobs: Vec<ParamPtr>,
    sample_rate: f32,
    untold: Untold,
    programs: Programs,
    /// The events of a block, and the programs that are chosen in it, each at its sample.
    events: Vec<TimedEvent>,
    chosen: Vec<(usize, u8)>,
    /// Time that the last block spent waiting for notes.
    waited: Duration,
    /// Whether a panic was caught in the audio call; the instance stays silent from then on.
    failed: bool,
}

impl Default for Timbrel {
    fn default() -> Self {
        let (audio_end, worker_end, editor_end) = link::link();
        let session = Session::default();
        let instance = Arc::new(Instance::new(worker_end));
        session.connect(&instance, &editor_end.status);
        let params = Arc::new(TimbrelParams::new(session, &editor_end.status));
        Self {
            programs: Programs::of(&params),
            midi_map: MidiMap::shared(|| ids_of(&*params)),
            knobs: params.param_map().into_iter().map(|(_id, pointer, _group)| pointer).collect(),
            params,
            engine: Engine::new(audio_end),
            pace: Pace::new(),
            instance,
            editor_end,
            sample_rate: 48_000.0,
            untold: Untold::default(),
            events: Vec::with_capacity(MOST_EVENTS),
            chosen: Vec::with_capacity(MOST_PROGRAMS),
            waited: Duration::ZERO,
            failed: false,
        }
    }
}

impl Drop for Timbrel {
    fn drop(&mut self) {
        // A window's thread may hold the instance for longer, and a process must not end with the service's threads at work.
        self.instance.end();
    }
}

impl Plugin for Timbrel {
    const NAME: &'static str = "Timbrel";
    const VENDOR: &'static str = "Timbrel";
    const URL: &'static str = "https://arxiv.org/abs/1902.08710";
    const EMAIL: &'static str = "";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    const AUDIO_IO_LAYOUTS: &'static [AudioIOLayout] = &[
        AudioIOLayout { main_output_channels: NonZeroU32::new(2), ..AudioIOLayout::const_default() },
        AudioIOLayout { main_output_channels: NonZeroU32::new(1), ..AudioIOLayout::const_default() },
    ];
    const MIDI_INPUT: MidiConfig = MidiConfig::MidiCCs;
    const SAMPLE_ACCURATE_AUTOMATION: bool = true;
    // A VST3 host may send all 2080 controllers of the format at once.
    const INPUT_EVENT_CAPACITY: usize = 4096;

    type Editor = TimbrelEditor;
    type SysExMessage = Retuning;
    // The framework's background thread is shared by all instances and does not survive their end; the worker has its own.
    type BackgroundTask = ();

    fn params(&self) -> Arc<dyn Params> {
        self.params.clone()
    }

    fn editor(&mut self, _async_executor: AsyncExecutor<Self>) -> Option<Self::Editor> {
        editor::create(Arc::clone(&self.params), self.editor_end.clone(), Arc::clone(&self.instance))
    }

    fn filter_state(state: &mut PluginState) {
        let (_, _, editor_end) = link::link();
        state::mend(state, &TimbrelParams::new(Session::default(), &editor_end.status));
    }

    fn activate(
        &mut self,
        _layout: &AudioIOLayout,
        config: &BufferConfig,
        context: &mut impl ActivateContext<Self>,
    ) -> bool {
        let offline = config.process_mode == ProcessMode::Offline;
        self.sample_rate = config.sample_rate;
        self.failed = false;
        self.untold = Untold::default();
        self.engine.activate(config.sample_rate, offline);
        Programs::prepare();
        self.pace.restart(offline);
        context.set_latency_samples(0);
        context.set_current_voice_capacity(MAX_VOICES as u32);
        self.instance.start();
        tuning::Master::look();
        self.midi_map.open();
        true
    }

    fn reset(&mut self) {
        self.engine.reset();
    }

    fn process(
        &mut self,
        buffer: &mut Buffer,
        _aux: &mut AuxiliaryBuffers,
        context: &mut impl ProcessContext<Self>,
    ) -> ProcessStatus {
        if self.failed {
            silence(buffer);
            return ProcessStatus::Normal;
        }
        // A panic must not reach the host. What it leaves behind is only ever dropped.
        match catch_unwind(AssertUnwindSafe(|| self.process_block(buffer, context))) {
            // A file that lacks its notes should not be taken for a good one.
            Ok(()) if self.pace.is_offline() && self.engine.struck_in_vain() => {
                ProcessStatus::Error("Timbrel renders no notes: its window says what is missing")
            }
            Ok(()) => ProcessStatus::KeepAlive,
            Err(_) => {
                self.failed = true;
                silence(buffer);
                ProcessStatus::Error("Timbrel's audio call failed; deactivate and activate the plugin to go on")
            }
        }
    }
}

impl Timbrel {
    fn process_block(&mut self, buffer: &mut Buffer, context: &mut impl ProcessContext<Self>) {
        let start = Instant::now();
        let samples = buffer.samples();
        let seconds = samples as f64 / f64::from(self.sample_rate);
        self.pace.block(seconds, start);
        self.params.mend();
        let song = context.transport();
        let transport = Transport {
            tempo: song.tempo.unwrap_or(Transport::UNKNOWN.tempo),
            beats: song.pos_beats().filter(|_| song.playing),
        };
        let is_vst3 = context.plugin_api() == PluginApi::Vst3;
        let (untold, midi_map, knobs, learning) =
            (&mut self.untold, self.midi_map, &self.knobs, &self.editor_end.learning);

        let clicks = Arc::clone(&self.editor_end.clicks);
        let chosen = &mut self.chosen;
        let events = std::iter::from_fn(|| {
            if let Some(click) = clicks.pop() {
                return Some(TimedEvent { sample: 0, event: clicked(click) });
            }
            loop {
                let event = context.next_event()?;
                if is_vst3 && untold.is_no_message(&event, midi_map) {
                    continue;
                }
                if let NoteEvent::MidiProgramChange { timing, program, .. } = event
                    && chosen.len() < MOST_PROGRAMS
                {
                    chosen.push((timing as usize, program));
                    continue;
                }
                if let NoteEvent::MidiCC { cc, value, .. } = event
                    && is_taken(midi_map, learning, knobs, cc, value)
                {
                    continue;
                }
                if let Some(known) = translate(&event, is_vst3) {
                    return Some(TimedEvent { sample: event.timing() as usize, event: known });
                }
            }
        });
        self.events.extend(events.take(MOST_EVENTS));
        if !self.play(buffer.as_slice(), transport) {
            return;
        }
        for ended in self.engine.take_ended() {
            // A host that takes no note ends does not need them.
            let _ = context.try_send_event(NoteEvent::VoiceTerminated {
                timing: samples.saturating_sub(1) as u32,
                voice_id: VoiceID::ID(ended.id),
                channel: Channel::Number(ended.channel),
                key: Key::Number(ended.key),
            });
        }
        let waited = self.waited;
        self.pace.waited(waited);
        let busy = start.elapsed().saturating_sub(waited).as_secs_f64();
        self.report(buffer.as_slice(), busy / seconds.max(f64::MIN_POSITIVE));
    }

    /// Plays the events of the block; between two programs the parameters stand still. False where there is no output.
    fn play(&mut self, out: &mut [&mut [f32]], transport: Transport) -> bool {
        let wait = self.pace.wait();
        let len = out.first().map_or(0, |side| side.len());
        let mut waited = Duration::ZERO;
        let mut from = 0;
        for part in 0..=self.chosen.len() {
            let until = self.chosen.get(part).map_or(len, |(sample, _)| (*sample).clamp(from, len));
            let is_last = part == self.chosen.len();
            if until == from && !is_last {
                self.programs.select(&self.params, self.chosen[part].1);
                continue;
            }
            // What happens at the sample of a program follows it.
            let count = self.events.iter().take_while(|event| is_last || event.sample < until).count();
            let gone = from as f64 / f64::from(self.sample_rate) * transport.tempo / 60.0;
            let transport = Transport { beats: transport.beats.map(|beats| beats + gone), ..transport };
            let settings = Settings { transport, ..self.params.settings() };
            let events = self
                .events
                .drain(..count)
                .map(|event| TimedEvent { sample: event.sample.saturating_sub(from), ..event });
            match out {
                [side] => self.engine.process(&settings, wait, events, &mut side[from..until]),
                [left, right, ..] => {
                    let (left, right) = (&mut left[from..until], &mut right[from..until]);
                    self.engine.process_stereo(&settings, wait, events, left, right);
                }
                [] => return false,
            }
            waited += self.engine.waited();
            from = until;
            if let Some((_, program)) = self.chosen.get(part) {
                self.programs.select(&self.params, *program);
            }
        }
        self.chosen.clear();
        self.waited = waited;
        true
    }

    /// Shows the editor what happened in this block.
    fn report(&self, out: &[&mut [f32]], load: f64) {
        let status: &Status = &self.editor_end.status;
        let peak = out.iter().flat_map(|side| side.iter()).fold(0.0f32, |peak, sample| peak.max(sample.abs()));
        // Of two positive floats the larger has the larger bits.
        status.peak_bits.fetch_max(peak.to_bits(), Ordering::Relaxed);
        status.voices.store(self.engine.voices() as u32, Ordering::Relaxed);
        status.set_playheads(self.engine.playheads());
        status.load.store((load * 10_000.0) as u32, Ordering::Relaxed);
        status.offline.store(self.pace.is_offline(), Ordering::Relaxed);
        let keys = self.engine.sounding_keys();
        status.sounding[0].store(keys as u64, Ordering::Relaxed);
        status.sounding[1].store((keys >> 64) as u64, Ordering::Relaxed);
    }
}

/// Whether a controller has been learned, be it now or before; then it moves its parameter, which is heard from the next block on.
fn is_taken(map: &MidiMap, learning: &Learning, knobs: &[ParamPtr], cc: u8, value: f32) -> bool {
    if learning.hear(cc) {
        return true;
    }
    let Some(number) = map.parameter(cc) else { return false };
    let Some(pointer) = knobs.get(number) else { return false };
    // SAFETY: the pointer is that of a parameter that lives as long as the plugin. It is written to through an atomic.
    unsafe { pointer._internal_set_normalized_value(value.clamp(0.0, 1.0)) };
    learning.note_moved(number);
    true
}

fn silence(buffer: &mut Buffer) {
    for channel in buffer.as_slice() {
        channel.fill(0.0);
    }
}

fn clicked(click: Click) -> Event {
    if click.velocity > 0.0 {
        Event::NoteOn { key: click.key, channel: 0, id: None, velocity: click.velocity }
    } else {
        Event::NoteOff { key: Some(click.key), channel: Some(0), id: None }
    }
}

/// What a host's event means to the engine, if it means anything.
fn translate(event: &NoteEvent<Retuning>, is_vst3: bool) -> Option<Event> {
    let of_note = |voice_id: VoiceID, channel: Channel, key: Key, control| Event::Note {
        key: key.number(),
        channel: channel.number(),
        id: voice_id.id(),
        control,
    };
    // A brightness in the middle is that of the note itself.
    let brightness = |value: f32| NoteControl::Slide(2.0 * value - 1.0);
    Some(match *event {
        NoteEvent::PolyVolume { voice_id, channel, key, gain, .. } => {
            of_note(voice_id, channel, key, NoteControl::Volume(gain))
        }
        NoteEvent::PolyPan { voice_id, channel, key, pan, .. } => {
            of_note(voice_id, channel, key, NoteControl::Pan(pan))
        }
        NoteEvent::PolyVibrato { voice_id, channel, key, vibrato, .. } => {
            of_note(voice_id, channel, key, NoteControl::Vibrato(vibrato))
        }
        // The framework takes these two for each other where they come by VST3.
        NoteEvent::PolyExpression { voice_id, channel, key, expression, .. } => {
            let control = if is_vst3 { brightness(expression) } else { NoteControl::Expression(expression) };
            of_note(voice_id, channel, key, control)
        }
        NoteEvent::PolyBrightness { voice_id, channel, key, brightness: value, .. } => {
            let control = if is_vst3 { NoteControl::Expression(value) } else { brightness(value) };
            of_note(voice_id, channel, key, control)
        }
        NoteEvent::PolyPressure { voice_id, channel, key, pressure, .. } => {
            of_note(voice_id, channel, key, NoteControl::Pressure(pressure))
        }
        NoteEvent::PolyModulation { voice_id, poly_modulation_id, normalized_offset, .. } => {
            let number = poly_modulation_id as usize;
            let offset = normalized_offset * POLYPHONIC_RANGES.get(number)?;
            let control = NoteControl::Parameter { number, offset };
            Event::Note { key: None, channel: None, id: Some(voice_id), control }
        }
        NoteEvent::MidiSysEx { message, .. } => Event::from(message),
        NoteEvent::MidiChannelPressure { channel, pressure, .. } => Event::Pressure { channel, value: pressure },
        NoteEvent::NoteOn { voice_id, channel, key, velocity, .. } => {
            Event::NoteOn { key: key.number()?, channel: channel.number().unwrap_or(0), id: voice_id.id(), velocity }
        }
        NoteEvent::NoteOff { voice_id, channel, key, .. } => {
            Event::NoteOff { key: key.number(), channel: channel.number(), id: voice_id.id() }
        }
        NoteEvent::Choke { voice_id, channel, key, .. } => {
            Event::Choke { key: key.number(), channel: channel.number(), id: voice_id.id() }
        }
        NoteEvent::PolyTuning { voice_id, channel, key, tuning, .. } => {
            Event::Tuning { key: key.number(), channel: channel.number(), id: voice_id.id(), semitones: tuning }
        }
        NoteEvent::MidiPitchBend { channel, value, .. } => Event::Bend { channel, value: bend(value) },
        NoteEvent::MidiCC { channel, cc, value, .. } => controller(channel, cc, value)?,
        _ => return None,
    })
}

/// The bend wheel from 0..1 to -1..1. The middle of fourteen bits lies between two of their values, and both are the middle.
fn bend(value: f32) -> f32 {
    let bend = 2.0 * value - 1.0;
    if bend.abs() < 2.0 / 16_383.0 { 0.0 } else { bend }
}

/// The controllers that the instrument heeds.
pub fn controller(channel: u8, cc: u8, value: f32) -> Option<Event> {
    use crate::audio::channel::number::{
        BREATH, DATA_ENTRY, DATA_ENTRY_FINE, EXPRESSION, HOLD_2, PAN, PORTAMENTO, PORTAMENTO_FROM, PORTAMENTO_TIME,
        REGISTERED, RESONANCE, SLIDE, SOFT, UNREGISTERED_FINE, VOLUME, WHEEL,
    };
    /// From this value of seven bits on a switch is on.
    const SWITCH_ON: f32 = 63.5 / 127.0;
    const MONO: u8 = 126;
    const POLY: u8 = 127;
    Some(match cc {
        control_change::DAMPER_PEDAL => Event::Pedal { channel, down: value > SWITCH_ON },
        control_change::SUSTENUTO => Event::Sostenuto { channel, down: value > SWITCH_ON },
        control_change::ALL_SOUND_OFF => Event::AllSoundOff { channel },
        control_change::RESET_ALL_CONTROLLERS => Event::ResetControllers { channel },
        // The mode messages that follow also let go of all notes.
        MONO | POLY => Event::Mono { channel, on: cc == MONO },
        control_change::ALL_NOTES_OFF..=127 => Event::AllNotesOff { channel },
        SOFT | HOLD_2 | PORTAMENTO => {
            Event::Controller { channel, number: cc, value: if value > SWITCH_ON { 127 } else { 0 } }
        }
        WHEEL
        | BREATH
        | PORTAMENTO_TIME
        | DATA_ENTRY
        | VOLUME
        | PAN
        | EXPRESSION
        | DATA_ENTRY_FINE
        | RESONANCE
        | SLIDE
        | PORTAMENTO_FROM
        | UNREGISTERED_FINE..=REGISTERED => {
            Event::Controller { channel, number: cc, value: (value * 127.0).round().clamp(0.0, 127.0) as u8 }
        }
        _ => return None,
    })
}

/// The controllers of a VST3 host that nobody has sent yet. They are parameters in disguise, which some hosts send all at once when
/// they load the plugin, each at the middle of its range; that is no message to be quiet, or to sway.
#[derive(Default)]
struct Untold {
    /// For each channel a bit for each controller that was told, and one for its pressure.
    told: [u128; 16],
}

impl Untold {
    /// No controller of this number is heeded, so that its bit stands for the channel's pressure.
    const PRESSURE: u8 = 3;

    /// Whether an event is a value that nobody has sent. The first value that is not the middle one tells that somebody does.
    fn is_no_message<S>(&mut self, event: &NoteEvent<S>, map: &MidiMap) -> bool {
        use crate::audio::channel::number::{
            BREATH, EXPRESSION, HOLD_2, PORTAMENTO, PORTAMENTO_FROM, PORTAMENTO_TIME, RESONANCE, SLIDE, SOFT, VOLUME,
            WHEEL,
        };
        let (channel, number, value) = match *event {
            NoteEvent::MidiCC { channel, cc, value, .. } => (channel, cc, value),
            NoteEvent::MidiChannelPressure { channel, pressure, .. } => (channel, Self::PRESSURE, pressure),
            _ => return false,
        };
        match number {
            WHEEL | BREATH | Self::PRESSURE | PORTAMENTO_TIME | VOLUME | EXPRESSION | PORTAMENTO | SOFT | HOLD_2 => {}
            RESONANCE | SLIDE | PORTAMENTO_FROM | 126 | 127 => {}
            learned if map.parameter(learned).is_some() => {}
            _ => return false,
        }
        let told = &mut self.told[usize::from(channel % 16)];
        let own = 1u128 << number;
        // One half lies between two values of seven bits, and a host may have rounded it to either.
        let is_middle = (62.5..64.5).contains(&(value * 127.0));
        if !is_middle {
            *told |= own;
        }
        *told & own == 0
    }
}

impl ClapPlugin for Timbrel {
    const CLAP_ID: &'static str = "org.timbrel.timbrel";
    const CLAP_DESCRIPTION: Option<&'static str> = Some("A neural instrument that plays GANSynth");
    const CLAP_MANUAL_URL: Option<&'static str> = None;
    const CLAP_SUPPORT_URL: Option<&'static str> = None;
    const CLAP_POLY_MODULATION_CONFIG: Option<PolyModulationConfig> =
        Some(PolyModulationConfig { max_voice_capacity: MAX_VOICES as u32, supports_overlapping_voices: false });
    const CLAP_FEATURES: &'static [ClapFeature] =
        &[ClapFeature::Instrument, ClapFeature::Synthesizer, ClapFeature::Stereo, ClapFeature::Mono];

    fn remote_controls(&self, context: &mut impl RemoteControlsContext) {
        self.params.remote_controls(context);
    }
}

impl Vst3Plugin for Timbrel {
    const VST3_CLASS_ID: [u8; 16] = *b"TimbrelGANSynth1";
    const VST3_SUBCATEGORIES: &'static [Vst3SubCategory] = &[Vst3SubCategory::Instrument, Vst3SubCategory::Synth];
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::channel::Channels;
    use crate::audio::modulation::Controls;

    fn cc(cc: u8, value: f32) -> NoteEvent<()> {
        NoteEvent::MidiCC { timing: 0, channel: 0, cc, value }
    }

    #[test]
    fn a_controller_at_one_half_changes_nothing() {
        // One host sends every controller at 0.5 when it loads the plugin, others the value rounded to seven bits.
        let map = MidiMap::new(None, Vec::new());
        let mut channels = Channels::new();
        for half in [0.5, 63.0 / 127.0, 64.0 / 127.0] {
            let mut untold = Untold::default();
            for number in (0..128).filter(|number| ![64, 66, 120, 121, 123, 124, 125].contains(number)) {
                if untold.is_no_message(&cc(number, half), &map) {
                    continue;
                }
                match controller(0, number, half) {
                    Some(Event::Controller { channel, number, value }) => channels.set(channel, number, value),
                    other => assert_eq!(other, None),
                }
            }
            let pressure = NoteEvent::<()>::MidiChannelPressure { timing: 0, channel: 0, pressure: half };
            assert!(untold.is_no_message(&pressure, &map));
            assert_eq!(channels.controls(0), Controls::default());
            assert!(channels.glide_seconds(0, 0.0) == 0.0 && !channels.is_soft(0) && !channels.is_held_2(0));
            assert_eq!((channels.take_glide_from(0), channels.resonance(0)), (None, 0.0));
            assert!(channels.is_plain(0), "at {half}");
            assert_eq!(channels.semitones(0, 2.0), 0.0);
        }
        for pedal in [64, 66] {
            let event = controller(0, pedal, 0.5).unwrap();
            assert!(matches!(event, Event::Pedal { down: false, .. } | Event::Sostenuto { down: false, .. }));
        }
        assert_eq!(bend(0.5), 0.0);
        assert_eq!(bend(8192.0 / 16_383.0), 0.0);
    }

    #[test]
    fn who_sends_a_volume_may_send_the_middle_one_too() {
        let map = MidiMap::new(None, Vec::new());
        let mut untold = Untold::default();
        assert!(untold.is_no_message(&cc(7, 0.5), &map));
        assert!(!untold.is_no_message(&cc(7, 0.2), &map));
        assert!(!untold.is_no_message(&cc(7, 64.0 / 127.0), &map));
        assert!(untold.is_no_message(&cc(11, 0.5), &map), "each for itself");
    }

    #[test]
    fn a_controller_that_was_learned_moves_its_parameter_and_nothing_else() {
        let (_, _, editor) = link::link();
        let params = TimbrelParams::new(Session::default(), &editor.status);
        let knobs: Vec<ParamPtr> = params.param_map().into_iter().map(|(_, pointer, _)| pointer).collect();
        let map = MidiMap::new(None, ids_of(&params));
        let learning = Learning::default();
        assert!(!is_taken(&map, &learning, &knobs, 74, 0.25));
        learning.begin();
        assert!(is_taken(&map, &learning, &knobs, 74, 0.25), "the one that is waited for does nothing yet");
        let number = ids_of(&params).iter().position(|id| id == "width").unwrap();
        map.tie(learning.take().unwrap(), Some(number)).unwrap();
        assert!(is_taken(&map, &learning, &knobs, 74, 0.25) && !is_taken(&map, &learning, &knobs, 75, 0.25));
        assert_eq!(params.width.value(), 0.25);
        assert_eq!(learning.take_moved().collect::<Vec<_>>(), [number]);
    }

    #[test]
    fn the_pedal_is_down_from_64_on() {
        assert_eq!(controller(3, 64, 63.0 / 127.0), Some(Event::Pedal { channel: 3, down: false }));
        assert_eq!(controller(3, 64, 64.0 / 127.0), Some(Event::Pedal { channel: 3, down: true }));
    }
}
