//! Catches what an audio thread must not do: allocate, free, lock, wait, call the kernel.
//!
//! The C library's functions are defined here once more, so that they stand in the executable of the test. The dynamic
//! linker looks there first, and every library of the process, the plugin's bundle too, calls these. They count while
//! the calling thread is being watched, and pass on. Linux with glibc only.

#![expect(clippy::undocumented_unsafe_blocks, reason = "what all of the watched functions have in common is said once")]

use std::backtrace::Backtrace;
use std::cell::Cell;
use std::ffi::{c_char, c_int, c_long, c_void};
use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicPtr, Ordering};

thread_local! {
    // Constant and without destructor, so that reading them from within `malloc` never allocates.
    static WATCHED: Cell<bool> = const { Cell::new(false) };
    static COUNTS: Cell<[u64; OFFENCES]> = const { Cell::new([0; OFFENCES]) };
}

/// Where the first offence came from, for the message of the test that fails.
static FIRST: Mutex<Option<Backtrace>> = Mutex::new(None);

/// How many kinds there are.
const OFFENCES: usize = 5;

#[derive(Clone, Copy)]
enum Offence {
    Allocation = 0,
    Free = 1,
    Lock = 2,
    SystemCall = 3,
    Yield = 4,
}

/// What was caught.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Caught {
    pub allocations: u64,
    pub frees: u64,
    /// Locks taken, contended or not, and waits on conditions.
    pub locks: u64,
    /// Calls into the kernel, sleeping among them.
    pub system_calls: u64,
    /// Turns given up to other threads.
    pub yields: u64,
}

impl Caught {
    pub fn add(&mut self, other: Self) {
        self.allocations += other.allocations;
        self.frees += other.frees;
        self.locks += other.locks;
        self.system_calls += other.system_calls;
        self.yields += other.yields;
    }

    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// Whether nothing was caught but a yield now and then. The framework keeps some values of a call in cells whose locks all
    /// instances of a process share (`crossbeam`'s `AtomicCell`): where very many instances contend, one waits a turn for another.
    pub fn is_nothing_but_yields(&self) -> bool {
        Self { yields: 0, ..*self }.is_nothing()
    }
}

/// The backtrace of the process's first offence, empty where there was none.
pub fn first_offence() -> String {
    FIRST.lock().map(|first| first.as_ref().map(Backtrace::to_string).unwrap_or_default()).unwrap_or_default()
}

/// Pages that the system had to find for the current thread so far: the first use of fresh memory, or of code.
pub fn page_faults() -> u64 {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the pointer is to a local of the right type, for which zeros are a value.
    let usage = unsafe {
        assert_eq!(libc::getrusage(libc::RUSAGE_THREAD, usage.as_mut_ptr()), 0, "the system counts for each thread");
        usage.assume_init()
    };
    (usage.ru_minflt + usage.ru_majflt) as u64
}

/// A span of time in which the current thread is watched.
pub struct Watch(());

/// Watches the current thread from here on.
pub fn watch() -> Watch {
    COUNTS.set([0; OFFENCES]);
    WATCHED.set(true);
    Watch(())
}

impl Watch {
    /// Stops watching, and tells what was caught.
    pub fn end(self) -> Caught {
        WATCHED.set(false);
        let [allocations, frees, locks, system_calls, yields] = COUNTS.get();
        Caught { allocations, frees, locks, system_calls, yields }
    }
}

#[inline]
fn note(offence: Offence) {
    if WATCHED.get() {
        // What is done to write the offence down is no offence.
        WATCHED.set(false);
        let mut counts = COUNTS.get();
        counts[offence as usize] += 1;
        COUNTS.set(counts);
        if let Ok(mut first) = FIRST.lock()
            && first.is_none()
        {
            *first = Some(Backtrace::force_capture());
        }
        WATCHED.set(true);
    }
}

unsafe extern "C" {
    fn __libc_malloc(size: usize) -> *mut c_void;
    fn __libc_calloc(count: usize, size: usize) -> *mut c_void;
    fn __libc_realloc(pointer: *mut c_void, size: usize) -> *mut c_void;
    fn __libc_memalign(alignment: usize, size: usize) -> *mut c_void;
    fn __libc_free(pointer: *mut c_void);
}

// SAFETY of all that follows: each function has the signature that the C library documents, and hands its arguments on
// unchanged.

#[unsafe(no_mangle)]
unsafe extern "C" fn malloc(size: usize) -> *mut c_void {
    note(Offence::Allocation);
    unsafe { __libc_malloc(size) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    note(Offence::Allocation);
    unsafe { __libc_calloc(count, size) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn realloc(pointer: *mut c_void, size: usize) -> *mut c_void {
    note(Offence::Allocation);
    unsafe { __libc_realloc(pointer, size) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memalign(alignment: usize, size: usize) -> *mut c_void {
    note(Offence::Allocation);
    unsafe { __libc_memalign(alignment, size) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn aligned_alloc(alignment: usize, size: usize) -> *mut c_void {
    note(Offence::Allocation);
    unsafe { __libc_memalign(alignment, size) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn posix_memalign(out: *mut *mut c_void, alignment: usize, size: usize) -> c_int {
    note(Offence::Allocation);
    if !alignment.is_power_of_two() || !alignment.is_multiple_of(size_of::<*mut c_void>()) {
        return libc::EINVAL;
    }
    let pointer = unsafe { __libc_memalign(alignment, size) };
    if pointer.is_null() {
        return libc::ENOMEM;
    }
    unsafe { *out = pointer };
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn free(pointer: *mut c_void) {
    if !pointer.is_null() {
        note(Offence::Free);
    }
    unsafe { __libc_free(pointer) }
}

/// The C library's own function of a name, looked up once.
fn original(cache: &AtomicPtr<c_void>, name: *const c_char) -> *mut c_void {
    let known = cache.load(Ordering::Relaxed);
    if !known.is_null() {
        return known;
    }
    // SAFETY: the name ends in a null.
    let found = unsafe { libc::dlsym(libc::RTLD_NEXT, name) };
    assert!(!found.is_null(), "the C library lacks a function that is being watched");
    cache.store(found, Ordering::Relaxed);
    found
}

/// Defines functions that count an offence and pass on to the C library.
macro_rules! watched {
    ($($offence:ident: fn $name:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {$(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name($($argument: $type),*) -> $result {
            static ORIGINAL: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());
            note(Offence::$offence);
            let original = original(&ORIGINAL, concat!(stringify!($name), "\0").as_ptr().cast());
            let original: unsafe extern "C" fn($($type),*) -> $result = unsafe { std::mem::transmute(original) };
            unsafe { original($($argument),*) }
        }
    )*};
}

watched! {
    Lock: fn pthread_mutex_lock(mutex: *mut c_void) -> c_int;
    Lock: fn pthread_rwlock_rdlock(lock: *mut c_void) -> c_int;
    Lock: fn pthread_rwlock_wrlock(lock: *mut c_void) -> c_int;
    Lock: fn pthread_cond_wait(condition: *mut c_void, mutex: *mut c_void) -> c_int;
    Lock: fn pthread_cond_timedwait(condition: *mut c_void, mutex: *mut c_void, until: *const c_void) -> c_int;
    SystemCall: fn pthread_create(thread: *mut c_void, attributes: *const c_void, run: *mut c_void, argument: *mut c_void) -> c_int;
    // Rust's locks and channels wait and wake through here.
    SystemCall: fn syscall(number: c_long, a: c_long, b: c_long, c: c_long, d: c_long, e: c_long, f: c_long) -> c_long;
    SystemCall: fn nanosleep(time: *const c_void, left: *mut c_void) -> c_int;
    SystemCall: fn clock_nanosleep(clock: c_int, flags: c_int, time: *const c_void, left: *mut c_void) -> c_int;
    Yield: fn sched_yield() -> c_int;
    SystemCall: fn poll(descriptors: *mut c_void, count: usize, timeout: c_int) -> c_int;
    SystemCall: fn read(file: c_int, into: *mut c_void, count: usize) -> isize;
    SystemCall: fn write(file: c_int, from: *const c_void, count: usize) -> isize;
    SystemCall: fn writev(file: c_int, parts: *const c_void, count: c_int) -> isize;
    SystemCall: fn open(path: *const c_char, flags: c_int, mode: c_int) -> c_int;
    SystemCall: fn open64(path: *const c_char, flags: c_int, mode: c_int) -> c_int;
    SystemCall: fn mmap(at: *mut c_void, length: usize, protection: c_int, flags: c_int, file: c_int, offset: c_long) -> *mut c_void;
    SystemCall: fn munmap(at: *mut c_void, length: usize) -> c_int;
}
