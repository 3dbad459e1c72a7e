//! The entry points of VST3, with a look at each state before the framework reads it. The host's main thread.

use std::cell::Cell;
use std::ffi::c_void;
use std::sync::OnceLock;

use nice_plug::wrapper::setup_logger;
use nice_plug::wrapper::vst3::vst3::Steinberg::IBStream_::IStreamSeekMode_::{kIBSeekCur, kIBSeekEnd, kIBSeekSet};
use nice_plug::wrapper::vst3::vst3::Steinberg::Vst::{IComponent, IComponentVtbl};
use nice_plug::wrapper::vst3::vst3::Steinberg::{
    FIDString, FUnknown, IBStream, IBStreamTrait, IPluginFactory, IPluginFactory2, IPluginFactory2Trait,
    IPluginFactory3, IPluginFactory3Trait, IPluginFactoryTrait, PClassInfo, PClassInfo2, PClassInfoW, PFactoryInfo,
    TUID, int32, int64, kInvalidArgument, kResultFalse, kResultOk, tresult,
};
use nice_plug::wrapper::vst3::vst3::{Class, ComRef, ComWrapper};
use nice_plug::wrapper::vst3::{PluginInfo, Wrapper};

use super::{LONGEST_STATE, readable};
use crate::plugin::Timbrel;

/// Called when the library was loaded: the logger is set up.
#[cfg_attr(target_os = "windows", unsafe(export_name = "InitDll"))]
#[cfg_attr(target_os = "macos", unsafe(export_name = "bundleEntry"))]
#[cfg_attr(not(any(target_os = "windows", target_os = "macos")), unsafe(export_name = "ModuleEntry"))]
pub extern "C" fn enter(_library: *mut c_void) -> bool {
    setup_logger::<Timbrel>();
    true
}

/// Called before the library is closed.
#[cfg_attr(target_os = "windows", unsafe(export_name = "ExitDll"))]
#[cfg_attr(target_os = "macos", unsafe(export_name = "bundleExit"))]
#[cfg_attr(not(any(target_os = "windows", target_os = "macos")), unsafe(export_name = "ModuleExit"))]
pub extern "C" fn leave() -> bool {
    true
}

/// What makes instances. A host calls it by this name.
#[unsafe(no_mangle)]
pub extern "system" fn GetPluginFactory() -> *mut c_void {
    let factory = ComWrapper::new(Factory(PluginInfo::for_plugin::<Timbrel>()));
    factory.to_com_ptr::<IPluginFactory>().map_or(std::ptr::null_mut(), |factory| factory.into_raw().cast())
}

struct Factory(PluginInfo);

impl Class for Factory {
    type Interfaces = (IPluginFactory, IPluginFactory2, IPluginFactory3);
}

impl Factory {
    /// Answers a question after the only class that there is.
    unsafe fn answer<T>(&self, index: int32, info: *mut T, of: impl FnOnce(&PluginInfo) -> T) -> tresult {
        if index != 0 || info.is_null() {
            return kInvalidArgument;
        }
        // SAFETY: the host says where the answer goes.
        unsafe { info.write(of(&self.0)) };
        kResultOk
    }
}

impl IPluginFactoryTrait for Factory {
    unsafe fn getFactoryInfo(&self, info: *mut PFactoryInfo) -> tresult {
        // SAFETY: by the caller.
        unsafe { self.answer(0, info, PluginInfo::create_factory_info) }
    }

    unsafe fn countClasses(&self) -> int32 {
        1
    }

    unsafe fn getClassInfo(&self, index: int32, info: *mut PClassInfo) -> tresult {
        // SAFETY: by the caller.
        unsafe { self.answer(index, info, PluginInfo::create_class_info) }
    }

    unsafe fn createInstance(&self, class: FIDString, interface: FIDString, object: *mut *mut c_void) -> tresult {
        // SAFETY: the host passes the sixteen bytes of a class, or nothing.
        if object.is_null() || unsafe { class.cast::<[u8; 16]>().as_ref() } != Some(self.0.cid) {
            return kInvalidArgument;
        }
        let instance = ComWrapper::new(Wrapper::<Timbrel>::new());
        let (Some(component), Some(unknown)) = (instance.as_com_ref::<IComponent>(), instance.as_com_ref::<FUnknown>())
        else {
            return kResultFalse;
        };
        let unknown = unknown.as_ptr();
        // SAFETY: the instance was made an instant ago, lives through the call, and nobody else knows it yet. The host
        // says where the pointer goes.
        unsafe {
            look_at_states(component.as_ptr());
            ((*(*unknown).vtbl).queryInterface)(unknown, interface as *const TUID, object)
        }
    }
}

impl IPluginFactory2Trait for Factory {
    unsafe fn getClassInfo2(&self, index: int32, info: *mut PClassInfo2) -> tresult {
        // SAFETY: by the caller.
        unsafe { self.answer(index, info, PluginInfo::create_class_info_2) }
    }
}

impl IPluginFactory3Trait for Factory {
    unsafe fn getClassInfoUnicode(&self, index: int32, info: *mut PClassInfoW) -> tresult {
        // SAFETY: by the caller.
        unsafe { self.answer(index, info, PluginInfo::create_class_info_unicode) }
    }

    unsafe fn setHostContext(&self, _context: *mut FUnknown) -> tresult {
        kResultOk
    }
}

type SetState = unsafe extern "system" fn(*mut IComponent, *mut IBStream) -> tresult;

/// The framework's own, which all instances have in common.
static SET_STATE: OnceLock<SetState> = OnceLock::new();

/// Gives an instance the framework's table of functions with [`set_state`] in it.
///
/// # Safety
///
/// The component is one of the framework's, and known to nobody else yet.
unsafe fn look_at_states(component: *mut IComponent) {
    static TABLE: OnceLock<IComponentVtbl> = OnceLock::new();
    // SAFETY: an object of COM begins with the pointer to its table, which lives as long as the library. The object lies on
    // the heap, where it may be written to.
    unsafe {
        let table = TABLE.get_or_init(|| {
            let own = *(*component).vtbl;
            SET_STATE.get_or_init(|| own.setState);
            IComponentVtbl { setState: set_state, ..own }
        });
        (*component).vtbl = table;
    }
}

unsafe extern "system" fn set_state(component: *mut IComponent, stream: *mut IBStream) -> tresult {
    let Some(own) = SET_STATE.get() else { return kResultFalse };
    // SAFETY: the host's stream is good for as long as the call.
    let mended = unsafe { ComRef::from_raw(stream) }.and_then(|stream| readable(&read(stream)?));
    let memory = mended.map(|bytes| ComWrapper::new(Memory { bytes, at: Cell::new(0) }));
    let memory = memory.as_ref().and_then(ComWrapper::as_com_ref::<IBStream>);
    // SAFETY: the component is the host's argument, and either stream lives through the call.
    unsafe { own(component, memory.map_or(stream, |memory| memory.as_ptr())) }
}

/// What a stream holds from where it stands, which it does afterwards as well; nothing where it fails or holds too much.
fn read(stream: ComRef<IBStream>) -> Option<Vec<u8>> {
    let (mut start, mut end, mut count) = (0, 0, 0);
    // SAFETY: all pointers are to places of ours, and the buffer is as long as is said.
    unsafe {
        let is_measured = stream.tell(&raw mut start) == kResultOk
            && stream.seek(0, kIBSeekEnd as int32, &raw mut end) == kResultOk
            && stream.seek(start, kIBSeekSet as int32, std::ptr::null_mut()) == kResultOk;
        let length = usize::try_from(end.checked_sub(start)?).ok().filter(|length| *length <= LONGEST_STATE)?;
        let mut bytes = vec![0u8; length];
        if !is_measured {
            return None;
        }
        // Some hosts say that this fails where it does not; what counts is how much came.
        stream.read(bytes.as_mut_ptr().cast(), length as int32, &raw mut count);
        let is_back = stream.seek(start, kIBSeekSet as int32, std::ptr::null_mut()) == kResultOk;
        (is_back && usize::try_from(count) == Ok(length)).then_some(bytes)
    }
}

/// A stream of bytes that lie ready. One call of the host's thread reads it.
struct Memory {
    bytes: Vec<u8>,
    at: Cell<usize>,
}

impl Class for Memory {
    type Interfaces = (IBStream,);
}

impl IBStreamTrait for Memory {
    unsafe fn read(&self, buffer: *mut c_void, size: int32, count: *mut int32) -> tresult {
        let rest = &self.bytes[self.at.get()..];
        let length = rest.len().min(usize::try_from(size).unwrap_or(0));
        // SAFETY: the buffer has room for `size` bytes; where the count goes is said, or nothing is.
        unsafe {
            std::ptr::copy_nonoverlapping(rest.as_ptr(), buffer.cast(), length);
            if !count.is_null() {
                count.write(length as int32);
            }
        }
        self.at.set(self.at.get() + length);
        kResultOk
    }

    unsafe fn write(&self, _buffer: *mut c_void, _size: int32, _count: *mut int32) -> tresult {
        kResultFalse
    }

    unsafe fn seek(&self, offset: int64, mode: int32, result: *mut int64) -> tresult {
        let length = self.bytes.len() as int64;
        let from = match mode {
            mode if mode == kIBSeekSet as int32 => 0,
            mode if mode == kIBSeekCur as int32 => self.at.get() as int64,
            mode if mode == kIBSeekEnd as int32 => length,
            _ => return kInvalidArgument,
        };
        self.at.set(from.saturating_add(offset).clamp(0, length) as usize);
        // SAFETY: by the caller.
        if result.is_null() { kResultOk } else { unsafe { self.tell(result) } }
    }

    unsafe fn tell(&self, at: *mut int64) -> tresult {
        if at.is_null() {
            return kInvalidArgument;
        }
        // SAFETY: the caller says where the answer goes.
        unsafe { at.write(self.at.get() as int64) };
        kResultOk
    }
}
