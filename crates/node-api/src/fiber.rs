//! [feature `async`] Guests on stacks of their own, which can be suspended.
//!
//! JavaScript never runs on a fiber. A host function that is called on one says what it wants and suspends, through a hidden
//! asynchronous function of the store (the *helper*); whoever drives the fiber ([`crate::call_async`]) does it on its own
//! stack, and resumes. While the guest is suspended in its helper, that helper takes orders: what is to be done with the store
//! meanwhile is done on the fiber, so that Wasmtime's list of activations, by which it finds references to collect and frames to
//! tell of, is always whole. Wasm that is called meanwhile runs on a fiber of its own, on top.
//!
//! The store's imports stay synchronous functions: one made with `Func::new_async` could not be called without a fiber any
//! more. The helper is the only such function, and is called where there is a fiber.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::mem::transmute;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::ptr;
use std::task::{Context, Poll, Waker};

use napi::sys;
use wasmtime::{AsContextMut, Caller, Func, FuncType, StoreContextMut, UpdateDeadline};

use crate::error::{Error, Failure, Result, panicked};
use crate::host_suspended::HostCall;
use crate::store_core::{Core, Data, POISONED, RUNNING, SUSPENDED};
use crate::trap;

/// What is done with the store.
pub type Body<'b> = &'b mut dyn FnMut(StoreContextMut<'_, Data>);
/// What is done with it and may wait.
pub type Making = Box<dyn for<'a> FnOnce(StoreContextMut<'a, Data>) -> Fiber<'a>>;
pub type Fiber<'a> = Pin<Box<dyn Future<Output = wasmtime::Result<()>> + 'a>>;
/// What a guest waits for in a function that is not JavaScript's.
type Waiting = Pin<&'static mut dyn Future<Output = ()>>;

/// What the innermost helper is to do.
enum Order {
    /// Return to the guest.
    Return,
    /// Something that runs no wasm.
    Here(Body<'static>),
    /// Something that may run wasm.
    Run(Body<'static>),
    Make(Making),
}

/// Why a fiber has suspended.
pub enum Want {
    /// A host function is to be called.
    Call(*mut HostCall),
    /// Something else is to be done off the fiber.
    Outside(*mut dyn FnMut(&Core) -> Result<()>),
    /// To go on on another thread, or to come back from it.
    Leave,
    Home,
    /// It waits in its helper for what will wake it.
    Wait,
    /// An order is done.
    Done(wasmtime::Result<()>),
}

/// What became of a fiber that was resumed.
pub enum Turn {
    Ended(wasmtime::Result<()>),
    Wants(Want),
    /// Its slice of time is over.
    Paused,
}

/// The hidden functions of a store.
#[derive(Clone, Copy)]
struct Hidden {
    helper: Func,
    /// Runs a body on a fiber.
    runner: Func,
}

/// A store's fibers.
pub struct Fibers {
    hidden: Cell<Option<Hidden>>,
    /// The outermost one.
    root: RefCell<Option<Fiber<'static>>>,
    /// Whether a fiber runs: what is called now is called on it.
    active: Cell<bool>,
    /// Orders under way: then nothing may wait.
    pub nested: Cell<u32>,
    /// Whether the outermost one may go on later.
    pub lasting: Cell<bool>,
    /// Whether it runs on another thread.
    pub away: Cell<bool>,
    /// Whether the thread is being ended.
    pub ending: Cell<bool>,
    order: Cell<Option<Order>>,
    want: Cell<Option<Want>>,
    body: Cell<Option<Body<'static>>>,
    waiting: Cell<Option<Waiting>>,
    /// What came of what was done off the fiber.
    outcome: Cell<Result<()>>,
}

impl Default for Fibers {
    fn default() -> Fibers {
        Fibers {
            hidden: Cell::default(),
            root: RefCell::default(),
            active: Cell::default(),
            nested: Cell::default(),
            lasting: Cell::default(),
            away: Cell::default(),
            ending: Cell::default(),
            order: Cell::default(),
            want: Cell::default(),
            body: Cell::default(),
            waiting: Cell::default(),
            outcome: Cell::new(Ok(())),
        }
    }
}

/// A future that is only polled where its store is.
struct Bound<F>(F);
// SAFETY: a store's fibers are polled by one thread at a time, which is the one that has the store.
unsafe impl<F> Send for Bound<F> {}
impl<F: Future + Unpin> Future for Bound<F> {
    type Output = F::Output;
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        Pin::new(&mut self.0).poll(context)
    }
}

impl Fibers {
    #[inline(always)]
    pub fn active(&self) -> bool {
        self.active.get()
    }
    /// Whether wasm that runs now may be suspended for longer than a host function takes.
    pub fn may_wait(&self) -> bool {
        self.lasting.get() && self.nested.get() == 0 && self.active.get()
    }
    /// Whether it may let others have their turn: on another thread it need not.
    pub fn may_pause(&self) -> bool {
        self.may_wait() && !self.away.get()
    }
    pub fn is_ending(&self) -> bool {
        self.ending.get()
    }
    /// Whether it must let its driver ask whether the thread is being ended: nobody else can.
    pub fn must_pause(&self) -> bool {
        self.active.get() && !self.away.get()
    }
    /// Whether a fiber is there.
    pub fn is_under_way(&self) -> bool {
        self.root.borrow().is_some()
    }
    /// Whether stores that have one need fibers for what Wasmtime does by itself.
    pub fn needed(&self) -> bool {
        self.hidden.get().is_some()
    }
    /// Ends the guest where it is. What it had is unwound; nothing of it runs any more.
    pub fn drop_root(&self) {
        let root = self.root.borrow_mut().take();
        // Its host functions are told that it has ended, and do nothing else.
        self.active.set(true);
        crate::store_core::drop_quietly(root);
        self.active.set(false);
        self.order.set(None);
        self.want.set(None);
        self.waiting.set(None);
        self.lasting.set(false);
    }
    pub fn resume_with_return(&self) {
        self.order.set(Some(Order::Return));
    }

    fn hidden(&self, context: &mut StoreContextMut<'_, Data>) -> Hidden {
        if let Some(hidden) = self.hidden.get() {
            return hidden;
        }
        let ty = FuncType::new(context.engine(), [], []);
        let helper = Func::new_async(&mut *context, ty.clone(), |caller, _, _| {
            Box::new(Bound(Box::pin(help(caller))))
        });
        // SAFETY: it has neither parameters nor results.
        let runner = unsafe {
            Func::new_unchecked(context, ty, |mut caller: Caller<'_, Data>, _| {
                let owner = caller.data().core;
                if let Some(body) = owner.get().and_then(|core| core.fibers.body.take()) {
                    body(caller.as_context_mut());
                }
                Ok(())
            })
        };
        let hidden = Hidden { helper, runner };
        self.hidden.set(Some(hidden));
        hidden
    }

    /// Suspends the fiber that runs until its driver has done what it wants. An error says that it has ended.
    pub fn suspend(&self, mut context: StoreContextMut<'_, Data>, want: Want) -> wasmtime::Result<()> {
        let Some(Hidden { helper, .. }) = self.hidden.get() else {
            return Err(trap::error(Error::internal("a fiber without its functions")));
        };
        self.want.set(Some(want));
        // SAFETY: it has neither parameters nor results, and is of this store. That it is called on a fiber, whose future stays
        // where the store is, is what Wasmtime's contract is about: the frames between hold nothing of another thread.
        let suspended = unsafe { helper.call_unchecked(&mut context, &mut []) };
        self.want.set(None);
        suspended
    }

    /// Has something done on the JavaScript thread's own stack.
    pub fn outside(
        &self,
        context: StoreContextMut<'_, Data>,
        act: &mut dyn FnMut(&Core) -> Result<()>,
    ) -> wasmtime::Result<()> {
        type Act<'a> = &'a mut dyn FnMut(&Core) -> Result<()>;
        // SAFETY: it is done when `suspend` returns.
        let act = unsafe { transmute::<Act<'_>, Act<'static>>(act) };
        self.suspend(context, Want::Outside(act))?;
        self.outcome.replace(Ok(())).map_err(trap::carry)
    }
    /// Suspends it until something is there that the guest waits for.
    pub fn wait(
        &self,
        context: StoreContextMut<'_, Data>,
        what: Pin<&mut dyn Future<Output = ()>>,
    ) -> wasmtime::Result<()> {
        // SAFETY: the helper, which polls it, returns before this function does.
        self.waiting.set(Some(unsafe {
            transmute::<Pin<&mut dyn Future<Output = ()>>, Waiting>(what)
        }));
        let waited = self.suspend(context, Want::Wait);
        self.waiting.set(None);
        waited
    }
}

/// The helper: takes orders while the guest is suspended in it.
async fn help(mut caller: Caller<'_, Data>) -> wasmtime::Result<()> {
    let owner = caller.data().core;
    let Some(core) = owner.get() else {
        return Ok(());
    };
    let fibers = &core.fibers;
    let mut waiting = fibers.waiting.take();
    loop {
        let next = poll_fn(|context| match fibers.order.take() {
            Some(order) => Poll::Ready(order),
            // It goes on in its own turn, which is what it will be woken for.
            None => match &mut waiting {
                Some(what) if fibers.nested.get() == 0 => what.as_mut().poll(context).map(|()| Order::Return),
                _ => Poll::Pending,
            },
        });
        let done = match next.await {
            Order::Return => {
                if core.engine.profile().epochs && fibers.may_wait() {
                    caller.as_context_mut().set_epoch_deadline(1);
                }
                return Ok(());
            }
            Order::Here(body) => {
                body(caller.as_context_mut());
                Ok(())
            }
            Order::Run(body) => run(core, caller.as_context_mut(), body).await,
            Order::Make(make) => make(caller.as_context_mut()).await,
        };
        fibers.want.set(Some(Want::Done(done)));
    }
}

/// Runs a body on a fiber of its own.
pub async fn run(core: &Core, mut context: StoreContextMut<'_, Data>, body: Body<'_>) -> wasmtime::Result<()> {
    let Hidden { runner, .. } = core.fibers.hidden(&mut context);
    // SAFETY: the runner takes it in this very poll, and is done with it before its future is.
    core.fibers
        .body
        .set(Some(unsafe { transmute::<Body<'_>, Body<'static>>(body) }));
    let ran = runner.call_async(context, &[], &mut []).await;
    core.fibers.body.set(None);
    ran
}

/// What a guest does at the end of its slice of time.
pub fn pause() -> UpdateDeadline {
    UpdateDeadline::Yield(1)
}

impl Core {
    /// Makes the outermost fiber, in the idle store or in the one that a host function has left.
    ///
    /// # Safety
    /// The context is this store's; it is not used any more until the fiber has ended.
    pub unsafe fn set_root(&self, mut context: StoreContextMut<'_, Data>, make: Making) {
        self.fibers.hidden(&mut context);
        // SAFETY: the store outlives the fiber: it is dropped first (`Core::drop`), or ends while the host function waits.
        let context = unsafe { transmute::<StoreContextMut<'_, Data>, StoreContextMut<'static, Data>>(context) };
        *self.fibers.root.borrow_mut() = Some(make(context));
    }

    /// Lets the outermost fiber go on until it wants something.
    pub fn resume(&self, waker: &Waker) -> Result<Turn> {
        let Some(mut root) = self.fibers.root.borrow_mut().take() else {
            return Err(Error::internal("there is no fiber").into());
        };
        // On another thread nothing is touched that the JavaScript thread looks at.
        let away = self.fibers.away.get();
        let (top, state) = (self.top.get(), self.state.get());
        if !away {
            self.top.set(ptr::null_mut());
            self.state.set((state & !SUSPENDED) | RUNNING);
        }
        self.fibers.active.set(true);
        let polled = catch_unwind(AssertUnwindSafe(|| root.as_mut().poll(&mut Context::from_waker(waker))));
        self.fibers.active.set(false);
        if !away {
            self.top.set(top);
            self.state.set((self.state.get() & POISONED) | state);
        }
        match polled {
            Ok(Poll::Ready(ended)) => {
                crate::store_core::drop_quietly(root);
                Ok(Turn::Ended(ended))
            }
            Ok(Poll::Pending) => {
                *self.fibers.root.borrow_mut() = Some(root);
                Ok(self.fibers.want.take().map_or(Turn::Paused, Turn::Wants))
            }
            Err(panic) => {
                // Whatever is left of it is in no state to be dropped.
                std::mem::forget(root);
                if !away {
                    self.state.set(self.state.get() | POISONED);
                }
                Err(panicked(panic).into())
            }
        }
    }

    /// Does something with the store of a guest that is suspended in a helper; wasm may run in it where `wasm` says so.
    #[cold]
    #[inline(never)]
    pub fn through(&self, wasm: bool, body: Body<'_>) -> Result<()> {
        // SAFETY: the order is done before this function returns.
        let body = unsafe { transmute::<Body<'_>, Body<'static>>(body) };
        if wasm {
            self.has_stack()?;
        }
        self.obey(if wasm { Order::Run(body) } else { Order::Here(body) })
    }
    fn obey(&self, order: Order) -> Result<()> {
        if !self.fibers.is_under_way() || self.fibers.active() {
            return Err(self.busy());
        }
        let mark = self.hosts.begin();
        self.fibers.nested.set(self.fibers.nested.get() + 1);
        self.fibers.order.set(Some(order));
        let done = self.drive();
        self.fibers.nested.set(self.fibers.nested.get() - 1);
        self.fibers.order.set(None);
        self.hosts.end(self.env, mark);
        done?.map_err(|error| self.failure(error))
    }

    /// Until an order is done, or the outermost fiber ended.
    fn drive(&self) -> Result<wasmtime::Result<()>> {
        loop {
            match self.resume(Waker::noop())? {
                Turn::Wants(Want::Done(done)) | Turn::Ended(done) => return Ok(done),
                Turn::Wants(want) => {
                    self.grant(want)?;
                    self.fibers.resume_with_return();
                }
                // It is only in a worker that guests stop here.
                Turn::Paused => self.fibers.ending.set(self.data.is_ending(self.env)),
            }
        }
    }
    /// Does what a fiber wants that can't wait.
    fn grant(&self, want: Want) -> Result<()> {
        match want {
            Want::Call(call) => self.serve(call, false).map(drop),
            Want::Outside(act) => self.outside(act).map(drop),
            _ => Err(Error::internal("a fiber wants to wait where it can't").into()),
        }
    }
    /// Does something of the suspended guest's off its fiber. Whether it has thrown.
    pub fn outside(&self, act: *mut dyn FnMut(&Core) -> Result<()>) -> Result<bool> {
        let state = self.state.get();
        self.state.set(state | RUNNING | SUSPENDED);
        // SAFETY: it is on the stack of the fiber, which is suspended.
        let outcome = unsafe { (*act)(self) };
        self.state.set((self.state.get() & POISONED) | state);
        self.still_there()?;
        let thrown = matches!(outcome, Err(Failure::Thrown));
        self.fibers.outcome.set(outcome);
        Ok(thrown)
    }
    /// Fails where a panic has taken the fiber away while JavaScript ran.
    pub fn still_there(&self) -> Result<()> {
        if self.fibers.is_under_way() {
            return Ok(());
        }
        let mut pending = false;
        // SAFETY: the environment of this thread.
        unsafe { sys::napi_is_exception_pending(self.env, &mut pending) };
        Err(if pending { Failure::Thrown } else { self.refusal() })
    }

    /// Does at once what Wasmtime does on fibers only, in a store that has had one: wasm's start functions run there.
    pub fn make_now(&self, make: Making) -> Result<()> {
        if self.state.get() & SUSPENDED != 0 {
            return self.obey(Order::Make(make));
        }
        let mut make = Some(make);
        self.enter(|context| {
            if let Some(make) = make.take() {
                // SAFETY: nothing uses the context until the fiber has ended, in `drive`.
                unsafe { self.set_root(context, make) };
            }
        })?;
        let (top, state) = (self.top.get(), self.state.get());
        self.state.set(state | RUNNING);
        let mark = self.hosts.begin();
        let done = self.drive();
        self.hosts.end(self.env, mark);
        if done.is_err() {
            self.fibers.drop_root();
        }
        self.state.set((self.state.get() & POISONED) | state);
        self.top.set(top);
        if self.grew.get() {
            self.enter(|_| ())?;
        }
        done?.map_err(|error| self.failure(error))
    }
}
