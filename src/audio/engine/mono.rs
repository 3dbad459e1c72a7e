//! One note at a time, and glides from key to key.

use super::super::channel::CHANNELS;
use super::super::mono::VoiceMode;
use super::super::pace::Wait;
use super::super::settings::Settings;
use super::super::voice::{State, Voice};
use super::{Engine, end_note};

/// How long a note glides from a key that was named for it, where no time was set, in seconds.
const NAMED_GLIDE_SECONDS: f32 = 0.1;

impl Engine {
    pub(super) fn is_mono(&self, channel: u8, settings: &Settings) -> bool {
        self.channels.mono(channel).unwrap_or(settings.voice_mode != VoiceMode::Poly)
    }

    /// Where a new note is to glide from, in semitones from its key, and how long.
    pub(super) fn glide_of(&mut self, key: u8, channel: u8, settings: &Settings) -> Option<(f32, f32)> {
        let seconds = self.channels.glide_seconds(channel, settings.glide);
        let named = self.channels.take_glide_from(channel);
        let last = self.keys.last(channel);
        self.keys.strike(channel, key);
        let from = named.or(last.filter(|_| seconds > 0.0))?;
        // A key that is named is glided from, whether or not notes do so by themselves.
        let seconds = if seconds > 0.0 { seconds } else { self.channels.glide_seconds(channel, NAMED_GLIDE_SECONDS) };
        (from != key && seconds > 0.0).then(|| (self.pitch(from) - self.pitch(key), seconds))
    }

    /// The note that sounds on a channel that has one at a time, its key down.
    pub(super) fn sounding(&self, channel: u8) -> Option<usize> {
        let is_it = |voice: &Voice| {
            let own = &voice.identity;
            voice.is_active() && !voice.envelope.is_released() && !own.pedalled && own.channel == channel
        };
        self.in_use().iter().position(is_it)
    }

    /// Where one note sounds at a time: lets it go over to a key that is struck while another is down, or ends it. Returns whether
    /// that is all there is to do.
    pub(super) fn play_on(&mut self, key: u8, channel: u8, id: Option<i32>, settings: &Settings, wait: Wait) -> bool {
        self.keys.press(channel, key, id);
        if settings.voice_mode == VoiceMode::Legato
            && let Some(index) = self.sounding(channel)
            && self.voices[index].identity.key != key
        {
            self.move_to(index, key, id, settings, wait);
            return true;
        }
        // What sounds on in a pedal or in its release makes way as well.
        let Self { voices, in_use, ended, .. } = self;
        for voice in voices[..*in_use].iter_mut().filter(|voice| voice.is_active()) {
            if voice.identity.channel == channel {
                end_note(ended, &mut voice.identity);
                voice.steal();
            }
        }
        false
    }

    /// Where one note sounds at a time: goes back to a key that is still down. Returns whether that is all there is to do.
    pub(super) fn go_back(
        &mut self,
        key: Option<u8>,
        channel: Option<u8>,
        id: Option<i32>,
        settings: &Settings,
        wait: Wait,
    ) -> bool {
        let mut is_done = false;
        for own in 0..CHANNELS as u8 {
            if channel.is_some_and(|channel| channel != own) || !self.is_mono(own, settings) {
                continue;
            }
            let Some(top) = self.keys.release(own, key, id) else { continue };
            // One that does not sound is let go of without a sound.
            is_done = true;
            if let (Some((next, next_id)), Some(index)) = (top, self.sounding(own))
                && self.voices[index].identity.key != next
            {
                self.move_to(index, next, next_id, settings, wait);
            }
        }
        is_done
    }

    /// Lets a note go over to another key, without a new stroke.
    pub(super) fn move_to(&mut self, index: usize, key: u8, id: Option<i32>, settings: &Settings, wait: Wait) {
        let channel = self.voices[index].identity.channel;
        let glide = self.glide_of(key, channel, settings);
        self.remember(key);
        let own = &mut self.voices[index].identity;
        if own.id != id {
            end_note(&mut self.ended, own);
        }
        let seconds = glide.map(|(_, seconds)| seconds);
        (own.key, own.id, own.moved) = (key, id, true);
        if self.voices[index].state() == State::Waiting {
            self.voices[index].identity.glide = glide;
            return;
        }
        if let (Some(seconds), Some(source)) = (seconds, self.voices[index].source_pitch()) {
            let pitch = self.pitch_offset(&self.voices[index].identity, source, settings);
            self.voices[index].glide_to(pitch, seconds);
        }
        self.follow_timbre(settings, wait);
    }
}
