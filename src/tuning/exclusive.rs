//! Tunings as system exclusive messages: of the twelve keys of each octave and of the whole instrument, by the MIDI Tuning
//! Standard and universal device control, and by Roland's GS, which many files speak.

use nice_plug::midi::sysex::SysExMessage;

/// Steps of a semitone, in which messages of two bytes count.
const STEPS: i32 = 8192;

/// What a message tunes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Retuning {
    /// The twelve keys of each octave from C on, in 1/8192 of a semitone, for the channels whose bits are set.
    Octave { channels: u16, steps: [i16; 12] },
    /// All channels, by whole semitones.
    Coarse { semitones: i8 },
    /// All channels, in 1/8192 of a semitone.
    Fine { steps: i16 },
}

impl Retuning {
    /// Of a system exclusive message without its first byte.
    pub fn parse(content: &[u8]) -> Option<Self> {
        match *content {
            // Of real time or not.
            [0x7e | 0x7f, _device, 8, form @ 8..=9, high, middle, low, ref offsets @ ..] => {
                // The channels from the highest on: two, seven and seven of them.
                let channels = u16::from(high & 3) << 14 | u16::from(middle & 0x7f) << 7 | u16::from(low & 0x7f);
                Some(Self::Octave { channels, steps: if form == 8 { cents(offsets)? } else { fractions(offsets)? } })
            }
            [0x7f, _device, 4, 3, fine @ ..=0x7f, coarse @ ..=0x7f, 0xf7] => {
                Some(Self::Fine { steps: fraction(coarse, fine) })
            }
            [0x7f, _device, 4, 4, _, semitones @ ..=0x7f, 0xf7] => Some(Self::coarse(semitones)),
            // A GS synthesiser that is sent data: address, data, and the sum of both.
            [0x41, _device, 0x42, 0x12, ref sent @ .., 0xf7] => Self::parse_gs(sent),
            _ => None,
        }
    }

    fn parse_gs(sent: &[u8]) -> Option<Self> {
        let is_intact = sent.iter().all(|&byte| byte < 0x80)
            && sent.iter().fold(0u8, |sum, &byte| sum.wrapping_add(byte)).is_multiple_of(0x80);
        match *sent {
            _ if !is_intact => None,
            // Tenths of a cent in four halves of bytes, 1024 for none.
            [0x40, 0, 0, ref halves @ .., _sum] if halves.len() == 4 => {
                let tenths = halves.iter().fold(0, |value, &half| value << 4 | i32::from(half & 0xf)) - 1024;
                Some(Self::Fine { steps: (tenths.clamp(-1000, 1000) * STEPS / 1000).min(STEPS - 1) as i16 })
            }
            [0x40, 0, 5, semitones, _sum] => Some(Self::coarse(semitones)),
            [0x40, block @ 0x10..=0x1f, 0x40, ref offsets @ .., _sum] if offsets.len() == 12 => {
                Some(Self::Octave { channels: 1 << gs_channel(block & 0xf), steps: cents(offsets)? })
            }
            _ => None,
        }
    }

    fn coarse(value: u8) -> Self {
        Self::Coarse { semitones: value as i8 - 64 }
    }
}

/// The channel of a block of GS's: the first is that of the drums, channel 10, and the others follow in their order.
fn gs_channel(block: u8) -> u8 {
    match block {
        0 => 9,
        1..=9 => block - 1,
        _ => block,
    }
}

/// An offset of two bytes in steps.
fn fraction(coarse: u8, fine: u8) -> i16 {
    (u16::from(coarse) << 7 | u16::from(fine)) as i16 - STEPS as i16
}

/// Offsets of twelve keys of one byte each, in cents, 64 for none.
fn cents(offsets: &[u8]) -> Option<[i16; 12]> {
    let offsets = offsets.get(..12)?.iter().all(|&byte| byte < 0x80).then_some(offsets)?;
    Some(std::array::from_fn(|key| ((i32::from(offsets[key]) - 64) * STEPS / 100) as i16))
}

/// Offsets of twelve keys of two bytes each, in steps.
fn fractions(offsets: &[u8]) -> Option<[i16; 12]> {
    let offsets = offsets.get(..24)?.iter().all(|&byte| byte < 0x80).then_some(offsets)?;
    Some(std::array::from_fn(|key| fraction(offsets[2 * key], offsets[2 * key + 1])))
}

/// Steps in semitones.
pub fn semitones(steps: i16) -> f32 {
    f32::from(steps) / STEPS as f32
}

impl SysExMessage for Retuning {
    /// The longest form: a head of eight bytes, two for each key, and the end.
    type Buffer = [u8; 33];

    fn from_buffer(buffer: &[u8]) -> Option<Self> {
        Self::parse(buffer.strip_prefix(&[0xf0])?)
    }

    fn as_buffer(&self) -> (Self::Buffer, usize) {
        let mut buffer = [0; 33];
        let two_bytes = |steps: i16| {
            let value = (i32::from(steps) + STEPS) as u16;
            [(value >> 7 & 0x7f) as u8, (value & 0x7f) as u8]
        };
        let length = match *self {
            Self::Octave { channels, steps } => {
                let [high, middle, low] = [14, 7, 0].map(|shift| (channels >> shift & 0x7f) as u8);
                buffer[..8].copy_from_slice(&[0xf0, 0x7f, 0x7f, 8, 9, high, middle, low]);
                let keys = buffer[8..32].chunks_exact_mut(2);
                keys.zip(steps).for_each(|(bytes, steps)| bytes.copy_from_slice(&two_bytes(steps)));
                33
            }
            Self::Coarse { semitones } => {
                buffer[..7].copy_from_slice(&[0xf0, 0x7f, 0x7f, 4, 4, 0, (semitones + 64) as u8]);
                8
            }
            Self::Fine { steps } => {
                let [coarse, fine] = two_bytes(steps);
                buffer[..7].copy_from_slice(&[0xf0, 0x7f, 0x7f, 4, 3, fine, coarse]);
                8
            }
        };
        buffer[length - 1] = 0xf7;
        (buffer, length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Offsets in semitones, and the channels.
    fn octave(retuning: Option<Retuning>) -> (u16, [f32; 12]) {
        match retuning {
            Some(Retuning::Octave { channels, steps }) => (channels, steps.map(semitones)),
            other => panic!("{other:?}"),
        }
    }

    fn gs(sent: &[u8]) -> Vec<u8> {
        let sum = sent.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte)) & 0x7f;
        [&[0xf0, 0x41, 0x10, 0x42, 0x12], sent, &[(128 - sum) & 0x7f, 0xf7]].concat()
    }

    #[test]
    fn both_forms_of_octaves_are_read_and_what_is_none_is_not() {
        let mut one = vec![0xf0, 0x7f, 0x10, 8, 8, 2, 0, 5];
        one.extend([64, 0, 127, 64, 64, 64, 64, 64, 64, 64, 64, 74, 0xf7]);
        let read = Retuning::from_buffer(&one);
        let (channels, tuned) = octave(read);
        assert_eq!(channels, 1 << 15 | 5);
        for (key, semitones) in [(0, 0.0), (1, -0.64), (2, 0.63), (11, 0.1)] {
            assert!((tuned[key] - semitones).abs() < 2e-4, "{tuned:?}");
        }
        let (two, length) = read.unwrap().as_buffer();
        assert_eq!(Retuning::from_buffer(&two[..length]), read);
        for length in 0..one.len() - 1 {
            assert_eq!(Retuning::from_buffer(&one[..length]), None, "cut to {length} bytes");
        }
        assert_eq!(Retuning::from_buffer(&[0xf0, 0x7e, 0x7f, 9, 1, 0xf7]), None);
        one[9] = 0x80;
        assert_eq!(Retuning::from_buffer(&one), None);
    }

    #[test]
    fn the_whole_instrument_is_tuned_coarsely_and_finely() {
        let read = |content: &[u8]| Retuning::from_buffer(content);
        let down = Retuning::Coarse { semitones: -3 };
        assert_eq!(read(&[0xf0, 0x7f, 0x7f, 4, 4, 0, 61, 0xf7]), Some(down));
        let quarter = Retuning::Fine { steps: -4096 };
        assert_eq!(read(&[0xf0, 0x7f, 0x7f, 4, 3, 0, 32, 0xf7]), Some(quarter));
        for retuning in [down, quarter] {
            let (bytes, length) = retuning.as_buffer();
            assert_eq!(read(&bytes[..length]), Some(retuning));
        }
        assert_eq!(read(&[0xf0, 0x7f, 0x7f, 4, 1, 0, 61, 0xf7]), None, "that is the master volume");
    }

    #[test]
    fn messages_of_gs_are_read_where_their_sum_is_right() {
        let read = |sent: &[u8]| Retuning::from_buffer(&gs(sent));
        assert_eq!(read(&[0x40, 0, 5, 0x4c]), Some(Retuning::Coarse { semitones: 12 }));
        // 440 Hz is 0400; fifty cents less is 020c.
        assert_eq!(read(&[0x40, 0, 0, 0, 4, 0, 0]), Some(Retuning::Fine { steps: 0 }));
        assert_eq!(read(&[0x40, 0, 0, 0, 2, 0, 0xc]), Some(Retuning::Fine { steps: -4096 }));
        for (block, channel) in [(0x10, 9), (0x11, 0), (0x19, 8), (0x1a, 10), (0x1f, 15)] {
            let sent = [&[0x40, block, 0x40][..], &[64, 14, 64, 64, 64, 64, 64, 64, 64, 64, 64, 114]].concat();
            let (channels, tuned) = octave(read(&sent));
            assert_eq!(channels, 1 << channel);
            assert_eq!((tuned[0], tuned[1], tuned[11]), (0.0, -0.5, 0.5));
        }
        let mut wrong = gs(&[0x40, 0, 5, 0x4c]);
        wrong[8] = 0x4d;
        assert_eq!(Retuning::from_buffer(&wrong), None, "the sum is that of another value");
        assert_eq!(read(&[0x40, 0, 0x7f, 0]), None, "that is the reset");
    }
}
