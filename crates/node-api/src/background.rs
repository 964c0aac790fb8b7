//! [feature `async`] Guests on other threads, between one host function and the next. What such a guest has is used there alone
//! meanwhile: its store refuses everything else ([`ELSEWHERE`](crate::store_core::ELSEWHERE)).

use std::ptr;
use std::rc::Rc;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::Waker;

use napi::sys;

use crate::env::EnvData;
use crate::error::Result;
use crate::fiber::Turn;
use crate::js::check;
use crate::signals;
use crate::store_core::Core;
use crate::task::Pool;
use crate::waking::Waking;

/// As many guests compute at once as there are threads here; many do nothing but wait.
static GUESTS: Pool = Pool::new(32);

/// A store whose guest is on another thread.
pub struct Absent {
    core: Rc<Core>,
    back: Arc<Back>,
}
#[derive(Default)]
struct Back {
    is: Mutex<bool>,
    came: Condvar,
}

/// It goes where its store is used.
struct Guest(*const Core);
// SAFETY: an `Absent` keeps the store, and nothing on the JavaScript thread uses it until it has come back.
unsafe impl Send for Guest {}

impl Guest {
    fn go_on(&self) {
        signals::mend();
        // SAFETY: as above.
        let core = unsafe { &*self.0 };
        let turn = loop {
            match core.resume(Waker::noop()) {
                Ok(Turn::Paused) => {}
                other => break other,
            }
        };
        core.come_home(turn);
    }
}

pub fn depart(core: &Core, waking: Arc<Waking>) -> Result<()> {
    let back = Arc::new(Back::default());
    let guest = Guest(core);
    core.data.absent.borrow_mut().push(Absent {
        core: core.held(),
        back: back.clone(),
    });
    let sent = GUESTS.submit(Box::new(move || {
        guest.go_on();
        *back.is.lock().unwrap_or_else(PoisonError::into_inner) = true;
        back.came.notify_all();
        waking.tell();
    }));
    sent.inspect_err(|_| arrived(core))
}

/// Whether it has not come back yet.
pub fn is_away(core: &Core) -> bool {
    let absent = core.data.absent.borrow();
    let absent = absent.iter().find(|absent| ptr::eq(&*absent.core, core));
    absent.is_some_and(|absent| !*absent.back.is.lock().unwrap_or_else(PoisonError::into_inner))
}

pub fn arrived(core: &Core) {
    let mut absent = core.data.absent.borrow_mut();
    if let Some(place) = absent.iter().position(|absent| ptr::eq(&*absent.core, core)) {
        drop(absent.swap_remove(place));
    }
}

/// Has guests come back before the environment ends.
pub fn watch_end(env: sys::napi_env, data: *const EnvData) -> Result<()> {
    // SAFETY: the hook is called before the environment's data is dropped.
    check(unsafe { sys::napi_add_env_cleanup_hook(env, Some(end), data.cast_mut().cast()) })
}
unsafe extern "C" fn end(data: *mut std::ffi::c_void) {
    // SAFETY: as above.
    let data = unsafe { &*data.cast::<EnvData>() };
    for absent in data.absent.take() {
        if !absent.core.call_home() {
            // Nothing stops it, so what it uses has to stay.
            std::mem::forget(absent);
            continue;
        }
        let mut is = absent.back.is.lock().unwrap_or_else(PoisonError::into_inner);
        while !*is {
            is = absent.back.came.wait(is).unwrap_or_else(PoisonError::into_inner);
        }
        drop(is);
    }
}
