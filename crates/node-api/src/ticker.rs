//! The thread that pulls levers ([`crate::brake`]): it moves epochs, so that guests look whether they may go on, and takes away the
//! pages of those that must not. It does so when somebody needs it: at deadlines, and after those now and then until the guest has ended. It ends when nobody has needed it for a while.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use wasmtime::Engine;

use crate::brake::Lever;
use crate::error::{Error, Result};

/// The time between two looks of a guest that should have ended.
pub const TICK: Duration = Duration::from_millis(10);
/// How often a guest in a worker looks whether its thread is being ended.
pub const WATCH: Duration = Duration::from_millis(100);
/// How long the ticks go on that guests who take turns have asked for.
const PACED: Duration = Duration::from_millis(200);
/// How long the thread stays when nothing needs it.
const IDLE: Duration = Duration::from_secs(1);
/// Ticks that never pass. Half of the range: Wasmtime adds the current epoch.
pub const NEVER: u64 = u64::MAX / 2;

struct Ticker {
    wanted: Vec<Wanted>,
    /// The number of the next one.
    next: u64,
    /// Until when the thread sleeps; none where there is no thread.
    asleep: Option<Instant>,
}
struct Wanted {
    number: u64,
    lever: Lever,
    due: Instant,
    every: Duration,
    /// When it is not needed any more, where nobody says so.
    until: Option<Instant>,
}
static TICKER: Mutex<Ticker> = Mutex::new(Ticker {
    wanted: Vec::new(),
    next: 0,
    asleep: None,
});
static SOONER: Condvar = Condvar::new();

fn ticker() -> MutexGuard<'static, Ticker> {
    TICKER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// While there is one, its lever is pulled when it is due. After it guests may run again.
pub struct Ticks(u64);

impl Ticks {
    /// First at `due`, then every so often.
    pub fn new(lever: Lever, due: Instant, every: Duration) -> Result<Ticks> {
        ticker().want(lever, due, every, None).map(Ticks)
    }
}
impl Drop for Ticks {
    fn drop(&mut self) {
        let wanted = &mut ticker().wanted;
        if let Some(place) = wanted.iter().position(|each| each.number == self.0) {
            wanted.swap_remove(place).lever.release();
        }
    }
}

/// An engine's steady ticks, for guests that take turns: kept up by whoever needs them.
#[derive(Default)]
pub struct Pace(Mutex<Option<Instant>>);

impl Pace {
    /// From now on for a while.
    pub fn keep(&self, engine: &Engine) -> Result<()> {
        let now = Instant::now();
        let mut until = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if until.is_some_and(|until| until > now + PACED / 2) {
            return Ok(());
        }
        let next = now + PACED;
        *until = Some(next);
        let mut ticker = ticker();
        let known = |each: &&mut Wanted| each.until.is_some() && each.lever.is_of(engine);
        match ticker.wanted.iter_mut().find(known) {
            Some(each) => each.until = Some(next),
            None => drop(ticker.want(Lever::Epochs(engine.clone()), now + TICK, TICK, Some(next))?),
        }
        Ok(())
    }
}

impl Ticker {
    fn want(&mut self, lever: Lever, due: Instant, every: Duration, until: Option<Instant>) -> Result<u64> {
        if self.asleep.is_none() {
            let spawned = thread::Builder::new().name("cwasm-ticker".into()).spawn(tick);
            spawned.map_err(|error| Error::internal(format!("no thread for deadlines: {error}")))?;
        }
        let number = self.next;
        self.next += 1;
        self.wanted.push(Wanted {
            number,
            lever,
            due,
            every,
            until,
        });
        if self.asleep.is_some_and(|until| due < until) {
            SOONER.notify_one();
        }
        // A thread that is just being started looks for itself.
        self.asleep.get_or_insert(due);
        Ok(number)
    }
}

fn tick() {
    let mut ticker = ticker();
    loop {
        let now = Instant::now();
        for each in ticker.wanted.iter_mut().filter(|each| each.due <= now) {
            each.lever.pull();
            each.due = now + each.every;
        }
        ticker.wanted.retain(|each| each.until.is_none_or(|until| until > now));
        let due = ticker.wanted.iter().map(|each| each.due).min();
        let until = due.unwrap_or(now + IDLE);
        ticker.asleep = Some(until);
        let (woken, waited) = SOONER
            .wait_timeout(ticker, until - now)
            .unwrap_or_else(PoisonError::into_inner);
        ticker = woken;
        if waited.timed_out() && due.is_none() && ticker.wanted.is_empty() {
            ticker.asleep = None;
            return;
        }
    }
}
