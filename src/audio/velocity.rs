//! How loud a stroke is, by its velocity.

/// What the whole depth makes of velocity 1 against 127, in dB: what a player's hands reach on a real instrument.
const RANGE_DB: f32 = 35.0;

/// By which law loudness follows velocity.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Law {
    /// By equal steps in dB over [`RANGE_DB`], which `shape` bends.
    Even,
    /// By the square of the velocity, as General MIDI recommends; a depth below the whole one leaves soft strokes nearly alike.
    Square,
}

/// From velocity to level.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct VelocityCurve {
    pub law: Law,
    /// Share of the level that the velocity decides, 0 to 1.
    pub depth: f32,
    /// -1 for a hard keyboard, on which middling strokes are loud already, to 1 for a light one.
    pub shape: f32,
}

impl VelocityCurve {
    /// The linear gain of a stroke; `velocity` is 0 to 1.
    pub fn level(&self, velocity: f32) -> f32 {
        let velocity = velocity.clamp(0.0, 1.0);
        match self.law {
            Law::Square => 1.0 - self.depth * (1.0 - velocity.powi(2)),
            Law::Even => {
                let share = ((velocity - 1.0 / 127.0) / (126.0 / 127.0)).clamp(0.0, 1.0);
                // A power, of 1/7 to 7.
                let bent = share.powf(7f32.powf(self.shape));
                10f32.powf(-RANGE_DB * self.depth * (1.0 - bent) / 20.0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn db(law: Law, depth: f32, shape: f32, velocity: u8) -> f32 {
        20.0 * VelocityCurve { law, depth, shape }.level(f32::from(velocity) / 127.0).log10()
    }

    #[test]
    fn an_even_curve_spans_35_db_in_equal_steps() {
        assert!((db(Law::Even, 1.0, 0.0, 1) + 35.0).abs() < 1e-3);
        assert_eq!(db(Law::Even, 1.0, 0.0, 127), 0.0);
        for velocity in 2..=127 {
            let step = db(Law::Even, 1.0, 0.0, velocity) - db(Law::Even, 1.0, 0.0, velocity - 1);
            assert!((step - 35.0 / 126.0).abs() < 1e-3, "step {velocity} is {step} dB");
        }
        assert!((db(Law::Even, 0.5, 0.0, 1) + 17.5).abs() < 1e-3);
        assert_eq!(db(Law::Even, 0.0, 0.7, 1), 0.0);
    }

    #[test]
    fn a_shape_bends_the_middle_and_leaves_the_ends() {
        for shape in [-1.0, -0.5, 0.5, 1.0] {
            assert!((db(Law::Even, 1.0, shape, 1) + 35.0).abs() < 1e-3);
            assert_eq!(db(Law::Even, 1.0, shape, 127), 0.0);
            let rises = (2..=127).all(|v| db(Law::Even, 1.0, shape, v) >= db(Law::Even, 1.0, shape, v - 1));
            assert!(rises, "shape {shape}");
        }
        assert!(db(Law::Even, 1.0, -1.0, 64) > -6.0 && db(Law::Even, 1.0, 1.0, 64) < -29.0);
    }

    #[test]
    fn the_law_of_older_sessions_is_what_it_was() {
        for (depth, velocity) in [(1.0f32, 0.5f32), (0.7, 0.25), (0.0, 0.1)] {
            let level = VelocityCurve { law: Law::Square, depth, shape: 0.3 }.level(velocity);
            assert_eq!(level, 1.0 - depth * (1.0 - velocity.clamp(0.0, 1.0).powi(2)));
        }
    }
}
