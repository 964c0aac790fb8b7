//! Why Wasmtime's loader refuses what has passed our own checks: an artifact of stock Wasmtime, or damaged bytes. It says so in text
//! alone.

use crate::artifact::refusal;
use crate::error::Failure;
use crate::options::camel;

/// Settings that Wasmtime's text calls other than by their names.
const NAMES: [(&str, &str); 10] = [
    ("native debug information support", "debug_native"),
    ("guest debug", "debug_guest"),
    ("webassembly backtrace support", "parse_wasm_debuginfo"),
    ("fuel support", "consume_fuel"),
    ("relaxed simd deterministic semantics", "relaxed_simd_deterministic"),
    ("winch calling convention", "winch_callable"),
    ("memory initialization with cow", "memory_init_cow"),
    ("function inlining small-callee size", "inlining_small_callee_size"),
    ("function inlining sum-size threshold", "inlining_sum_size_threshold"),
    ("rr recording support", "recording"),
];

/// A setting, what an engine has and what the artifact has, as far as the text says.
struct Difference {
    setting: String,
    expected: Option<String>,
    found: Option<String>,
}

impl Difference {
    fn new(words: &str, expected: Option<&str>, found: Option<&str>) -> Difference {
        let words = words.to_lowercase();
        let named = NAMES.iter().find(|(text, _)| *text == words).map(|(_, name)| *name);
        Difference {
            setting: camel(&named.map_or_else(|| words.replace([' ', '-'], "_"), Into::into)),
            expected: expected.map(Into::into),
            found: found.map(Into::into),
        }
    }

    fn read(text: &str) -> Option<Difference> {
        if text.contains("Module costs are incompatible") {
            return Some(Difference::new("operator cost", None, None));
        }
        if let Some((_, rest)) = text.split_once("compilation settings of module incompatible") {
            let (_, flag) = rest.split_once('"')?;
            return Some(Difference::new(flag.split_once('"')?.0, None, None));
        }
        let (_, text) = text.split_once("odule was compiled ")?;
        if let Some(rest) = text.strip_prefix("with support for WebAssembly feature `") {
            return Some(Difference::new("features", None, Some(rest.split_once('`')?.0)));
        }
        if text.starts_with("with GC however") {
            return Some(Difference::new("collector", Some("none"), None));
        }
        if let Some(rest) = text.strip_prefix("for the ") {
            let (found, rest) = rest.split_once(" collector but the host is configured to use the ")?;
            let [expected, found] = [rest.split_once(" collector")?.0, found].map(|name| name.replace(' ', "-"));
            return Some(Difference::new("collector", Some(&expected), Some(&found)));
        }
        if let Some((found, rest)) = text.split_once(" however the host is configured ") {
            return Some(Difference::new("inlining", Some(rest), Some(found)));
        }
        let (words, rest) = text.split_once(" but ")?;
        if let Some((words, found)) = words.strip_prefix("with a ").and_then(|rest| rest.split_once(" of ")) {
            let expected = rest.split_once(" is expected")?.0;
            let [expected, found] = [expected, found].map(|value| value.trim_matches('\''));
            return Some(Difference::new(words, Some(expected), Some(found)));
        }
        if let Some(words) = words.strip_prefix("with ") {
            return Some(Difference::new(words, Some("false"), Some("true")));
        }
        let words = words.strip_prefix("without ")?;
        Some(Difference::new(words, Some("true"), Some("false")))
    }
}

/// The error for it.
pub fn refused(error: wasmtime::Error) -> Failure {
    // Without the path of a file, which may have any words in it.
    let causes = error.chain().map(ToString::to_string);
    let causes: Vec<String> = causes
        .filter(|text| !text.starts_with("failed deserialization for: "))
        .collect();
    let text = causes.join(": ");
    let failure = |reason, hint| refusal(reason, format!("this artifact does not load: {text}")).with("hint", hint);
    if text.contains("for architecture") || text.contains("for operating system") {
        return failure(
            "target",
            "compile it for this machine: `cwasm compile`, without --target",
        )
        .with("setting", "target")
        .into();
    }
    if text.contains("not available on the host") {
        return failure("cpu", "compile it without --native")
            .with("setting", "cpu")
            .into();
    }
    let Some(difference) = Difference::read(&text) else {
        let hint = "make a .cwasm with `cwasm compile`, and copy it as a binary file";
        return failure("notAnArtifact", hint).into();
    };
    let hint = "compile it with the settings that docs/artifacts.md names for exchange";
    let mut error = failure("setting", hint).with("setting", difference.setting);
    for (name, value) in [("expected", difference.expected), ("found", difference.found)] {
        if let Some(value) = value {
            error = error.with(name, value);
        }
    }
    error.into()
}
