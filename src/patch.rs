//! All that decides the sound but the model: what a preset keeps, and the other side of A/B.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use nice_plug::plugin::ParamValue;
use nice_plug::prelude::{Param, ParamPtr, Params};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::held::Held;
use crate::params::TimbrelParams;
use crate::state::{self, Session};

/// Parameters by their ids, and the latents that are held.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Patch {
    pub params: BTreeMap<String, ParamValue>,
    #[serde(default, skip_serializing_if = "Held::is_empty")]
    pub held: Held,
}

impl Patch {
    /// What sounds now, modulation by the host left out.
    pub fn of(params: &TimbrelParams) -> Self {
        let values = params.param_map().into_iter().map(|(id, pointer, _)| {
            // SAFETY: the pointers are those of `params`.
            let value = unsafe { value(pointer) };
            (id, value)
        });
        Self { params: values.collect(), held: Held::clone(&params.session.holding().get()) }
    }

    /// Leaves out and puts right what cannot be used; says what that was. What an older patch lacks gets the value that leaves its
    /// sound as it was.
    pub fn mend(&mut self) -> Vec<String> {
        state::add_as_before(&mut self.params);
        let wrong = state::mend_params(&mut self.params, &*SCRATCH.lock());
        let mut complaints = self.held.mend();
        if !wrong.is_empty() {
            complaints.push(format!("these values could not be used as they were: {}", wrong.join(", ")));
        }
        complaints
    }

    /// The plain value of each parameter, by its id, as the framework counts them in floats.
    pub fn plain(&self) -> BTreeMap<String, f32> {
        let scratch = SCRATCH.lock();
        let plain = scratch.param_map().into_iter().filter_map(|(id, pointer, _)| {
            let plain = match (self.params.get(&id)?, pointer) {
                (ParamValue::F32(value), _) => *value,
                (ParamValue::I32(value), _) => *value as f32,
                (ParamValue::Bool(value), _) => f32::from(u8::from(*value)),
                (ParamValue::String(name), ParamPtr::EnumParam(own)) => {
                    // SAFETY: the pointer is of `scratch`, which nobody else has now.
                    unsafe {
                        if !(*own).set_from_id(name) {
                            return None;
                        }
                        (*own).unmodulated_plain_value() as f32
                    }
                }
                _ => return None,
            };
            Some((id, plain))
        });
        plain.collect()
    }
}

/// # Safety
///
/// `pointer` points to a parameter that is alive.
unsafe fn value(pointer: ParamPtr) -> ParamValue {
    // SAFETY: by the caller.
    unsafe {
        match pointer {
            ParamPtr::FloatParam(p) => ParamValue::F32((*p).unmodulated_plain_value()),
            ParamPtr::IntParam(p) => ParamValue::I32((*p).unmodulated_plain_value()),
            ParamPtr::BoolParam(p) => ParamValue::Bool((*p).unmodulated_plain_value()),
            ParamPtr::EnumParam(p) => match (*p).unmodulated_plain_id() {
                Some(id) => ParamValue::String(id.to_owned()),
                None => ParamValue::I32((*p).unmodulated_plain_value()),
            },
        }
    }
}

/// Parameters that nobody hears.
static SCRATCH: LazyLock<Mutex<TimbrelParams>> = LazyLock::new(|| {
    let (_, _, editor_end) = crate::link::link();
    Mutex::new(TimbrelParams::new(Session::default(), &editor_end.status))
});
