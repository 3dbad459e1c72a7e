//! The pages of eight knobs that a controller in front of a CLAP host shows.

use nice_plug::prelude::{RemoteControlsContext, RemoteControlsPage, RemoteControlsSection};

use super::TimbrelParams;

impl TimbrelParams {
    /// Describes the pages.
    pub fn remote_controls(&self, context: &mut impl RemoteControlsContext) {
        context.add_section("Sound", |section| {
            section.add_page("Timbre", |page| {
                self.directions.iter().for_each(|direction| page.add_param(&direction.offset));
            });
            section.add_page("Envelope", |page| {
                for param in [&self.attack, &self.decay, &self.sustain, &self.release] {
                    page.add_param(param);
                }
                for param in [&self.character, &self.width, &self.tune, &self.gain] {
                    page.add_param(param);
                }
            });
        });
        context.add_section("Playing", |section| {
            let own = &self.expression;
            section.add_page("Expression", |page| {
                for param in [&own.wheel_amount, &own.breath_amount, &own.pressure_amount, &own.slide_amount] {
                    page.add_param(param);
                }
                for param in [&self.velocity, &self.brightness, &own.tilt, &self.vibrato] {
                    page.add_param(param);
                }
            });
            section.add_page("Motion", |page| {
                page.add_param(&self.motion.start);
                page.add_param(&self.motion.speed);
                page.add_param(&self.motion.freeze);
                page.add_param(&self.motion.reverse);
                page.add_param(&self.motion.release_mode);
                page.add_param(&own.voices);
                page.add_param(&own.glide);
                page.add_param(&self.bend);
            });
        });
        context.add_section("Filter", |section| {
            let own = &self.filter;
            section.add_page("Filter", |page| {
                page.add_param(&own.mode);
                for param in [&own.cutoff, &own.resonance, &own.keyed, &own.envelope] {
                    page.add_param(param);
                }
                page.add_spacer();
                page.add_param(&own.lfo_amount);
                page.add_param(&own.lfo_length);
            });
            section.add_page("Filter envelope", |page| {
                for param in [&own.attack, &own.decay, &own.sustain, &own.release] {
                    page.add_param(param);
                }
            });
        });
    }
}
