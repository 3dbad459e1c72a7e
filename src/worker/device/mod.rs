//! Devices that render faster than the processor: which there are, which of them pays, and what happens when one is lost.
//!
//! From the bottom up: `choice` names the devices and `setting` keeps what the user chose; `library` and `provider` know
//! what must be installed and how a session is placed on a device; `probe` is the test run that every device must pass;
//! `devices` is the service's state about devices, `report` what is shown of it; `thread` does what the schedule picks.
//!
//! A device is never trusted. It is tried after the processor has rendered the first notes, on the model that is to be
//! played; it must render what the processor renders; and when a run fails, the processor takes the same notes at once.

pub mod devices;
pub mod choice;
pub mod library;
pub mod provider;
pub mod report;
pub mod setting;
pub mod thread;
pub mod probe;

pub use choice::{Choice, Provider};
pub use report::{Entry, Report, Standing};
pub use setting::Setting;
