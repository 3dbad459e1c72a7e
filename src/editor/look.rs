//! How the editor looks: colours, type, scale. Every size in the other files is in points of the design's own size and
//! goes through [`Look::px`], so that the whole grows and shrinks with the window.

use std::sync::Arc;

use egui::text::{LayoutJob, TextFormat, TextWrapping};
use egui::{Align2, Color32, FontData, FontDefinitions, FontFamily, FontId, Galley, Painter, Pos2, Rect};

/// Behind everything.
pub const GROUND: Color32 = Color32::from_rgb(19, 17, 16);
/// What lies a little above the ground: knobs, fields.
pub const RAISED: Color32 = Color32::from_rgb(31, 28, 26);
/// Raised, and under the pointer.
pub const HOVERED: Color32 = Color32::from_rgb(43, 38, 35);
/// Hairlines and empty tracks.
pub const LINE: Color32 = Color32::from_rgb(58, 51, 46);
/// What is named but seldom read.
pub const FAINT: Color32 = Color32::from_rgb(150, 137, 123);
/// What is read.
pub const TEXT: Color32 = Color32::from_rgb(214, 203, 188);
/// What matters now.
pub const BRIGHT: Color32 = Color32::from_rgb(250, 242, 229);
/// Values, and what sounds.
pub const AMBER: Color32 = Color32::from_rgb(236, 161, 78);
/// The dark end of the accent.
pub const EMBER: Color32 = Color32::from_rgb(142, 62, 40);
/// What went wrong, and levels that clip.
pub const ALARM: Color32 = Color32::from_rgb(229, 92, 70);

/// Weight of a type.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Face {
    Light,
    Regular,
    Strong,
}

/// A use of type, with its size in design points.
#[derive(Clone, Copy)]
pub struct Type {
    size: f32,
    face: Face,
    /// Letter spacing, as a share of the size.
    tracking: f32,
}

/// The instrument's name.
pub const WORDMARK: Type = Type { size: 19.0, face: Face::Light, tracking: 0.22 };
/// Titles of sections, in small capitals.
pub const TITLE: Type = Type { size: 10.0, face: Face::Strong, tracking: 0.16 };
/// Names of controls, explanations.
pub const LABEL: Type = Type { size: 12.0, face: Face::Regular, tracking: 0.0 };
/// Values of controls.
pub const VALUE: Type = Type { size: 12.0, face: Face::Strong, tracking: 0.01 };
/// Marks on keys and the like.
pub const SMALL: Type = Type { size: 10.5, face: Face::Regular, tracking: 0.0 };
/// Names of models.
pub const NAME: Type = Type { size: 14.0, face: Face::Strong, tracking: 0.01 };
/// A heading of the browser.
pub const HEADING: Type = Type { size: 22.0, face: Face::Light, tracking: 0.0 };
/// The digits of the seed.
pub const DIGITS: Type = Type { size: 38.0, face: Face::Light, tracking: 0.0 };

/// Smallest type that can still be read, in points of the screen.
const LEAST_TYPE: f32 = 8.5;

/// The scale of one frame.
#[derive(Clone, Copy)]
pub struct Look {
    pub scale: f32,
}

impl Look {
    /// Design points to screen points.
    pub fn px(self, points: f32) -> f32 {
        points * self.scale
    }

    pub fn font(self, style: Type) -> FontId {
        // Half points, so that dragging the window's corner does not fill the glyph atlas with sizes nobody sees apart.
        let size = (2.0 * style.size * self.scale).round() / 2.0;
        let family = match style.face {
            Face::Light => FontFamily::Name("light".into()),
            Face::Regular => FontFamily::Proportional,
            Face::Strong => FontFamily::Name("strong".into()),
        };
        FontId::new(size.max(LEAST_TYPE), family)
    }

    /// Sets text in at most `rows` rows of `width` screen points; what does not fit ends in an ellipsis.
    pub fn set(
        self,
        painter: &Painter,
        text: &str,
        style: Type,
        colour: Color32,
        width: f32,
        rows: usize,
    ) -> Arc<Galley> {
        let font_id = self.font(style);
        let extra_letter_spacing = font_id.size * style.tracking;
        let format = TextFormat { font_id, color: colour, extra_letter_spacing, ..Default::default() };
        let mut job = LayoutJob::single_section(text.to_owned(), format);
        job.wrap =
            TextWrapping { max_width: width.max(1.0), max_rows: rows, break_anywhere: rows == 1, ..Default::default() };
        painter.layout_job(job)
    }

    /// Draws one row of text at a point; gives where it is.
    pub fn text(
        self,
        painter: &Painter,
        (at, anchor): (Pos2, Align2),
        text: &str,
        style: Type,
        colour: Color32,
        width: f32,
    ) -> Rect {
        let galley = self.set(painter, text, style, colour, width, 1);
        let rect = anchor.anchor_size(at, galley.size());
        painter.galley(rect.min, galley, colour);
        rect
    }

    /// A section's title, at the top left of its rectangle.
    pub fn title(self, painter: &Painter, at: Pos2, text: &str) -> Rect {
        self.text(painter, (at, Align2::LEFT_TOP), &text.to_uppercase(), TITLE, FAINT, f32::INFINITY)
    }
}

/// A colour between two, as the eye expects it closely enough.
pub fn mix(from: Color32, to: Color32, share: f32) -> Color32 {
    from.lerp_to_gamma(to, share.clamp(0.0, 1.0))
}

/// Loads the typefaces, and makes egui's own few widgets fit in.
pub fn dress(ctx: &egui::Context) {
    let mut fonts = FontDefinitions::default();
    let faces: [(&str, FontFamily, &'static [u8]); 3] = [
        ("light", FontFamily::Name("light".into()), include_bytes!("../../assets/fonts/Manrope-Light.ttf")),
        ("regular", FontFamily::Proportional, include_bytes!("../../assets/fonts/Manrope-Regular.ttf")),
        ("strong", FontFamily::Name("strong".into()), include_bytes!("../../assets/fonts/Manrope-SemiBold.ttf")),
    ];
    // egui's own faces stay behind them, for the letters of model names that Manrope does not have.
    let behind = fonts.families.get(&FontFamily::Proportional).cloned().unwrap_or_default();
    for (name, family, bytes) in faces {
        fonts.font_data.insert(name.to_owned(), Arc::new(FontData::from_static(bytes)));
        let mut stack = vec![name.to_owned()];
        stack.extend(behind.iter().cloned());
        fonts.families.insert(family, stack);
    }
    ctx.set_fonts(fonts);
    // The host's light or dark theme changes nothing here.
    ctx.set_theme(egui::Theme::Dark);
    ctx.all_styles_mut(|style| {
        style.interaction.selectable_labels = false;
        style.interaction.tooltip_delay = 0.6;
        style.spacing.menu_margin = egui::Margin::symmetric(10, 8);
        let visuals = &mut style.visuals;
        visuals.panel_fill = GROUND;
        visuals.extreme_bg_color = GROUND;
        visuals.window_fill = RAISED;
        visuals.window_stroke = egui::Stroke::new(1.0, LINE);
        visuals.menu_corner_radius = egui::CornerRadius::same(6);
        visuals.popup_shadow =
            egui::Shadow { offset: [0, 3], blur: 12, spread: 0, color: Color32::from_black_alpha(140) };
        for (widget, fill) in [
            (&mut visuals.widgets.inactive, LINE),
            (&mut visuals.widgets.hovered, FAINT),
            (&mut visuals.widgets.active, AMBER),
        ] {
            widget.bg_fill = fill;
            widget.fg_stroke.color = fill;
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Contrast of two colours by WCAG 2.2.
    fn contrast(one: Color32, other: Color32) -> f32 {
        let luminance = |colour: Color32| {
            let [red, green, blue] = [colour.r(), colour.g(), colour.b()].map(|x| {
                let x = f32::from(x) / 255.0;
                if x <= 0.04045 { x / 12.92 } else { ((x + 0.055) / 1.055).powf(2.4) }
            });
            0.2126 * red + 0.7152 * green + 0.0722 * blue
        };
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn every_text_can_be_read_by_wcag_aa() {
        for ground in [GROUND, RAISED] {
            for ink in [FAINT, TEXT, BRIGHT, AMBER] {
                assert!(contrast(ink, ground) >= 4.5, "{ink:?} on {ground:?}: {}", contrast(ink, ground));
            }
        }
        for (ink, ground) in [
            (TEXT, HOVERED),
            (BRIGHT, HOVERED),
            (AMBER, HOVERED),
            (AMBER, mix(GROUND, AMBER, 0.22)),
            (GROUND, AMBER),
            (GROUND, BRIGHT),
            (ALARM, GROUND),
            (TEXT, mix(GROUND, ALARM, 0.13)),
        ] {
            assert!(contrast(ink, ground) >= 4.5, "{ink:?} on {ground:?}: {}", contrast(ink, ground));
        }
    }
}
