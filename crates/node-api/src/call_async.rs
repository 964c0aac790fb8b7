//! [feature `async`] Calls whose host functions may return promises. `fiber.rs` has how a guest is suspended.
//!
//! The facade (lib/promising.ts) begins a call, and has it go on ([`Core::turn`]) whenever it is its turn: when a promise is
//! settled, when the event loop has turned, when something has woken it. A turn ends with the guest, or where that can't go on
//! at once; the facade is told why. Whatever JavaScript the guest calls is called here, on the JavaScript thread's own stack.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use wasmtime::{AsContextMut, StoreContextMut, ValRaw};

use crate::brake::Stop;
use crate::error::{Error, Result, panicked};
use crate::fiber::{Making, Turn, Want, run};
use crate::func::Called;
use crate::host_suspended::HostCall;
use crate::js::Js;
use crate::store_core::{Core, Data, ELSEWHERE, POISONED, RUNNING, SUSPENDED};
use crate::ticker::{TICK, Ticks};
use crate::val::{give_back, refs_in, refs_out};
use crate::waking::Waking;
use crate::{background, trap};

/// The call that is under way in a store, if one is.
#[derive(Default)]
pub struct Calls {
    stage: Cell<Stage>,
    /// What is called; none where a module is instantiated.
    work: RefCell<Option<Box<Work>>>,
    /// What was instantiated.
    pub made: Cell<Option<wasmtime::Instance>>,
    ends: Cell<Option<Instant>>,
    /// Makes the guest look at its deadline.
    ticks: Cell<Option<Ticks>>,
    /// Stops it where it runs on another thread.
    stop: RefCell<Option<Arc<Stop>>>,
    waking: RefCell<Option<Arc<Waking>>>,
    /// Whether it was ended from inside of one of its host functions.
    ended: Cell<bool>,
    /// Whether the guest runs on another thread.
    background: Cell<bool>,
}

/// What a call waits for.
#[derive(Default)]
enum Stage {
    #[default]
    None,
    /// Its turn.
    Ready,
    /// The promise that a host function has returned.
    Promise(*mut HostCall),
    /// What will wake it, in a function of WASI.
    Waits,
    /// The thread that it is on.
    Away,
    /// Nothing: it has come back from there.
    Home(Result<Turn>),
}

/// What a turn says: as in lib/promising.ts.
#[derive(Clone, Copy)]
enum Said {
    Done = 0,
    Promise = 1,
    Paused = 2,
    Waits = 3,
    /// It was ended meanwhile.
    Ended = 4,
    /// Something on top of it is under way: nothing was done.
    Busy = 5,
}

enum Step {
    Turn(Turn),
    Stop(Said),
}

/// How a call is to be done: bits that the facade writes.
const BACKGROUND: u32 = 1;
const LATER: u32 = 2;
const STOPPABLE: u32 = 4;

struct Work {
    number: u32,
    called: Called,
    slots: Vec<ValRaw>,
    /// Whether the guest has its arguments.
    begun: bool,
    /// A failure of ours, or what wasm ended with.
    outcome: Result<wasmtime::Result<()>>,
}

impl Work {
    /// What the fiber of a call does.
    fn run(&mut self, core: &Core, mut context: StoreContextMut<'_, Data>) -> Result<wasmtime::Result<()>> {
        let Called { func, sig } = self.called;
        // SAFETY: the store's list of functions has it as long as the store is there.
        let sig = unsafe { &*sig };
        self.begun = true;
        let slots = &mut self.slots[..];
        refs_in(
            core,
            context.as_context_mut(),
            &mut slots[..sig.params],
            &sig.param_refs,
        )?;
        // References are made, and told of, on the JavaScript thread. Nothing is collected between there and here.
        let travels = core.calls.background.get();
        if travels && let Err(ended) = core.fibers.suspend(context.as_context_mut(), Want::Leave) {
            return Ok(Err(ended));
        }
        // SAFETY: the slots hold arguments of the function's type, and it is this store's.
        let called = unsafe { func.call_unchecked(context.as_context_mut(), &raw mut *slots) };
        if called.is_err() {
            return Ok(called);
        }
        if travels && let Err(ended) = core.fibers.suspend(context.as_context_mut(), Want::Home) {
            return Ok(Err(ended));
        }
        refs_out(core, context, &mut slots[..sig.results], &sig.result_refs).map(Ok)
    }
}

impl Core {
    /// Calls a function with what is in the slots; what comes of it is said as by [`Core::turn`].
    pub fn begin_call(&self, number: u32) -> Result<Js> {
        let flags = self.data.take_flag();
        let timeout = self.data.given_timeout();
        let sig = self.funcs.sig(number)?;
        let mut slots = vec![ValRaw::i32(0); sig.slots()];
        // SAFETY: the environment has more slots than any function has parameters, all initialized.
        unsafe { ptr::copy_nonoverlapping(self.data.slots(), slots.as_mut_ptr(), sig.params) };
        let mut work = Box::new(Work {
            number,
            called: self.funcs.called(number)?,
            slots,
            begun: false,
            outcome: Ok(Ok(())),
        });
        let (core, at) = (ptr::from_ref(self), &raw mut *work);
        let make: Making = Box::new(move |context| {
            Box::pin(async move {
                // SAFETY: both outlive the fiber, which `clear` and `Core::drop` drop first.
                let (core, work) = unsafe { (&*core, &mut *at) };
                run(core, context, &mut |context| work.outcome = work.run(core, context)).await
            })
        });
        let stoppable = match flags & STOPPABLE {
            0 => Ok(()),
            _ => self.needs_brake("signal"),
        };
        if let Err(failure) = stoppable.and_then(|()| self.begin(make, flags & BACKGROUND != 0, timeout)) {
            // Values of JavaScript that the guest was to get.
            give_back(self, &work.slots, &sig.param_refs);
            return Err(failure);
        }
        *self.calls.work.borrow_mut() = Some(work);
        if flags & LATER != 0 {
            return self.say(Said::Paused);
        }
        self.turn()
    }

    /// What comes of it is for [`Core::turn`] to say.
    pub fn begin(&self, make: Making, background: bool, timeout: Option<Duration>) -> Result<()> {
        if self.state.get() != 0 {
            return Err(self.refusal());
        }
        self.has_stack()?;
        let timeout = timeout.or(self.timeout.get());
        if timeout.is_some() {
            self.needs_brake("timeoutMs")?;
        }
        let ends = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let lever = self.lever();
        let ticks = ends
            .zip(lever.clone())
            .map(|(ends, lever)| Ticks::new(lever, ends, TICK))
            .transpose()?;
        let stop = background.then(Stop::new);
        let waking = Waking::new(self.env, self.number.get())?;
        let mut make = Some(make);
        self.fibers.lasting.set(true);
        let begun = self.brake_for(ends, stop.clone(), |context| {
            if let Some(make) = make.take() {
                // SAFETY: the store is idle; from here on the fiber has it.
                unsafe { self.set_root(context, make) };
            }
        });
        begun.inspect_err(|_| self.fibers.lasting.set(false))?;
        if let Some(stop) = &stop {
            stop.begin(lever);
        }
        let calls = &self.calls;
        calls.ends.set(ends);
        calls.ticks.set(ticks);
        calls.stop.replace(stop);
        calls.waking.replace(Some(waking));
        calls.ended.set(false);
        calls.made.set(None);
        calls.background.set(background);
        self.deadline.set(ends);
        self.park(Stage::Ready);
        Ok(())
    }
    /// Sets what stops the guests of the idle store.
    fn brake_for(
        &self,
        ends: Option<Instant>,
        stop: Option<Arc<Stop>>,
        then: impl FnOnce(StoreContextMut<'_, Data>),
    ) -> Result<()> {
        self.enter(|mut context| {
            let brake = &mut context.data_mut().brake;
            (brake.deadline, brake.stop) = (ends, stop);
            if self.engine.profile().epochs {
                let ticks = if self.fibers.lasting.get() {
                    1
                } else {
                    context.data().brake.ticks()
                };
                context.set_epoch_deadline(ticks);
            }
            then(context);
        })
    }

    /// Lets the call go on until it has ended or has to wait, and says which: a number of [`Said`]. What panics off the fiber
    /// poisons the store too.
    pub fn turn(&self) -> Result<Js> {
        let outer = self.data.deadline.get();
        catch_unwind(AssertUnwindSafe(|| self.take_turn())).unwrap_or_else(|panic| {
            self.data.set_deadline(outer);
            self.state.set(self.state.get() | POISONED);
            Err(panicked(panic).into())
        })
    }
    fn take_turn(&self) -> Result<Js> {
        if background::is_away(self) || self.is_in_use() {
            return self.say(Said::Busy);
        }
        self.engine.pace()?;
        let stage = self.calls.stage.take();
        match stage {
            Stage::Away | Stage::None => return Err(Error::internal("a turn of a call that has none").into()),
            Stage::Home(_) => {}
            _ if self.calls.ended.get() => {
                self.clear();
                return self.say(Said::Ended);
            }
            _ => {}
        }
        let outer = self.data.deadline.get();
        let ends = self.calls.ends.get();
        if ends.is_some() {
            self.data.set_deadline(ends.into_iter().chain(outer).min());
        }
        self.state.set((self.state.get() & POISONED) | RUNNING);
        let mark = self.hosts.begin();
        let said = self.go_on(stage);
        self.hosts.end(self.env, mark);
        if ends.is_some() {
            self.data.set_deadline(outer);
        }
        match said {
            Ok(said) => self.say(said),
            Err(failure) => {
                self.clear();
                Err(failure)
            }
        }
    }
    /// Whether one of its turns is under way, or something on top of it.
    fn is_in_use(&self) -> bool {
        self.state.get() & RUNNING != 0 || self.fibers.nested.get() > 0
    }
    fn say(&self, said: Said) -> Result<Js> {
        if !matches!(said, Said::Done) {
            let now = Instant::now();
            self.data
                .tell_time(self.calls.ends.get().map(|ends| ends.saturating_duration_since(now)));
        }
        Js::number(self.env, f64::from(said as u8))
    }

    fn go_on(&self, stage: Stage) -> Result<Said> {
        let mut step = match stage {
            Stage::Promise(call) => self.answered(call, true)?,
            Stage::Home(turn) => {
                self.arrived();
                let turn = turn.inspect_err(|_| self.state.set(self.state.get() | POISONED))?;
                if self.calls.ended.get() && !matches!(turn, Turn::Ended(_)) {
                    self.clear();
                    return Ok(Said::Ended);
                }
                Step::Turn(turn)
            }
            _ => self.go()?,
        };
        loop {
            let turn = match step {
                Step::Stop(said) => return Ok(said),
                Step::Turn(turn) => turn,
            };
            step = match turn {
                Turn::Ended(ended) => {
                    self.finish(ended)?;
                    Step::Stop(Said::Done)
                }
                Turn::Wants(Want::Call(call)) => self.answered(call, false)?,
                Turn::Wants(Want::Outside(act)) => {
                    let thrown = self.outside(act)?;
                    self.back(thrown)?
                }
                Turn::Wants(Want::Leave) => self.depart()?,
                Turn::Wants(Want::Home) => {
                    self.fibers.resume_with_return();
                    self.go()?
                }
                Turn::Wants(Want::Wait) => {
                    let waking = self.calls.waking.borrow().clone();
                    if waking.is_some_and(|waking| waking.arm()) {
                        self.park(Stage::Waits);
                        Step::Stop(Said::Waits)
                    } else {
                        self.go()?
                    }
                }
                Turn::Paused => {
                    self.park(Stage::Ready);
                    Step::Stop(Said::Paused)
                }
                Turn::Wants(Want::Done(_)) => return Err(Error::internal("an order that nobody gave").into()),
            };
        }
    }
    /// Calls a host function, or takes what its promise has become.
    fn answered(&self, call: *mut HostCall, settled: bool) -> Result<Step> {
        if self.serve(call, settled)? {
            if self.calls.ended.get() {
                self.clear();
                return Ok(Step::Stop(Said::Ended));
            }
            self.park(Stage::Promise(call));
            return Ok(Step::Stop(Said::Promise));
        }
        // SAFETY: it is on the stack of the fiber, which is suspended.
        let thrown = matches!(unsafe { &(*call).result }, Err(error) if error.is::<trap::Thrown>());
        self.back(thrown)
    }
    /// Has the guest go on after a host function. What that has thrown is pending in JavaScript where no guest may catch it:
    /// then the guest ends, here and now.
    fn back(&self, thrown: bool) -> Result<Step> {
        if self.calls.ended.get() {
            self.clear();
            return Ok(Step::Stop(Said::Ended));
        }
        if self.calls.background.get() && !thrown {
            return self.depart();
        }
        // The host function may have taken its time.
        self.engine.pace()?;
        self.fibers.resume_with_return();
        self.go()
    }
    fn go(&self) -> Result<Step> {
        let waking = self.calls.waking.borrow().clone();
        let turn = match waking {
            Some(waking) => {
                waking.reset();
                self.resume(&Waker::from(waking))
            }
            None => self.resume(Waker::noop()),
        };
        turn.map(Step::Turn)
    }
    /// Leaves the guest until its next turn. Amid computing it takes no orders: nothing that its code expects may come between.
    fn park(&self, stage: Stage) {
        let state = match stage {
            Stage::Promise(_) | Stage::Waits => SUSPENDED,
            _ => ELSEWHERE,
        };
        self.calls.stage.set(stage);
        self.state.set((self.state.get() & POISONED) | state);
    }

    /// Has the guest go on on another thread.
    fn depart(&self) -> Result<Step> {
        let Some(waking) = self.calls.waking.borrow().clone() else {
            return Err(Error::internal("a call that nothing can wake").into());
        };
        self.views.detach_all(self.env);
        self.fibers.resume_with_return();
        self.park(Stage::Away);
        self.fibers.away.set(true);
        background::depart(self, waking).inspect_err(|_| self.fibers.away.set(false))?;
        Ok(Step::Stop(Said::Waits))
    }
    /// It has come back from there.
    fn arrived(&self) {
        self.fibers.away.set(false);
        background::arrived(self);
    }
    /// Called there, when it is about to.
    pub fn come_home(&self, turn: Result<Turn>) {
        self.calls.stage.set(Stage::Home(turn));
    }
    pub fn waits_for(&self, waking: &Arc<Waking>) -> bool {
        self.calls
            .waking
            .borrow()
            .as_ref()
            .is_some_and(|mine| Arc::ptr_eq(mine, waking))
    }
    /// Asks it to come back soon, for good. Whether it will.
    pub fn call_home(&self) -> bool {
        if let Some(stop) = &*self.calls.stop.borrow() {
            stop.stop();
        }
        self.has_brake()
    }

    /// Ends the call. Says 0 where it has ended; 1 where the turn that is under way will say how it did, or the one that it comes
    /// back for; 2 where it has to be given another turn for that, when what is on top of it is over.
    pub fn end_call(&self) -> Result<Js> {
        if self.fibers.away.get() {
            self.calls.ended.set(true);
            self.call_home();
            return Js::number(self.env, 1.0);
        }
        let stage = self.calls.stage.take();
        let said = match &stage {
            Stage::None if self.is_in_use() => {
                self.calls.ended.set(true);
                1
            }
            _ if self.is_in_use() => {
                self.calls.ended.set(true);
                2
            }
            _ => 0,
        };
        self.calls.stage.set(stage);
        if said == 0 {
            self.clear();
        }
        Js::number(self.env, f64::from(said))
    }

    /// The call is over.
    fn clear(&self) {
        self.fibers.drop_root();
        let calls = &self.calls;
        calls.stage.take();
        if let Some(work) = calls.work.take().filter(|work| !work.begun)
            && let Ok(sig) = self.funcs.sig(work.number)
        {
            // Values of JavaScript that the guest was to get.
            give_back(self, &work.slots, &sig.param_refs);
        }
        calls.ends.take();
        calls.ticks.take();
        self.late.take();
        calls.waking.take();
        if let Some(stop) = calls.stop.take() {
            stop.end();
        }
        self.deadline.set(None);
        self.state.set(self.state.get() & POISONED);
        // Nothing to undo in a store that was poisoned.
        let _ = self.brake_for(None, None, |_| ());
    }
    /// Puts into the slots what the function has returned.
    fn finish(&self, ended: wasmtime::Result<()>) -> Result<()> {
        let mut work = self.calls.work.take();
        // As long as it is known whether its checks have ended it.
        let of_guest = |error| trap::of_guest(error, self.page().as_deref());
        let ended = ended.map_err(of_guest);
        if let Some(work) = &mut work {
            let outcome = std::mem::replace(&mut work.outcome, Ok(Ok(())));
            work.outcome = outcome.map(|ended| ended.map_err(of_guest));
        }
        self.clear();
        ended.map_err(|error| self.failure(error))?;
        if let Some(work) = work {
            work.outcome?.map_err(|error| self.failure(error))?;
            // SAFETY: the environment has more slots than any function has results. The facade reads them next.
            unsafe { ptr::copy_nonoverlapping(work.slots.as_ptr(), self.data.slots(), work.slots.len()) };
        }
        Ok(())
    }
}
