//! How a guest waits in a function of WASI: where it is, or suspended, so that its thread does other things meanwhile.

use std::cell::Cell;
use std::ffi::c_void;
use std::future::{Future, poll_fn};
use std::mem::transmute;
use std::ops::DerefMut;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use wasmtime::{AsContextMut, Caller, StoreContextMut, Trap};
use wasmtime_wasi::runtime::{in_tokio, with_ambient_tokio_runtime};

use crate::brake::{Brake, Look};
use crate::error::{Error, Failure};
use crate::store_core::{Core, Data};
use crate::trap;

pub enum Waiter {
    Block {
        brake: Brake,
        /// Whether JavaScript may be asked whether its thread is being ended.
        here: bool,
    },
    /// With the context of the function that waits.
    Suspend { core: *const Core, context: *mut c_void },
}

thread_local! {
    /// Whether what is polled now must not hold its thread.
    static HASTY: Cell<bool> = const { Cell::new(false) };
}
/// Whether a file must not be waited for where it is looked at.
pub fn is_hasty() -> bool {
    HASTY.get()
}

impl Waiter {
    pub fn block(brake: &Brake, here: bool) -> Waiter {
        Waiter::Block {
            brake: brake.clone(),
            here,
        }
    }
    /// One that suspends must be used only while nothing borrows of the caller.
    pub fn of(caller: &mut Caller<'_, Data>) -> Waiter {
        let owner = caller.data().core;
        match owner.get() {
            Some(core) if core.fibers.may_pause() => Waiter::Suspend {
                core,
                // SAFETY: `StoreContextMut` is repr(transparent) over a reference.
                context: unsafe { transmute::<StoreContextMut<'_, Data>, *mut c_void>(caller.as_context_mut()) },
            },
            core => Waiter::block(&caller.data().brake, !core.is_some_and(|core| core.fibers.active())),
        }
    }
    pub fn suspends(&self) -> bool {
        matches!(self, Waiter::Suspend { .. })
    }

    /// What comes of it. Most answers are there at once: tokio, and the turn that Wasmtime gives it, are for those that are not.
    pub fn finish<T>(
        &self,
        mut answer: Pin<impl DerefMut<Target: Future<Output = wasmtime::Result<T>>>>,
    ) -> wasmtime::Result<T> {
        let mut poll = |context: &mut Context<'_>| {
            let hasty = HASTY.replace(self.suspends());
            let polled = with_ambient_tokio_runtime(|| answer.as_mut().poll(context));
            HASTY.set(hasty);
            polled
        };
        if let Poll::Ready(answer) = poll(&mut Context::from_waker(Waker::noop())) {
            return answer;
        }
        match self {
            Waiter::Block { brake, here } => in_tokio(wait(brake, *here, answer)),
            Waiter::Suspend { core, context } => {
                let mut made = None;
                let waits = async { made = Some(poll_fn(poll).await) };
                // SAFETY: the function that waits has both, and does not use them until this one returns.
                let (core, context) =
                    unsafe { (&**core, transmute::<*mut c_void, StoreContextMut<'_, Data>>(*context)) };
                core.fibers.wait(context, pin!(waits))?;
                made.unwrap_or_else(|| Err(trap::error(Error::internal("a guest has waited for nothing"))))
            }
        }
    }
}

/// Waits as long as the guest may.
async fn wait<T>(brake: &Brake, here: bool, answer: impl Future<Output = wasmtime::Result<T>>) -> wasmtime::Result<T> {
    let mut answer = std::pin::pin!(answer);
    loop {
        match brake.look(here) {
            Look::GoOn => return answer.await,
            Look::Again(time) => {
                if let Ok(answer) = tokio::time::timeout_at(time.into(), &mut answer).await {
                    return answer;
                }
            }
            Look::Late => return Err(Trap::Interrupt.into()),
            Look::Ending => return Err(trap::carry(Failure::Thrown)),
        }
    }
}
