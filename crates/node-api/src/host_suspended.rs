//! [feature `async`] Wasm to JavaScript where the guest is on a fiber ([`crate::fiber`]): what [`crate::host`] does, in two parts. The
//! guest suspends; whoever drives its fiber calls the host function, which may return a promise.

use std::mem::MaybeUninit;
use std::ptr;
use std::slice;

use wasmtime::{StoreContextMut, ValRaw};

use crate::error::{Error, Failure, Result};
use crate::exception;
use crate::fiber::Want;
use crate::host::HostFunc;
use crate::store_core::{Core, Data, POISONED, RUNNING, SUSPENDED};
use crate::trap;
use crate::val::{refs_in, refs_out};

/// What the facade writes into the header where a host function has returned a promise: as in lib/call.ts.
const PROMISED: u32 = 2;

/// A host function that a guest on a fiber has called.
pub struct HostCall {
    pub host: *const HostFunc,
    pub space: *mut ValRaw,
    pub result: wasmtime::Result<()>,
}

/// Called by wasm on a fiber in place of a host function.
#[cold]
#[inline(never)]
pub fn host_call(
    core: &Core,
    context: StoreContextMut<'_, Data>,
    space: &mut [MaybeUninit<ValRaw>],
    host: &HostFunc,
) -> wasmtime::Result<()> {
    let mut call = HostCall {
        host,
        space: space.as_mut_ptr().cast(),
        result: Ok(()),
    };
    core.fibers.suspend(context, Want::Call(&raw mut call))?;
    call.result
}

impl Core {
    /// Calls the host function that a suspended guest has called, or takes what its promise has become (`settled`). Whether there
    /// is a promise to wait for. Fails where a panic has taken the fiber away meanwhile.
    pub fn serve(&self, call: *mut HostCall, settled: bool) -> Result<bool> {
        // SAFETY: it is on the stack of the fiber, which is suspended; its host function is the store's.
        let (space, host) = unsafe { ((*call).space, &*(*call).host) };
        let state = self.state.get();
        self.state.set(state | RUNNING | SUSPENDED);
        let served = self.serve_now(space, host, settled);
        self.state.set((self.state.get() & POISONED) | state);
        self.still_there()?;
        Ok(served.unwrap_or_else(|error| {
            // SAFETY: as above, and the fiber is still there.
            unsafe { (*call).result = Err(error) };
            false
        }))
    }
    fn serve_now(&self, space: *mut ValRaw, host: &HostFunc, settled: bool) -> wasmtime::Result<bool> {
        let sig = &*host.sig;
        // SAFETY: Wasmtime gives as many slots as the function has parameters or results, on the fiber's stack.
        let space = unsafe { slice::from_raw_parts_mut(space, sig.slots()) };
        let slots = self.data.slots();
        let called = if settled {
            self.table().and_then(|table| table.invoke("settle", &[])).map(drop)
        } else {
            if !sig.plain {
                let told = self.here(|context| refs_out(self, context, &mut space[..sig.params], &sig.param_refs));
                told.flatten().map_err(trap::carry)?;
            }
            // SAFETY: the environment has more slots than any function has parameters.
            unsafe { ptr::copy_nonoverlapping(space.as_ptr(), slots, sig.params) };
            if self.grew.get() {
                self.compare_suspended().map_err(trap::carry)?;
            }
            self.data
                .set_flag(u32::from(self.fibers.lasting.get() && self.fibers.nested.get() == 0));
            let called = self.call_host(host);
            if self.data.take_flag() == PROMISED && called.is_ok() {
                return Ok(true);
            }
            called
        };
        match called {
            Ok(()) => {}
            Err(Failure::Thrown) => return Err(self.throw(exception::catch(self))),
            Err(other) => return Err(trap::carry(other)),
        }
        self.usable().map_err(trap::carry)?;
        // SAFETY: the facade has written the results, and nothing has run since.
        unsafe { ptr::copy_nonoverlapping(slots, space.as_mut_ptr(), sig.results) };
        if !sig.plain {
            let taken = self.here(|context| refs_in(self, context, &mut space[..sig.results], &sig.result_refs));
            taken
                .flatten()
                .map_err(|failure| self.throw(exception::refuse(self, failure)))?;
        }
        Ok(false)
    }
    /// Throws in the suspended guest.
    fn throw(&self, caught: Option<exception::Caught>) -> wasmtime::Error {
        let raised = self.here(|context| exception::raise(self, context, &caught));
        raised.ok().flatten().unwrap_or_else(|| exception::leave(self, &caught))
    }
    /// Does something with the store of the suspended guest that runs no wasm.
    fn here<R>(&self, body: impl FnOnce(StoreContextMut<'_, Data>) -> R) -> Result<R> {
        let (mut body, mut result) = (Some(body), None);
        self.through(false, &mut |context| result = body.take().map(|body| body(context)))?;
        result.ok_or_else(|| Error::internal("the body did not run").into())
    }
    /// [`Core::compare_views`] of the suspended guest's memories: JavaScript's side of it is done here.
    pub fn compare_suspended(&self) -> Result<()> {
        self.grew.set(false);
        let gone = self.here(|context| self.views.changed(&context))?;
        self.views.detach(self.env, gone);
        self.report();
        Ok(())
    }
}
