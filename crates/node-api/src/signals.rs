//! The signals by which guests trap: out of bounds is a SIGSEGV, division by zero a SIGFPE. Wasmtime handles them, and hands on
//! what is none of its own; ours stands above it and sorts what the processor has raised from what somebody has sent.
//!
//! `process.on('SIGFPE', …)` puts libuv's handler above both, and when the last listener goes libuv sets the system's default:
//! a trap would be raised again for ever, or end the process. So whenever that may have happened ours is put back ([`mend`]).
//! Faults go to Wasmtime, and what was sent goes to libuv.

use std::ffi::c_void;
use std::mem::{MaybeUninit, transmute};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use libc::{c_int, sigaction, siginfo_t};
use napi_derive::napi;

use crate::engine::refused;
use crate::error::{Result, guard};

const SIGNALS: [c_int; 4] = [libc::SIGSEGV, libc::SIGILL, libc::SIGFPE, libc::SIGBUS];
type Actions = [sigaction; SIGNALS.len()];

/// Whether Wasmtime handles it on this machine.
fn is_trap(signal: c_int) -> bool {
    match signal {
        libc::SIGFPE => cfg!(any(target_arch = "x86_64", target_arch = "s390x")),
        libc::SIGBUS => cfg!(target_vendor = "apple"),
        _ => true,
    }
}

/// What was there before Wasmtime, and what Wasmtime has put above it.
static FOUND: OnceLock<(Actions, Actions)> = OnceLock::new();
/// libuv's handlers, while somebody listens.
static LIBUV: [AtomicUsize; SIGNALS.len()] = [const { AtomicUsize::new(0) }; SIGNALS.len()];

fn default() -> sigaction {
    // SAFETY: all zero is the default action, with no flags.
    unsafe { MaybeUninit::zeroed().assume_init() }
}
fn current(signal: c_int) -> sigaction {
    let mut action = default();
    // SAFETY: asks only.
    unsafe { sigaction(signal, ptr::null(), &mut action) };
    action
}
fn set(signal: c_int, action: &sigaction) {
    // SAFETY: the default action, one that was found installed, or ours with the flags of Wasmtime's.
    unsafe { sigaction(signal, action, ptr::null_mut()) };
}
fn ours() -> sigaction {
    let mut action = default();
    action.sa_sigaction = on_signal as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // libuv's handler takes a lock, and must not be interrupted by another of its own.
    // SAFETY: a set of signals that is ours.
    unsafe { libc::sigfillset(&mut action.sa_mask) };
    action
}

/// Makes an engine whose guests trap by signals: Wasmtime installs its handlers with the first one.
pub fn engine(config: &wasmtime::Config) -> Result<wasmtime::Engine> {
    static FIRST: Mutex<()> = Mutex::new(());
    let _first = FIRST.lock().unwrap_or_else(PoisonError::into_inner);
    if FOUND.get().is_some() {
        return wasmtime::Engine::new(config).map_err(refused);
    }
    // What is no trap must not go from Wasmtime to libuv, which does not end it.
    let before = SIGNALS.map(current);
    let below: Actions = std::array::from_fn(|i| if is_libuv(&before[i]) { default() } else { before[i] });
    for (i, &signal) in SIGNALS.iter().enumerate().filter(|(_, signal)| is_trap(**signal)) {
        set(signal, &below[i]);
    }
    let engine = wasmtime::Engine::new(config);
    // Also if there is no engine in the end: Wasmtime installs them once, early, and for good.
    let now = SIGNALS.map(current);
    let installed = (0..SIGNALS.len()).any(|i| now[i].sa_sigaction != below[i].sa_sigaction);
    if installed {
        let _ = FOUND.set((below, now));
    }
    for (i, &signal) in SIGNALS.iter().enumerate().filter(|(_, signal)| is_trap(**signal)) {
        if is_libuv(&before[i]) {
            LIBUV[i].store(before[i].sa_sigaction, Ordering::Release);
        }
        let action = if installed { ours() } else { before[i] };
        set(signal, &action);
    }
    engine.map_err(refused)
}

/// Puts our handlers back, where libuv has taken their place. Those of others, such as crash reporters, stand above ours with
/// their own knowledge, and stay.
pub fn mend() {
    let Some((below, _)) = FOUND.get() else { return };
    for (i, &signal) in SIGNALS.iter().enumerate() {
        let found = current(signal);
        let (handler, libuv) = (found.sa_sigaction, is_libuv(&found));
        // What was below ours is on top where another copy of this package has put its own back.
        let bare = handler == libc::SIG_DFL || handler == below[i].sa_sigaction;
        if libuv || (bare && is_trap(signal)) {
            LIBUV[i].store(if libuv { handler } else { 0 }, Ordering::Release);
            set(signal, &ours());
        }
    }
}

/// Whether a handler is in the same library as libuv, and of its kind: V8 has one too, which takes more arguments.
fn is_libuv(action: &sigaction) -> bool {
    let handler = action.sa_sigaction;
    if action.sa_flags & libc::SA_SIGINFO != 0 || handler == libc::SIG_DFL || handler == libc::SIG_IGN {
        return false;
    }
    let library = |address: *const c_void| {
        let mut found = MaybeUninit::<libc::Dl_info>::zeroed();
        // SAFETY: any address may be asked for; where nothing is found all stays zero.
        unsafe {
            libc::dladdr(address, found.as_mut_ptr());
            found.assume_init().dli_fbase
        }
    };
    // SAFETY: a name that ends with NUL.
    let known = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"uv_signal_start".as_ptr()) };
    !known.is_null() && library(known) == library(handler as *const c_void)
}

/// Our handler. It touches nothing but the statics.
unsafe extern "C" fn on_signal(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    let place = SIGNALS.iter().position(|&known| known == signal);
    let (Some(i), Some((below, wasmtime))) = (place, FOUND.get()) else {
        return;
    };
    // SAFETY: the system's own description of the signal.
    let code = unsafe { (*info).si_code };
    // Linux's numbers of what was sent are not above 0; Apple's are these two.
    let sent = code <= 0 || code == 0x10001 || code == 0x10002;
    let libuv = LIBUV[i].load(Ordering::Acquire);
    if sent && libuv != 0 {
        // SAFETY: libuv's handler, which takes the signal's number.
        unsafe { transmute::<usize, extern "C" fn(c_int)>(libuv)(signal) };
    } else if is_trap(signal) && !(sent && below[i].sa_sigaction == libc::SIG_DFL) {
        // It hands on what is none of its own.
        let handler = wasmtime[i].sa_sigaction;
        // SAFETY: Wasmtime's handler, which takes all three.
        unsafe {
            transmute::<usize, extern "C" fn(c_int, *mut siginfo_t, *mut c_void)>(handler)(signal, info, context)
        };
    } else {
        set(signal, &default());
        if sent {
            // SAFETY: ends the process when we return, as the signal does by default. A fault ends it when it happens again.
            unsafe { libc::raise(signal) };
        }
    }
}

/// The facade calls this when a listener of a signal has come or gone.
#[napi(skip_typescript)]
pub fn mend_signals(env: napi::Env) -> napi::Result<()> {
    guard(env.raw(), || -> Result<()> {
        mend();
        Ok(())
    })
}

/// Does what a signal does to which nobody listens.
#[napi(skip_typescript)]
pub fn end_by_signal(env: napi::Env, signal: i32) -> napi::Result<()> {
    guard(env.raw(), || -> Result<()> {
        set(signal, &default());
        // SAFETY: a signal like one that was sent.
        unsafe { libc::raise(signal) };
        Ok(())
    })
}
