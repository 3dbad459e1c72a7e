//! The standalone app, and the headless use on the command line.

fn main() {
    if !nice_plug::prelude::nice_export_standalone::<timbrel::Timbrel>() {
        std::process::exit(1);
    }
}
