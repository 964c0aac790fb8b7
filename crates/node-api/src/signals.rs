//! The signals by which guests trap: out of bounds is a SIGSEGV, division by zero a SIGFPE. Wasmtime handles them, and hands on
//! what is none of its own.
//!
//! `process.on('SIGFPE', …)` puts libuv's handler over Wasmtime's, and when the last listener goes libuv sets the system's
//! default. A trap would then be raised again for ever, or end the process. So whenever that may have happened the handlers are
//! looked at ([`mend`]): faults go to Wasmtime again, and what another process or `process.kill` has sent goes to libuv.

use std::ffi::c_void;
use std::mem::{MaybeUninit, transmute};
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use libc::{c_int, sigaction, siginfo_t};
use napi_derive::napi;

use crate::error::{Result, guard};

const SIGNALS: [c_int; 4] = [libc::SIGSEGV, libc::SIGILL, libc::SIGFPE, libc::SIGBUS];

/// Whether Wasmtime handles it on this machine.
fn is_trap(signal: c_int) -> bool {
    match signal {
        libc::SIGFPE => cfg!(any(target_arch = "x86_64", target_arch = "s390x")),
        libc::SIGBUS => cfg!(target_vendor = "apple"),
        _ => true,
    }
}

/// What Wasmtime has installed.
static WASMTIME: OnceLock<[sigaction; SIGNALS.len()]> = OnceLock::new();
/// libuv's handlers, where ours stand over them.
static LIBUV: [AtomicUsize; SIGNALS.len()] = [const { AtomicUsize::new(0) }; SIGNALS.len()];

fn current(signal: c_int) -> sigaction {
    let mut action = MaybeUninit::zeroed();
    // SAFETY: asks only; where that is refused all zero is the default action.
    unsafe {
        sigaction(signal, ptr::null(), action.as_mut_ptr());
        action.assume_init()
    }
}

/// Called when an engine has been made whose guests trap by signals: by then Wasmtime has its handlers in place.
pub fn remember() {
    WASMTIME.get_or_init(|| SIGNALS.map(current));
}

/// Puts faults into Wasmtime's hands again, where libuv has taken them. Handlers of others, such as crash reporters, stand over
/// Wasmtime's with its knowledge, and stay.
pub fn mend() {
    let Some(known) = WASMTIME.get() else { return };
    for (i, &signal) in SIGNALS.iter().enumerate().filter(|(_, signal)| is_trap(**signal)) {
        let (wanted, found) = (known[i], current(signal));
        let handler = found.sa_sigaction;
        if handler == wanted.sa_sigaction || handler == on_fault as *const () as usize {
            continue;
        }
        let mut mended = wanted;
        if handler != libc::SIG_DFL {
            if !is_libuv(handler) {
                continue;
            }
            LIBUV[i].store(handler, Ordering::Release);
            mended.sa_sigaction = on_fault as *const () as usize;
        }
        // SAFETY: a handler of Wasmtime's, or ours, with the flags and the mask that Wasmtime's has.
        unsafe { sigaction(signal, &mended, ptr::null_mut()) };
    }
}

/// Whether a handler is in the same library as libuv.
fn is_libuv(handler: usize) -> bool {
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

/// A handler: it touches nothing but the two statics.
unsafe extern "C" fn on_fault(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    let Some(i) = SIGNALS.iter().position(|&known| known == signal) else {
        return;
    };
    // SAFETY: the system's own description of the signal.
    let code = unsafe { (*info).si_code };
    // Linux's numbers of what was sent are not above 0; Apple's are these two.
    let sent = code <= 0 || code == 0x10001 || code == 0x10002;
    // SAFETY: libuv's handlers take the signal's number, Wasmtime's all three; the addresses were found installed that way.
    unsafe {
        if sent {
            let handler = LIBUV[i].load(Ordering::Acquire);
            transmute::<usize, extern "C" fn(c_int)>(handler)(signal);
        } else if let Some(known) = WASMTIME.get() {
            let handler = known[i].sa_sigaction;
            transmute::<usize, extern "C" fn(c_int, *mut siginfo_t, *mut c_void)>(handler)(signal, info, context);
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
