//! What stops a guest: its deadline, a caller who wants no more of it, and the end of its thread.
//!
//! A guest whose code looks at the engine's epoch is asked at each tick whether it may go on ([`ask`]); one whose code has checks ends
//! when its store's page is taken away ([`crate::page`]); one that waits in WASI looks by itself ([`crate::wasi`]).

use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use napi::sys;
use wasmtime::{Engine, StoreContextMut, UpdateDeadline};

use crate::engine::EngineParts;
use crate::env::EnvData;
use crate::error::{Failure, Result};
use crate::fiber::{self, Fibers};
use crate::page::Page;
use crate::store_core::Data;
use crate::ticker::{NEVER, TICK, Ticks, WATCH};
use crate::trap;

/// What is pulled to stop the guests of a store.
#[derive(Clone)]
pub enum Lever {
    /// They look whether they may go on.
    Epochs(Engine),
    /// They end.
    Page(Arc<Page>),
}

impl Lever {
    pub fn pull(&self) {
        match self {
            Lever::Epochs(engine) => engine.increment_epoch(),
            Lever::Page(page) => page.take_away(),
        }
    }
    pub fn release(&self) {
        if let Lever::Page(page) = self {
            page.put_back();
        }
    }
    /// Whether it is the epoch of this engine.
    pub fn is_of(&self, engine: &Engine) -> bool {
        matches!(self, Lever::Epochs(own) if Engine::same(own, engine))
    }
}

/// What a guest must look at now and then.
#[derive(Clone)]
pub struct Brake {
    /// When the call that is under way must end.
    pub deadline: Option<Instant>,
    /// Whether somebody wants no more of it.
    pub stop: Option<Arc<Stop>>,
    /// Whether its thread may be ended.
    worker: Option<Worker>,
}

/// A thread that another one may end at any time.
#[derive(Clone, Copy)]
pub struct Worker {
    env: sys::napi_env,
    data: *const EnvData,
}
// SAFETY: the pointers are followed only by a guest on the thread that they are of: no other guest gets one.
unsafe impl Send for Worker {}
// SAFETY: as above.
unsafe impl Sync for Worker {}

impl Worker {
    /// The thread of an environment, if it is a worker's. What looks at it must not outlive the environment's data.
    pub fn of(env: sys::napi_env, data: &Rc<EnvData>) -> Option<Worker> {
        let data = data.is_worker.then_some(Rc::as_ptr(data))?;
        Some(Worker { env, data })
    }
    fn is_ending(self) -> bool {
        // SAFETY: by the contract of `of`.
        unsafe { (*self.data).is_ending(self.env) }
    }
}

/// What a guest sees that looks.
pub enum Look {
    /// There is nothing to look at.
    GoOn,
    /// It may go on, and look again then.
    Again(Instant),
    /// Its time is over.
    Late,
    /// Its thread is being ended: nothing more is said to anybody.
    Ending,
}

impl Brake {
    pub fn new(worker: Option<Worker>, stop: Option<Arc<Stop>>) -> Brake {
        Brake {
            deadline: None,
            stop,
            worker,
        }
    }
    /// What makes a guest look that has nothing else to look at than the end of its thread.
    pub fn watch(&self, engine: &EngineParts) -> Result<Option<Ticks>> {
        let wanted = self.worker.filter(|_| engine.profile().epochs);
        wanted
            .map(|_| Ticks::new(Lever::Epochs(engine.engine.clone()), Instant::now() + WATCH, WATCH))
            .transpose()
    }
    /// After how many ticks the guest looks, if nothing else is known.
    pub fn ticks(&self) -> u64 {
        let looks = self.deadline.is_some() || self.stop.is_some() || self.worker.is_some();
        if looks { 1 } else { NEVER }
    }
    /// `here` says that JavaScript may be asked whether its thread is being ended.
    pub fn look(&self, here: bool) -> Look {
        let now = Instant::now();
        if self.deadline.is_some_and(|deadline| deadline <= now)
            || self.stop.as_ref().is_some_and(|stop| stop.is_wanted())
        {
            return Look::Late;
        }
        if here && self.worker.is_some_and(Worker::is_ending) {
            return Look::Ending;
        }
        let next = [
            self.deadline,
            self.stop.as_ref().map(|_| now + TICK),
            self.worker.map(|_| now + WATCH),
        ];
        next.into_iter().flatten().min().map_or(Look::GoOn, Look::Again)
    }
}

/// Asked by a guest when the epoch has moved.
pub fn ask(context: &StoreContextMut<'_, Data>) -> wasmtime::Result<UpdateDeadline> {
    let Data { brake, core, .. } = context.data();
    let fibers = core.get().map(|core| &core.fibers);
    // JavaScript is not asked on a fiber.
    let look = brake.look(!fibers.is_some_and(Fibers::active));
    if fibers.is_some_and(Fibers::is_ending) {
        return Err(trap::carry(Failure::Thrown));
    }
    match look {
        Look::GoOn | Look::Again(_)
            if fibers.is_some_and(Fibers::may_pause)
                || brake.worker.is_some() && fibers.is_some_and(Fibers::must_pause) =>
        {
            Ok(fiber::pause())
        }
        Look::GoOn => Ok(UpdateDeadline::Continue(NEVER)),
        Look::Again(_) => Ok(UpdateDeadline::Continue(1)),
        Look::Late => Ok(UpdateDeadline::Interrupt),
        Look::Ending => Err(trap::carry(Failure::Thrown)),
    }
}

/// A caller's way to stop a guest that runs on another thread.
pub struct Stop(Mutex<Course>);
enum Course {
    /// In the queue.
    Waits,
    /// With what it can be stopped by.
    Runs(Option<Lever>),
    /// No more of it. While the guest still runs, its lever is pulled.
    Stops {
        _ticks: Option<Ticks>,
    },
    Done,
}

impl Stop {
    pub fn new() -> Arc<Stop> {
        Arc::new(Stop(Mutex::new(Course::Waits)))
    }
    fn state(&self) -> MutexGuard<'_, Course> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn is_wanted(&self) -> bool {
        matches!(*self.state(), Course::Stops { .. })
    }
    /// Called when the guest begins; whether it may.
    pub fn begin(&self, lever: Option<Lever>) -> bool {
        let mut state = self.state();
        let waits = matches!(*state, Course::Waits);
        if waits {
            *state = Course::Runs(lever);
        }
        waits
    }
    /// Called when it has ended.
    pub fn end(&self) {
        *self.state() = Course::Done;
    }
    /// Stops the guest. Whether it has begun, so that it will say how it ended.
    pub fn stop(&self) -> bool {
        let mut state = self.state();
        let begun = !matches!(*state, Course::Waits);
        let ticks = match &*state {
            Course::Runs(Some(lever)) => Ticks::new(lever.clone(), Instant::now(), TICK).ok(),
            Course::Runs(None) | Course::Waits => None,
            Course::Stops { .. } | Course::Done => return begun,
        };
        *state = Course::Stops { _ticks: ticks };
        begun
    }
}
