//! Stock Wasmtime by its own crate's API, which knows nothing of ours: compiles what we load, loads what we compile, and says
//! which settings it compares in between. `__test__/stock.spec.ts` runs it.

mod compared;

use std::fs;
use std::io::{self, Write};
use std::process::ExitCode;

use lexopt::{Arg, ValueExt};
use wasmtime::{
    Collector, Config, Engine, Instance, Module, Result, Store, Val, WasmBacktraceDetails, bail, error::Context,
};

const HELP: &str = "usage: cwasm-upstream [--settings exchange,fuel,…] COMMAND
  compile IN.wasm OUT.cwasm
  run IN.cwasm FUNC ARG…         an export without imports: i32s in, one i32 out
  compared IN.cwasm [FOLDER]     as JSON, which settings it is refused for, and which not; the artifacts that were refused
                                 go into FOLDER, one for each setting";

fn main() -> ExitCode {
    let Err(error) = command() else {
        return ExitCode::SUCCESS;
    };
    let _ = writeln!(io::stderr(), "{error:#}");
    ExitCode::FAILURE
}

fn command() -> Result<()> {
    let mut config = Config::new();
    let mut words = Vec::new();
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long("settings") => {
                let names = args.value()?.string()?;
                names.split(',').try_for_each(|name| set(&mut config, name))?;
            }
            Arg::Value(word) => words.push(word.string()?),
            _ => return Err(arg.unexpected().into()),
        }
    }
    let engine = Engine::new(&config)?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut out = io::stdout().lock();
    match words.as_slice() {
        ["compile", wasm, artifact] => fs::write(artifact, engine.precompile_module(&fs::read(wasm)?)?)?,
        ["run", artifact, func, args @ ..] => writeln!(out, "{}", run(&engine, artifact, func, args)?)?,
        ["compared", artifact] => writeln!(out, "{}", compared::ask(&engine, &fs::read(artifact)?, None)?)?,
        ["compared", artifact, folder] => {
            let found = compared::ask(&engine, &fs::read(artifact)?, Some(folder.as_ref()))?;
            writeln!(out, "{found}")?;
        }
        _ => bail!("{HELP}"),
    }
    Ok(())
}

/// The settings that docs/artifacts.md names for exchange: those for all of it, and what each profile has besides.
fn set(config: &mut Config, name: &str) -> Result<()> {
    match name {
        "exchange" => config
            .concurrency_support(false)
            .collector(Collector::DeferredReferenceCounting),
        "default" => config,
        "epochs" => config.epoch_interruption(true),
        "fuel" => config.consume_fuel(true),
        "no-signals" => config.signals_based_traps(false),
        "small-address-space" => config
            .memory_reservation(0)
            .memory_guard_size(0)
            .guard_before_linear_memory(false),
        "deterministic" => config.relaxed_simd_deterministic(true).wasm_threads(false),
        "debug" => config
            .debug_info(true)
            .wasm_backtrace_details(WasmBacktraceDetails::Enable),
        "embedded" => {
            set(config, "no-signals")?;
            set(config, "small-address-space")?;
            set(config, "embedded-signals")?;
            config.memory_init_cow(false)
        }
        "embedded-signals" => config
            .gc_support(false)
            .wasm_gc(false)
            .wasm_function_references(false)
            .wasm_exceptions(false)
            .wasm_threads(false),
        _ => bail!("there are no settings '{name}'"),
    };
    Ok(())
}

fn run(engine: &Engine, artifact: &str, func: &str, args: &[&str]) -> Result<i32> {
    let bytes = fs::read(artifact)?;
    // SAFETY: the specs made it.
    let module = unsafe { Module::deserialize(engine, bytes) }?;
    let mut store = Store::new(engine, ());
    // Enough of what counts down, where anything does.
    let _ = store.set_fuel(u64::MAX);
    store.set_epoch_deadline(1);
    let instance = Instance::new(&mut store, &module, &[])?;
    let func = instance
        .get_func(&mut store, func)
        .with_context(|| format!("it exports no function '{func}'"))?;
    let args = args
        .iter()
        .map(|arg| Ok(Val::I32(arg.parse()?)))
        .collect::<Result<Vec<_>>>()?;
    let mut results = [Val::I32(0)];
    func.call(&mut store, &args, &mut results)?;
    results[0].i32().context("it returns no i32")
}
