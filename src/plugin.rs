//! The glue between the plugin framework and the instrument.

use std::num::NonZeroU32;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use nice_plug::midi::{Channel, Key, VoiceID};
use nice_plug::prelude::*;

use crate::audio::{Engine, Event, Pace, TimedEvent};
use crate::editor::{self, TimbrelEditor};
use crate::link::{self, Click, EditorEnd, Status};
use crate::note::MAX_VOICES;
use crate::params::TimbrelParams;
use crate::preset::Programs;
use crate::state::{self, Session};
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
        session.connect(&instance);
        let params = Arc::new(TimbrelParams::new(session, &editor_end.status));
        Self {
            programs: Programs::of(&params),
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
    type SysExMessage = ();
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
        self.pace.restart(offline);
        context.set_latency_samples(0);
        context.set_current_voice_capacity(MAX_VOICES as u32);
        self.instance.start();
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
        let is_vst3 = context.plugin_api() == PluginApi::Vst3;
        let untold = &mut self.untold;

        let clicks = Arc::clone(&self.editor_end.clicks);
        let chosen = &mut self.chosen;
        let events = std::iter::from_fn(|| {
            if let Some(click) = clicks.pop() {
                return Some(TimedEvent { sample: 0, event: clicked(click) });
            }
            loop {
                let event = context.next_event()?;
                if is_vst3 && untold.is_no_message(&event) {
                    continue;
                }
                if let NoteEvent::MidiProgramChange { timing, program, .. } = event
                    && chosen.len() < MOST_PROGRAMS
                {
                    chosen.push((timing as usize, program));
                    continue;
                }
                if let Some(known) = translate(&event) {
                    return Some(TimedEvent { sample: event.timing() as usize, event: known });
                }
            }
        });
        self.events.extend(events.take(MOST_EVENTS));
        if !self.play(buffer.as_slice()) {
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
    fn play(&mut self, out: &mut [&mut [f32]]) -> bool {
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
            let settings = self.params.settings();
            let events = self.events.drain(..count).map(|event| TimedEvent {
                sample: event.sample.saturating_sub(from),
                ..event
            });
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
fn translate<S>(event: &NoteEvent<S>) -> Option<Event> {
    Some(match *event {
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
        DATA_ENTRY, DATA_ENTRY_FINE, EXPRESSION, PAN, REGISTERED, UNREGISTERED_FINE, VOLUME,
    };
    /// From this value of seven bits on a switch is on.
    const SWITCH_ON: f32 = 63.5 / 127.0;
    Some(match cc {
        control_change::DAMPER_PEDAL => Event::Pedal { channel, down: value > SWITCH_ON },
        control_change::SUSTENUTO => Event::Sostenuto { channel, down: value > SWITCH_ON },
        control_change::ALL_SOUND_OFF => Event::AllSoundOff { channel },
        control_change::RESET_ALL_CONTROLLERS => Event::ResetControllers { channel },
        // The mode messages that follow also let go of all notes.
        control_change::ALL_NOTES_OFF..=127 => Event::AllNotesOff { channel },
        DATA_ENTRY | VOLUME | PAN | EXPRESSION | DATA_ENTRY_FINE | UNREGISTERED_FINE..=REGISTERED => {
            Event::Controller { channel, number: cc, value: (value * 127.0).round().clamp(0.0, 127.0) as u8 }
        }
        _ => return None,
    })
}

/// The channels of a VST3 host that were not yet told how loud they are. Its controllers are parameters in disguise, which some
/// hosts send all at once when they load the plugin, each at the middle of its range; that is no message to be quiet.
#[derive(Default)]
struct Untold {
    /// A bit for each channel that was told, by volume and by expression.
    told: [u16; 2],
}

impl Untold {
    /// Whether an event is a value that nobody has sent. The first value that is not the middle one tells that somebody does.
    fn is_no_message<S>(&mut self, event: &NoteEvent<S>) -> bool {
        use crate::audio::channel::number::{EXPRESSION, VOLUME};
        let &NoteEvent::MidiCC { channel, cc, value, .. } = event else { return false };
        let told = match cc {
            VOLUME => &mut self.told[0],
            EXPRESSION => &mut self.told[1],
            _ => return false,
        };
        let own = 1u16 << (channel % 16);
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
    const CLAP_FEATURES: &'static [ClapFeature] =
        &[ClapFeature::Instrument, ClapFeature::Synthesizer, ClapFeature::Stereo, ClapFeature::Mono];
}

impl Vst3Plugin for Timbrel {
    const VST3_CLASS_ID: [u8; 16] = *b"TimbrelGANSynth1";
    const VST3_SUBCATEGORIES: &'static [Vst3SubCategory] = &[Vst3SubCategory::Instrument, Vst3SubCategory::Synth];
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::channel::Channels;

    fn cc(cc: u8, value: f32) -> NoteEvent<()> {
        NoteEvent::MidiCC { timing: 0, channel: 0, cc, value }
    }

    #[test]
    fn a_controller_at_one_half_changes_nothing() {
        // One host sends every controller at 0.5 when it loads the plugin, others the value rounded to seven bits.
        let mut channels = Channels::new();
        for half in [0.5, 63.0 / 127.0, 64.0 / 127.0] {
            let mut untold = Untold::default();
            for number in (0..120).filter(|number| *number != 64 && *number != 66) {
                if untold.is_no_message(&cc(number, half)) {
                    continue;
                }
                if let Some(Event::Controller { channel, number, value }) = controller(0, number, half) {
                    channels.set(channel, number, value);
                }
            }
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
        let mut untold = Untold::default();
        assert!(untold.is_no_message(&cc(7, 0.5)));
        assert!(!untold.is_no_message(&cc(7, 0.2)));
        assert!(!untold.is_no_message(&cc(7, 64.0 / 127.0)));
        assert!(untold.is_no_message(&cc(11, 0.5)), "each for itself");
    }

    #[test]
    fn the_pedal_is_down_from_64_on() {
        assert_eq!(controller(3, 64, 63.0 / 127.0), Some(Event::Pedal { channel: 3, down: false }));
        assert_eq!(controller(3, 64, 64.0 / 127.0), Some(Event::Pedal { channel: 3, down: true }));
    }
}
