//! [feature `async`] What wakes a guest that waits: on whatever thread it happens, the facade is told on the JavaScript thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::Wake;

use napi::sys;

use crate::env::EnvData;
use crate::error::Result;
use crate::js::{Js, Scope};
use crate::js_thread::JsThread;

/// Of one call.
pub struct Waking {
    thread: Arc<JsThread>,
    /// The number of the call's store.
    store: u32,
    state: AtomicU8,
}

const IDLE: u8 = 0;
/// The facade is to be told.
const ARMED: u8 = 1;
const WOKEN: u8 = 2;

impl Waking {
    pub fn new(env: sys::napi_env, store: u32) -> Result<Arc<Waking>> {
        Ok(Arc::new(Waking {
            thread: JsThread::this(env)?,
            store,
            state: AtomicU8::new(IDLE),
        }))
    }
    /// Called before the guest goes on.
    pub fn reset(&self) {
        self.state.store(IDLE, Ordering::SeqCst);
    }
    /// Called when it waits. Whether it does: it may have been woken since.
    pub fn arm(&self) -> bool {
        let armed = self
            .state
            .compare_exchange(IDLE, ARMED, Ordering::SeqCst, Ordering::SeqCst);
        armed.is_ok()
    }
    /// Tells the facade, unless the call is over by then.
    pub fn tell(self: &Arc<Self>) {
        let waking = self.clone();
        self.thread.post(move |env| {
            let _scope = Scope::open(env);
            let Ok(data) = EnvData::of(env) else { return };
            // SAFETY: a store in the list is alive.
            let core = unsafe { data.store(waking.store).as_ref() };
            if core.is_some_and(|core| core.waits_for(&waking)) {
                let _ = Js::number(env, waking.store.into()).and_then(|store| data.call(env, "wake", &[store]));
            }
        });
    }
}

impl Wake for Waking {
    fn wake(self: Arc<Self>) {
        if self.state.swap(WOKEN, Ordering::SeqCst) == ARMED {
            self.tell();
        }
    }
}
