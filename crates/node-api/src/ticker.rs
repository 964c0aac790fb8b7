//! The thread that moves epochs, so that guests look whether they may go on ([`crate::brake`]). It does so only for engines where
//! somebody needs it, and ends when nobody has needed it for a while.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use wasmtime::Engine;

use crate::error::{Error, Result};

/// The time between two looks of a guest.
pub const TICK: Duration = Duration::from_millis(10);
/// How often a guest in a worker looks whether its thread is being ended.
pub const WATCH: Duration = Duration::from_millis(100);
/// How long the thread stays when nothing needs it.
const IDLE: Duration = Duration::from_secs(1);
/// Ticks that never pass. Half of the range: Wasmtime adds the current epoch.
pub const NEVER: u64 = u64::MAX / 2;

struct Ticker {
    /// The engines whose epoch moves, and for how many each tick and only now and then.
    engines: Vec<(Engine, [usize; 2])>,
    running: bool,
    /// The thread waits for longer than a tick, and is woken when ticks are wanted.
    slow: bool,
}
static TICKER: Mutex<Ticker> = Mutex::new(Ticker {
    engines: Vec::new(),
    running: false,
    slow: false,
});
static WANTED: Condvar = Condvar::new();

fn ticker() -> MutexGuard<'static, Ticker> {
    TICKER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// While there is one, its engine's epoch moves.
pub struct Ticks {
    engine: Engine,
    rare: bool,
}

impl Ticks {
    pub fn often(engine: &Engine) -> Result<Ticks> {
        Ticks::new(engine, false)
    }
    /// So that guests look every 10 ms, or where it is `rare` every 100 ms.
    pub fn new(engine: &Engine, rare: bool) -> Result<Ticks> {
        let mut ticker = ticker();
        if !ticker.running {
            let spawned = thread::Builder::new().name("cwasm-ticker".into()).spawn(tick);
            spawned.map_err(|error| Error::internal(format!("no thread for deadlines: {error}")))?;
            ticker.running = true;
        }
        let place = ticker.engines.iter().position(|(known, _)| Engine::same(known, engine));
        let place = place.unwrap_or_else(|| {
            ticker.engines.push((engine.clone(), [0, 0]));
            ticker.engines.len() - 1
        });
        ticker.engines[place].1[usize::from(rare)] += 1;
        if ticker.slow {
            WANTED.notify_one();
        }
        Ok(Ticks {
            engine: engine.clone(),
            rare,
        })
    }
}
impl Drop for Ticks {
    fn drop(&mut self) {
        ticker().engines.retain_mut(|(engine, counts)| {
            counts[usize::from(self.rare)] -= usize::from(Engine::same(engine, &self.engine));
            *counts != [0, 0]
        });
    }
}

fn tick() {
    let mut ticker = ticker();
    loop {
        let often = ticker.engines.iter().any(|(_, counts)| counts[0] > 0);
        let pace = match ticker.engines.is_empty() {
            _ if often => TICK,
            false => WATCH,
            true => IDLE,
        };
        ticker.slow = !often;
        let (woken, waited) = WANTED
            .wait_timeout(ticker, pace)
            .unwrap_or_else(PoisonError::into_inner);
        ticker = woken;
        if !waited.timed_out() {
            continue;
        }
        if pace == IDLE && ticker.engines.is_empty() {
            ticker.running = false;
            return;
        }
        for (engine, _) in &ticker.engines {
            engine.increment_epoch();
        }
    }
}
