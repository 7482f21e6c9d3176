//! One directive of a script: [`Script::run`].

use crate::{
    Mode, RunnerConfig,
    instances::Instances,
    message::{Comparison, compare},
    pattern,
};
use rotifer::{Engine, Error, ErrorKind, Instance, LoadMode, Module, TrapCode, Val};
use wast::{
    QuoteWat, Wast, WastArg, WastDirective, WastExecute, WastInvoke, WastRet, Wat, core::WastRetCore,
};

/// What came of a directive that did not fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// It did what it should.
    Passed,
    /// It did what it should, but by another message, for which there is a row in the table of deviations.
    Deviated,
    /// It says nothing about the load mode.
    NotApplicable,
}

/// What went wrong, in words.
type Message = String;

/// Whether a refusal is a matter of syntax or of validation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Refusal {
    Malformed,
    Invalid,
}

/// A module's bytes, or the reason for which the text format has none.
enum Encoded {
    Bytes(Vec<u8>),
    RefusedText(Message),
}

/// A running script.
pub(crate) struct Script<'runner> {
    engine: &'runner Engine,
    mode: Mode,
    instances: Instances,
}

impl<'runner> Script<'runner> {
    pub(crate) fn new(engine: &'runner Engine, config: &RunnerConfig) -> Result<Self, Error> {
        Ok(Self { engine, mode: config.mode, instances: Instances::new(engine, config)? })
    }

    /// How often calls were suspended so far.
    pub(crate) fn suspensions(&self) -> u64 {
        self.instances.calls.suspensions()
    }

    /// Carries out a directive.
    pub(crate) fn run(&mut self, directive: WastDirective<'_>) -> Result<Verdict, Message> {
        match directive {
            WastDirective::Module(module) => self.run_module(module)?,
            WastDirective::ModuleDefinition(mut module) => {
                let name = module.name();
                let module = self.load(&mut module)?;
                self.instances.define(name, module);
            }
            WastDirective::ModuleInstance { instance, module, span: _ } => {
                self.instances.leave();
                let module = self.instances.module(module)?;
                let created = self.instances.instantiate(&module).map_err(|error| error.to_string())?;
                self.instances.enter(instance, created);
            }
            WastDirective::Register { name, module, span: _ } => self.instances.register(name, module)?,
            WastDirective::Invoke(invoke) => {
                self.invoke(&invoke)?.map_err(|error| format!("the call fails: {error}"))?;
            }
            WastDirective::AssertReturn { exec, results, span: _ } => self.assert_return(exec, &results)?,
            WastDirective::AssertTrap { exec, message, span: _ } => return self.assert_trap(exec, message),
            WastDirective::AssertExhaustion { call, message, span: _ } => {
                return self.assert_exhaustion(&call, message);
            }
            WastDirective::AssertUnlinkable { module, message, span: _ } => {
                return self.assert_unlinkable(module, message);
            }
            WastDirective::AssertMalformed { module, message, span: _ } => {
                return self.assert_refused(module, Refusal::Malformed, message);
            }
            WastDirective::AssertInvalid { module, message, span: _ } => {
                return self.assert_refused(module, Refusal::Invalid, message);
            }
            WastDirective::AssertMalformedCustom { mut module, message, span: _ }
            | WastDirective::AssertInvalidCustom { mut module, message, span: _ } => {
                // Rotifer gives custom sections to the embedder unread, so only the text format can refuse one.
                return match encode(&mut module)? {
                    Encoded::RefusedText(_) => Ok(Verdict::Passed),
                    Encoded::Bytes(_) => Err(format!("the text is accepted; expected: {message}")),
                };
            }
            WastDirective::AssertException { .. } => return Err(unsupported("exceptions")),
            WastDirective::AssertSuspension { .. } => return Err(unsupported("stack switching")),
            WastDirective::Thread(_) | WastDirective::Wait { .. } => return Err(unsupported("threads")),
        }
        Ok(Verdict::Passed)
    }

    fn run_module(&mut self, mut module: QuoteWat<'_>) -> Result<(), Message> {
        let name = module.name();
        self.instances.leave();
        let module = self.load(&mut module)?;
        let instance = self.instances.instantiate(&module).map_err(|error| error.to_string())?;
        self.instances.enter(name, instance);
        self.instances.define(name, module);
        Ok(())
    }

    /// Loads a module that must load.
    fn load(&self, module: &mut QuoteWat<'_>) -> Result<Module, Message> {
        match encode(module)? {
            Encoded::Bytes(bytes) => {
                self.load_bytes(&bytes).map_err(|error| format!("the module is refused: {error}"))
            }
            Encoded::RefusedText(message) => Err(format!("the text of the module is refused: {message}")),
        }
    }

    fn load_bytes(&self, bytes: &[u8]) -> Result<Module, Error> {
        let mode = match self.mode {
            Mode::Eager => LoadMode::Eager,
            Mode::Checked => LoadMode::Checked,
            Mode::Partial => LoadMode::Partial,
            Mode::Background => LoadMode::Background,
            Mode::Unchecked => {
                Module::validate(self.engine, bytes)?;
                // SAFETY: the bytes were just validated.
                return unsafe { Module::new_unchecked(self.engine, bytes) };
            }
        };
        Module::new_with_mode(self.engine, bytes, mode)
    }

    /// A module that must be refused.
    fn assert_refused(
        &self,
        mut module: QuoteWat<'_>,
        refusal: Refusal,
        expected: &str,
    ) -> Result<Verdict, Message> {
        if self.mode == Mode::Unchecked {
            return Ok(Verdict::NotApplicable);
        }
        let bytes = match encode(&mut module)? {
            Encoded::Bytes(bytes) => bytes,
            // Which words another project's parser uses says nothing about this one.
            Encoded::RefusedText(_) => return Ok(Verdict::Passed),
        };
        let outcome = self.load_bytes(&bytes).and_then(|module| match self.mode {
            Mode::Partial | Mode::Background => module.validate_all(),
            _ => Ok(()),
        });
        let Err(error) = outcome else {
            return Err(format!("the module is accepted; expected: {expected}"));
        };
        let kind_fits = match error.kind() {
            ErrorKind::Malformed(_) => refusal == Refusal::Malformed,
            ErrorKind::Invalid(_) => refusal == Refusal::Invalid,
            // What a switched-off proposal would allow is malformed for some versions of the specification and
            // invalid for others, and so are numbers that no engine supports.
            ErrorKind::Unsupported(_) | ErrorKind::Limit(_) => true,
            _ => false,
        };
        let reported =
            error.as_module_error().map_or_else(|| error.to_string(), |error| error.message().to_owned());
        let verdict = verdict(expected, &reported).ok_or_else(|| {
            format!("the module is refused for another reason: {error}; expected: {expected}")
        })?;
        if kind_fits || verdict == Verdict::Deviated {
            Ok(verdict)
        } else {
            Err(format!("the refusal is of the wrong kind: {:?}; expected: {refusal:?}", error.kind()))
        }
    }

    fn assert_unlinkable(&mut self, module: Wat<'_>, expected: &str) -> Result<Verdict, Message> {
        let Err(error) = self.instantiate_text(module)? else {
            return Err(format!("the module is linked; expected: {expected}"));
        };
        let verdict = match error.kind() {
            ErrorKind::Link(error) => verdict(expected, &error.to_string()),
            _ => None,
        };
        verdict
            .ok_or_else(|| format!("instantiation fails for another reason: {error}; expected: {expected}"))
    }

    fn assert_trap(&mut self, exec: WastExecute<'_>, expected: &str) -> Result<Verdict, Message> {
        match self.execute(exec)? {
            Ok(results) => {
                let results = pattern::show_values(&self.instances.store, &results);
                Err(format!("the result is {results}; expected a trap: {expected}"))
            }
            Err(error) => error
                .as_trap_code()
                .and_then(|code| verdict(expected, code.message()))
                .ok_or_else(|| format!("another error: {error}; expected a trap: {expected}")),
        }
    }

    fn assert_exhaustion(&mut self, call: &WastInvoke<'_>, expected: &str) -> Result<Verdict, Message> {
        match self.invoke(call)? {
            Ok(_) => Err(format!("the call returns; expected: {expected}")),
            Err(error) => error
                .as_trap_code()
                .filter(|code| *code == TrapCode::StackOverflow)
                .and_then(|code| verdict(expected, code.message()))
                .ok_or_else(|| format!("another error: {error}; expected: {expected}")),
        }
    }

    fn assert_return(&mut self, exec: WastExecute<'_>, expected: &[WastRet<'_>]) -> Result<(), Message> {
        let expected = expected
            .iter()
            .map(|pattern| match pattern {
                WastRet::Core(pattern) => Ok(pattern),
                _ => Err(unsupported("components")),
            })
            .collect::<Result<Vec<&WastRetCore<'_>>, _>>()?;
        let actual = self.execute(exec)?.map_err(|error| error.to_string())?;
        let store = &self.instances.store;
        let equal = actual.len() == expected.len()
            && expected
                .iter()
                .zip(&actual)
                .all(|(expected, actual)| pattern::matches(store, expected, actual));
        if equal {
            return Ok(());
        }
        let actual = pattern::show_values(store, &actual);
        Err(format!("the result is {actual}, not {}", pattern::show_patterns(&expected)))
    }

    /// The outer error is one of the script.
    fn execute(&mut self, exec: WastExecute<'_>) -> Result<Result<Vec<Val>, Error>, Message> {
        match exec {
            WastExecute::Invoke(invoke) => self.invoke(&invoke),
            WastExecute::Wat(module) => Ok(self.instantiate_text(module)?.map(|_| Vec::new())),
            WastExecute::Get { module, global, span: _ } => {
                let global = self
                    .instances
                    .export(module, global)?
                    .into_global()
                    .ok_or_else(|| format!("the export `{global}` is no global"))?;
                Ok(Ok(vec![global.get(&self.instances.store)]))
            }
        }
    }

    /// Instantiates a module that must load. The outer error is one of the script.
    fn instantiate_text(&mut self, module: Wat<'_>) -> Result<Result<Instance, Error>, Message> {
        let module = self.load(&mut QuoteWat::Wat(module))?;
        Ok(self.instances.instantiate(&module))
    }

    /// The outer error is one of the script.
    fn invoke(&mut self, invoke: &WastInvoke<'_>) -> Result<Result<Vec<Val>, Error>, Message> {
        let func = self.instances.func(invoke.module, invoke.name)?;
        let store = &mut self.instances.store;
        let mut args = Vec::with_capacity(invoke.args.len());
        for arg in &invoke.args {
            let WastArg::Core(arg) = arg else { return Err(unsupported("components")) };
            args.push(pattern::argument(store, arg)?);
        }
        let mut results: Vec<Val> =
            func.ty(&*store).results().iter().map(|ty| Val::default_for_ty(*ty)).collect();
        Ok(self.instances.call(func, &args, &mut results).map(|()| results))
    }
}

/// Whether a message is the expected one, and how exactly.
fn verdict(expected: &str, reported: &str) -> Option<Verdict> {
    match compare(expected, reported) {
        Comparison::Same => Some(Verdict::Passed),
        Comparison::Deviates => Some(Verdict::Deviated),
        Comparison::Different => None,
    }
}

fn unsupported(what: &str) -> Message {
    format!("{what} are not supported yet")
}

/// A module's bytes. Fails for what is no core module.
fn encode(module: &mut QuoteWat<'_>) -> Result<Encoded, Message> {
    if matches!(module, QuoteWat::Wat(Wat::Component(_)) | QuoteWat::QuoteComponent(..)) {
        return Err(unsupported("components"));
    }
    Ok(match module.encode() {
        Ok(bytes) => Encoded::Bytes(bytes),
        Err(error) => Encoded::RefusedText(error.message()),
    })
}

/// The directives of a script, or where and why the text is no script.
pub(crate) fn parse<'text>(
    buffer: &'text wast::parser::ParseBuffer<'text>,
) -> Result<Vec<WastDirective<'text>>, wast::Error> {
    wast::parser::parse::<Wast<'text>>(buffer).map(|script| script.directives)
}
