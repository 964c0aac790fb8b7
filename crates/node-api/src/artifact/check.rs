//! Why an artifact does not load.

use super::{Artifact, made_by, refusal};
use crate::config::{ModuleVersion, Settings, Version};
use crate::cpu;
use crate::error::{Failure, Result};
use crate::features;
use crate::metadata::Block;
use crate::profile::Profile;
use crate::target::Target;

impl Artifact<'_> {
    /// Refuses an artifact that an engine with these settings can't load, and says why.
    pub fn check(&self, engine: &Settings) -> Result<()> {
        self.check_stamp(&engine.module_version, engine.profile)?;
        self.is_whole()?;
        if self.is_component {
            let message = "this artifact is a component, and only modules are loaded";
            let hint = "compile a module, such as a command of WASI preview 1";
            return Err(refusal("notAnArtifact", message).with("hint", hint).into());
        }
        if let Some(found) = self.target() {
            check_target(found, &engine.target)?;
        }
        let missing = cpu::missing(&self.cpu().unwrap_or_default());
        if !missing.is_empty() && !engine.target.is_pulley() {
            return Err(lacking(&missing.join(", ")));
        }
        let version = self.block.and_then(|block| Version::parse(block.setting("wasmtime")?));
        if let Some(minimum) = engine.minimum_for(version) {
            return Err(too_old(version, minimum));
        }
        self.block.map_or(Ok(()), |block| self.check_settings(block, engine))
    }

    pub(super) fn check_stamp(&self, engine: &ModuleVersion, profile: Profile) -> Result<()> {
        if let Some(found) = self.foreign() {
            return Err(made_by(found).into());
        }
        let (stamp, expected) = (self.stamp, engine.stamp(profile));
        match stamp.split_once('+') {
            Some((_, name)) if *engine == ModuleVersion::Exact && stamp != expected => {
                Err(self.other_profile(name, profile))
            }
            _ if stamp != expected => {
                let message =
                    format!("this artifact is stamped '{stamp}', this engine loads what is stamped '{expected}'");
                Err(refusal("version", message)
                    .with("setting", "moduleVersion")
                    .with("expected", expected.as_str())
                    .with("found", stamp)
                    .with("hint", format!("load it with {}", self.constructor()))
                    .into())
            }
            _ => match self.profile() {
                Some(found) if found != profile => Err(self.other_profile(&found.name(), profile)),
                _ => Ok(()),
            },
        }
    }

    fn other_profile(&self, found: &str, engine: Profile) -> Failure {
        let ours = engine.name();
        let message = format!("this artifact has the profile '{found}', the engine '{ours}'");
        let again = format!("compile it with --profile {ours}");
        let hint = match self.profile() {
            Some(_) => format!("use {}, or {again}", self.constructor()),
            None => again,
        };
        refusal("profile", message)
            .with("setting", "profile")
            .with("expected", ours)
            .with("found", found)
            .with("hint", hint)
            .into()
    }

    /// JavaScript that makes an engine for it.
    fn constructor(&self) -> String {
        let profile = match self.stamp.split_once('+') {
            Some((_, name)) => Some(name.to_owned()),
            None => self.profile().map(Profile::name),
        };
        let version = match self.stamp {
            stamp if stamp.contains('+') => None,
            stamp if stamp == ModuleVersion::Wasmtime.stamp(Profile::DEFAULT) => Some("wasmtime".to_owned()),
            stamp => Some(stamp.to_owned()),
        };
        let options = [("profile", profile), ("moduleVersion", version)];
        let options = options
            .into_iter()
            .filter_map(|(name, value)| Some(format!("{name}: '{}'", value?)));
        format!("new Engine({{ {} }})", options.collect::<Vec<_>>().join(", "))
    }

    /// Refuses what was compiled for builds that have what this one was built without.
    fn check_build(block: Block<'_>) -> Result<()> {
        let proposals = block.setting("features").unwrap_or("");
        let uses = |names: &[&str]| proposals.split(',').any(|one| names.contains(&one));
        let gc = block.setting("collector").is_some_and(|found| found != "none")
            || uses(&["gc_types", "function_references", "gc", "exceptions"]);
        let both = [
            ("gc", gc, features::GC),
            ("threads", uses(&["threads"]), features::THREADS),
        ];
        let list = |wanted: fn(bool, bool) -> bool| {
            let names = both.iter().filter(|(_, used, here)| wanted(*used, *here));
            names.map(|(name, ..)| *name).collect::<Vec<_>>().join(",")
        };
        let missing = list(|used, here| used && !here);
        if missing.is_empty() {
            return Ok(());
        }
        let expected = match list(|_, here| here) {
            none if none.is_empty() => "none".into(),
            some => some,
        };
        let message = format!(
            "this artifact was compiled for builds with '{}', which this build ({}) lacks",
            missing.replace(',', "' and '"),
            features::variant
        );
        let hint = format!("compile it with --features {expected}, if the guest does without");
        Err(refusal("feature", message)
            .with("setting", "features")
            .with("expected", expected)
            .with("found", list(|used, _| used))
            .with("hint", hint)
            .into())
    }

    fn check_settings(&self, block: Block<'_>, engine: &Settings) -> Result<()> {
        Artifact::check_build(block)?;
        for (name, expected) in engine.compared() {
            let found = block.setting(&name).unwrap_or("");
            let fits = match name.as_str() {
                "features" => found.is_empty() || found.split(',').all(|one| expected.split(',').any(|on| on == one)),
                "collector" => found == "none" || found == expected,
                _ => found == expected,
            };
            if !fits {
                let message = format!("this artifact was compiled with {name} {found}, this engine has {expected}");
                return Err(refusal("setting", message)
                    .with("setting", name.as_str())
                    .with("expected", expected.as_str())
                    .with("found", found)
                    .with(
                        "hint",
                        "compile it again with the same build and version of the package",
                    )
                    .into());
            }
        }
        Ok(())
    }
}

fn check_target(found: &str, engine: &Target) -> Result<()> {
    if Target::named(found).is_some_and(|target| target.same_code(engine)) {
        return Ok(());
    }
    let expected = engine.to_string();
    let message = format!("this artifact was compiled for {found}, this engine runs {expected}");
    Err(refusal("target", message)
        .with("setting", "target")
        .with("expected", expected.as_str())
        .with("found", found)
        .with("hint", format!("compile it with --target {expected}"))
        .into())
}
fn lacking(missing: &str) -> Failure {
    let message = format!("this artifact needs features that this machine's CPU lacks: {missing}");
    refusal("cpu", message)
        .with("setting", "cpu")
        .with("expected", missing)
        .with("found", "a CPU without")
        .with("hint", "compile it without --native, or with --cpu baseline")
        .into()
}
fn too_old(version: Option<Version>, minimum: Version) -> Failure {
    let found = version.map_or_else(|| "an unknown version".into(), |version| version.to_string());
    refusal(
        "compilerVersion",
        format!("this artifact was compiled by Wasmtime {found}; code of compilers before {minimum} is not run"),
    )
    .with("setting", "minimumCompilerVersion")
    .with("expected", minimum.to_string().as_str())
    .with("found", found.as_str())
    .with(
        "hint",
        "compile it again with a newer version, or say new Engine({ minimumCompilerVersion }) if you accept its code",
    )
    .into()
}
