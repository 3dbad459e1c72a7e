//! Tunings of the twelve keys of each octave as messages (MIDI Tuning Standard, scale/octave tuning of one and of two bytes).

use nice_plug::midi::sysex::SysExMessage;

/// Steps of a semitone, in which messages of two bytes count.
const STEPS: i32 = 8192;

/// Offsets of the twelve keys of each octave, for some channels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OctaveTuning {
    /// A bit for each channel.
    pub channels: u16,
    /// From C on, in 1/8192 of a semitone.
    steps: [i16; 12],
}

impl OctaveTuning {
    /// Of a system exclusive message without its first byte, be it of real time or not.
    pub fn parse(content: &[u8]) -> Option<Self> {
        const ONE_BYTE: u8 = 8;
        let &[0x7e | 0x7f, _device, 0x08, form @ 8..=9, high, middle, low, ref offsets @ ..] = content else {
            return None;
        };
        // The channels from the highest on: two, seven and seven of them.
        let channels = u16::from(high & 3) << 14 | u16::from(middle & 0x7f) << 7 | u16::from(low & 0x7f);
        let mut steps = [0; 12];
        let width = if form == ONE_BYTE { 1 } else { 2 };
        for (step, bytes) in steps.iter_mut().zip(offsets.get(..12 * width)?.chunks_exact(width)) {
            *step = match *bytes {
                // Cents, 64 for none.
                [cents @ ..=0x7f] => ((i32::from(cents) - 64) * STEPS / 100) as i16,
                [coarse @ ..=0x7f, fine @ ..=0x7f] => (u16::from(coarse) << 7 | u16::from(fine)) as i16 - STEPS as i16,
                _ => return None,
            };
        }
        Some(Self { channels, steps })
    }

    /// The offsets, in semitones.
    pub fn semitones(&self) -> [f32; 12] {
        self.steps.map(|step| f32::from(step) / STEPS as f32)
    }
}

impl SysExMessage for OctaveTuning {
    /// The longest form: a head of eight bytes, two for each key, and the end.
    type Buffer = [u8; 33];

    fn from_buffer(buffer: &[u8]) -> Option<Self> {
        Self::parse(buffer.strip_prefix(&[0xf0])?)
    }

    fn as_buffer(&self) -> (Self::Buffer, usize) {
        let mut buffer = [0; 33];
        let [high, middle, low] = [14, 7, 0].map(|shift| (self.channels >> shift & 0x7f) as u8);
        buffer[..8].copy_from_slice(&[0xf0, 0x7f, 0x7f, 8, 9, high, middle, low]);
        for (bytes, step) in buffer[8..32].chunks_exact_mut(2).zip(self.steps) {
            let value = (i32::from(step) + STEPS) as u16;
            bytes.copy_from_slice(&[(value >> 7 & 0x7f) as u8, (value & 0x7f) as u8]);
        }
        buffer[32] = 0xf7;
        (buffer, 33)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read_and_what_is_none_is_not() {
        let mut one = vec![0xf0, 0x7f, 0x10, 8, 8, 2, 0, 5];
        one.extend([64, 0, 127, 64, 64, 64, 64, 64, 64, 64, 64, 74, 0xf7]);
        let tuning = OctaveTuning::from_buffer(&one).unwrap();
        assert_eq!(tuning.channels, 1 << 15 | 5);
        for (key, semitones) in [(0, 0.0), (1, -0.64), (2, 0.63), (11, 0.1)] {
            assert!((tuning.semitones()[key] - semitones).abs() < 2e-4, "{:?}", tuning.semitones());
        }
        let (two, length) = tuning.as_buffer();
        assert_eq!(OctaveTuning::from_buffer(&two[..length]), Some(tuning));
        for length in 0..one.len() - 1 {
            assert_eq!(OctaveTuning::from_buffer(&one[..length]), None, "cut to {length} bytes");
        }
        assert_eq!(OctaveTuning::from_buffer(&[0xf0, 0x7e, 0x7f, 9, 1, 0xf7]), None);
        one[9] = 0x80;
        assert_eq!(OctaveTuning::from_buffer(&one), None);
    }
}
