//! From voices to the block.

use super::super::channel::CHANNELS;
use super::super::filter;
use super::super::mix::{Mix, Output};
use super::super::modulation::Modulation;
use super::super::settings::Settings;
use super::super::voice::{State, Voice, VoiceSettings};
use super::{CHANNEL_SAMPLES, Engine, end_note, free};
use crate::note::KEYS;

impl Engine {
    pub(super) fn render(&mut self, settings: &Settings, mut out: Output) {
        if out.len() == 0 {
            return;
        }
        let voice_settings = self.voice_settings(settings);
        self.prepare_ahead(&voice_settings, out.len());
        let Self { voices, in_use, tools, link, ended, channels, channel_sound, pitches, is_apart, .. } = self;
        let asks = self.is_modulated || *is_apart || settings.filter.mode != filter::Mode::Off;
        let mut render = |voice: &mut Voice, out: &mut [f32]| {
            voice.render(&voice_settings, tools, &mut |note| free(&mut link.used, note), out);
            if voice.state() == State::Free {
                end_note(ended, &mut voice.identity);
            }
        };
        let voices = &mut voices[..*in_use];
        let is_plain: [bool; CHANNELS] = std::array::from_fn(|channel| channels.is_plain(channel as u8));
        let is_plain = |channel: u8| is_plain.get(usize::from(channel)).copied().unwrap_or(true);
        *is_apart = false;
        for voice in voices.iter_mut().filter(|voice| voice.state() != State::Free) {
            if asks {
                let has_own = !voice.identity.modulation.is_in_place() || voice.filter.is_heard(&settings.filter);
                if voice.mix.is_none() && has_own {
                    voice.mix = Some(channels.mix(voice.identity.channel).map_or(Mix::FULL, |(mix, _)| *mix));
                }
            }
            if voice.mix.is_some() {
                *is_apart = true;
            } else if is_plain(voice.identity.channel) {
                render(voice, out.left);
            }
        }
        out.copy_to_right();
        for channel in (0..CHANNELS as u8).filter(|&channel| !is_plain(channel)) {
            let Some((mix, gains)) = channels.mix(channel) else { continue };
            let sounds = |voice: &Voice| {
                voice.state() != State::Free && voice.mix.is_none() && voice.identity.channel == channel
            };
            if !voices.iter().any(sounds) {
                mix.jump(gains);
                continue;
            }
            for start in (0..out.len()).step_by(CHANNEL_SAMPLES) {
                let mut part = out.part(start..out.len().min(start + CHANNEL_SAMPLES));
                let sound = &mut channel_sound[..part.len()];
                sound.fill(0.0);
                voices.iter_mut().filter(|voice| sounds(voice)).for_each(|voice| render(voice, sound));
                mix.add(sound, gains, voice_settings.sample_rate, part.part(0..sound.len()));
            }
        }
        if !*is_apart {
            return;
        }
        for voice in voices.iter_mut().filter(|voice| voice.state() != State::Free) {
            let Some(mut mix) = voice.mix else { continue };
            let Modulation { gain, pan, cutoff, .. } = voice.identity.modulation;
            let (key, channel) = (voice.identity.key, voice.identity.channel);
            let is_filtered = voice.filter.is_heard(&settings.filter);
            let note = filter::Note {
                pitch: Some(pitches[usize::from(key) % KEYS]).filter(|pitch| !pitch.is_nan()).unwrap_or(f32::from(key)),
                cutoff,
                resonance: channels.resonance(channel),
                is_released: voice.envelope.is_released(),
            };
            let gains = channels.gains_beside(channel, gain, pan);
            for start in (0..out.len()).step_by(CHANNEL_SAMPLES) {
                let mut part = out.part(start..out.len().min(start + CHANNEL_SAMPLES));
                let sound = &mut channel_sound[..part.len()];
                sound.fill(0.0);
                render(voice, sound);
                if is_filtered {
                    voice.filter.apply(&settings.filter, &note, voice_settings.sample_rate, sound);
                }
                mix.add(sound, gains, voice_settings.sample_rate, part.part(0..sound.len()));
            }
            // Back where all others are, it is one of them again.
            let has_own = !voice.identity.modulation.is_in_place() || voice.filter.is_heard(&settings.filter);
            let is_back = !has_own && mix.is_at(gains);
            let channel = channels.mix(channel);
            voice.mix = Some(mix).filter(|_| !(is_back && channel.is_none_or(|(own, to)| own.is_at(to))));
        }
    }

    /// Computes some of the frames that will be due, as many as the time that passes calls for, so that those of a chord
    /// do not all fall due in one block.
    pub(super) fn prepare_ahead(&mut self, settings: &VoiceSettings, samples: usize) {
        /// Somewhat more than one frame for each hop, or the last would still come too late.
        const MARGIN: f32 = 1.25;
        /// Voices of longer hops are prepared as early as these.
        const LONGEST_HOP_SECONDS: f32 = 256.0 / 16_000.0;
        /// So many find the tables and the code of the first in the processor's caches.
        const FRAMES_IN_A_ROW: usize = 8;
        let seconds = samples as f32 / settings.sample_rate;
        let waiting = || self.in_use().iter().filter(|voice| voice.is_unprepared());
        let unprepared = waiting().count();
        let hop_seconds = waiting().map(Voice::hop_seconds).fold(LONGEST_HOP_SECONDS, f32::min);
        let due = unprepared as f32 * MARGIN * seconds / hop_seconds;
        self.prepare_credit = (self.prepare_credit + due).min(unprepared as f32);
        let playing = self.in_use().iter().filter(|voice| voice.is_active()).count();
        if unprepared < FRAMES_IN_A_ROW.min(playing) || self.prepare_credit < unprepared.min(FRAMES_IN_A_ROW) as f32 {
            return;
        }
        let Self { voices, in_use, tools, prepare_credit, .. } = self;
        for voice in voices[..*in_use].iter_mut().filter(|voice| voice.is_unprepared()) {
            if *prepare_credit < 1.0 {
                break;
            }
            *prepare_credit -= 1.0;
            voice.prepare(tools);
        }
    }
}
