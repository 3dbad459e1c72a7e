//! The entry point of CLAP, with a look at each state before the framework reads it. The host's main thread.

use std::ffi::{CStr, c_char, c_void};
use std::sync::{Arc, OnceLock};

use clap_sys::ext::state::{CLAP_EXT_STATE, clap_plugin_state};
use clap_sys::stream::{clap_istream, clap_ostream};
use nice_plug::wrapper::clap::{
    CLAP_PLUGIN_FACTORY_ID, CLAP_VERSION, PluginDescriptor, Wrapper, clap_host, clap_plugin, clap_plugin_descriptor,
    clap_plugin_entry, clap_plugin_factory,
};
use nice_plug::wrapper::setup_logger;

use super::{LONGEST_STATE, readable};
use crate::plugin::Timbrel;

type GetExtension = unsafe extern "C" fn(*const clap_plugin, *const c_char) -> *const c_void;

/// The plugin's entry point.
#[unsafe(no_mangle)]
#[used]
pub static clap_entry: clap_plugin_entry = clap_plugin_entry {
    clap_version: CLAP_VERSION,
    init: Some(init),
    deinit: Some(deinit),
    get_factory: Some(get_factory),
};

static FACTORY: clap_plugin_factory = clap_plugin_factory {
    get_plugin_count: Some(get_plugin_count),
    get_plugin_descriptor: Some(get_plugin_descriptor),
    create_plugin: Some(create_plugin),
};

static STATE: clap_plugin_state = clap_plugin_state { save: Some(save), load: Some(load) };

/// The framework's own, which all instances have in common.
static GET_EXTENSION: OnceLock<GetExtension> = OnceLock::new();

fn descriptor() -> &'static PluginDescriptor {
    static DESCRIPTOR: OnceLock<PluginDescriptor> = OnceLock::new();
    DESCRIPTOR.get_or_init(PluginDescriptor::for_plugin::<Timbrel>)
}

extern "C" fn init(_path: *const c_char) -> bool {
    setup_logger::<Timbrel>();
    true
}

extern "C" fn deinit() {}

extern "C" fn get_factory(id: *const c_char) -> *const c_void {
    // SAFETY: the host passes a C string or nothing.
    if !id.is_null() && unsafe { CStr::from_ptr(id) } == CLAP_PLUGIN_FACTORY_ID {
        (&raw const FACTORY).cast()
    } else {
        std::ptr::null()
    }
}

unsafe extern "C" fn get_plugin_count(_factory: *const clap_plugin_factory) -> u32 {
    1
}

unsafe extern "C" fn get_plugin_descriptor(
    _factory: *const clap_plugin_factory,
    index: u32,
) -> *const clap_plugin_descriptor {
    if index == 0 { descriptor().clap_plugin_descriptor() } else { std::ptr::null() }
}

unsafe extern "C" fn create_plugin(
    _factory: *const clap_plugin_factory,
    host: *const clap_host,
    id: *const c_char,
) -> *const clap_plugin {
    // SAFETY: the host passes a C string or nothing.
    if id.is_null() || unsafe { CStr::from_ptr(id) } != descriptor().clap_id() {
        return std::ptr::null();
    }
    // SAFETY: the host lives as long as its plugins. What is made here lives until the host calls `destroy`, which takes the count
    // back, and nobody else knows its table yet.
    unsafe {
        let wrapper = Arc::into_raw(Wrapper::<Timbrel>::new(host));
        let table = (*wrapper).clap_plugin.as_ptr();
        if let Some(own) = (*table).get_extension.replace(get_extension) {
            GET_EXTENSION.get_or_init(|| own);
        }
        table
    }
}

unsafe extern "C" fn get_extension(plugin: *const clap_plugin, id: *const c_char) -> *const c_void {
    // SAFETY: the host passes a C string or nothing.
    if !id.is_null() && unsafe { CStr::from_ptr(id) } == CLAP_EXT_STATE {
        return (&raw const STATE).cast();
    }
    // SAFETY: the arguments are those of the host's call.
    GET_EXTENSION.get().map_or(std::ptr::null(), |own| unsafe { own(plugin, id) })
}

/// The framework's way to save and load.
fn own_state(plugin: *const clap_plugin) -> Option<clap_plugin_state> {
    let own = GET_EXTENSION.get()?;
    // SAFETY: the plugin is one of the framework's, and what it answers is a table that lives as long as it does, or nothing.
    unsafe { own(plugin, CLAP_EXT_STATE.as_ptr()).cast::<clap_plugin_state>().as_ref() }.copied()
}

unsafe extern "C" fn save(plugin: *const clap_plugin, stream: *const clap_ostream) -> bool {
    // SAFETY: the arguments are those of the host's call.
    own_state(plugin).and_then(|own| own.save).is_some_and(|save| unsafe { save(plugin, stream) })
}

unsafe extern "C" fn load(plugin: *const clap_plugin, stream: *const clap_istream) -> bool {
    let Some(load) = own_state(plugin).and_then(|own| own.load) else { return false };
    // SAFETY: the host's stream is good for as long as the call.
    let Some((length, state)) = (unsafe { stream.as_ref() }).and_then(read_state) else { return false };
    let (length, state) = readable(&state).map_or((length, state), |state| (state.len() as u64, state));
    let bytes = [&length.to_le_bytes(), state.as_slice()].concat();
    let mut rest = bytes.as_slice();
    let memory = clap_istream { ctx: (&raw mut rest).cast(), read: Some(read_memory) };
    // SAFETY: the stream reads what lives beyond the call.
    unsafe { load(plugin, &raw const memory) }
}

/// A state, and its length, which the framework writes before it; nothing where the stream fails or the length is that of none.
fn read_state(stream: &clap_istream) -> Option<(u64, Vec<u8>)> {
    let length = u64::from_le_bytes(read(stream, 8)?.try_into().ok()?);
    let bytes = usize::try_from(length).ok().filter(|bytes| *bytes <= LONGEST_STATE)?;
    Some((length, read(stream, bytes)?))
}

/// So many bytes, or as many as there are; nothing where the stream fails.
fn read(stream: &clap_istream, bytes: usize) -> Option<Vec<u8>> {
    let read = stream.read?;
    let (mut found, mut piece) = (Vec::new(), [0u8; 4096]);
    while found.len() < bytes {
        let wanted = piece.len().min(bytes - found.len());
        // SAFETY: the host writes no more than is wanted, for which the piece has room.
        let count = unsafe { read(stream, piece.as_mut_ptr().cast(), wanted as u64) };
        match piece.get(..usize::try_from(count).ok()?)? {
            [] => break,
            more => found.extend_from_slice(more),
        }
    }
    Some(found)
}

/// Reads from the slice that is a stream's context.
unsafe extern "C" fn read_memory(stream: *const clap_istream, buffer: *mut c_void, size: u64) -> i64 {
    // SAFETY: the context is the slice that `load` put there, which nobody else uses meanwhile; the buffer has room for `size`.
    unsafe {
        let rest = &mut *(*stream).ctx.cast::<&[u8]>();
        let count = rest.len().min(usize::try_from(size).unwrap_or(usize::MAX));
        std::ptr::copy_nonoverlapping(rest.as_ptr(), buffer.cast(), count);
        *rest = &rest[count..];
        count as i64
    }
}
