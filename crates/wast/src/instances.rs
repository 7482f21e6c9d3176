//! What a script has built so far: its store, its modules by name and its instances.

use crate::{RunnerConfig, calls::Calls, spectest};
use rotifer::{Engine, Extern, Func, Instance, Linker, Module, Store, Val};
use std::collections::HashMap;
use wast::token::Id;

/// What a script has built so far.
pub(crate) struct Instances {
    pub(crate) store: Store<()>,
    pub(crate) calls: Calls,
    linker: Linker<()>,
    modules: HashMap<String, Module>,
    /// The module definition last seen, with or without a name.
    last_module: Option<Module>,
    instances: HashMap<String, Instance>,
    /// The instance that directives without a name mean.
    current: Option<Instance>,
}

impl Instances {
    /// Only `spectest` exists.
    pub(crate) fn new(engine: &Engine, config: &RunnerConfig) -> Result<Self, rotifer::Error> {
        let mut store = Store::new(engine, ());
        let mut linker = Linker::new(engine);
        // A later `register` of the same name replaces an earlier one.
        linker.allow_shadowing(true);
        spectest::define_spectest(&mut linker, &mut store, &config.print)?;
        let calls = Calls::new(&mut store, config)?;
        Ok(Self {
            store,
            calls,
            linker,
            modules: HashMap::new(),
            last_module: None,
            instances: HashMap::new(),
            current: None,
        })
    }

    /// Remembers a module definition.
    pub(crate) fn define(&mut self, name: Option<Id<'_>>, module: Module) {
        if let Some(name) = name {
            self.modules.insert(name.name().to_owned(), module.clone());
        }
        self.last_module = Some(module);
    }

    /// The module definition of this name, or the last one.
    pub(crate) fn module(&self, name: Option<Id<'_>>) -> Result<Module, String> {
        match name {
            Some(name) => self
                .modules
                .get(name.name())
                .cloned()
                .ok_or_else(|| format!("no module is called ${}", name.name())),
            None => self.last_module.clone().ok_or_else(|| "there is no module definition yet".to_owned()),
        }
    }

    /// Instantiates a module with what is registered.
    pub(crate) fn instantiate(&mut self, module: &Module) -> Result<Instance, rotifer::Error> {
        let Self { store, calls, linker, .. } = self;
        calls.instantiate(store, |store| linker.instantiate(store, module))
    }

    /// Calls a function.
    pub(crate) fn call(
        &mut self,
        func: Func,
        args: &[Val],
        results: &mut [Val],
    ) -> Result<(), rotifer::Error> {
        self.calls.call(&mut self.store, func, args, results)
    }

    /// Makes an instance the current one and remembers its name.
    pub(crate) fn enter(&mut self, name: Option<Id<'_>>, instance: Instance) {
        if let Some(name) = name {
            self.instances.insert(name.name().to_owned(), instance);
        }
        self.current = Some(instance);
    }

    /// There is no current instance any more: its module failed, and to run the directives that follow on the
    /// one before it would only confuse.
    pub(crate) fn leave(&mut self) {
        self.current = None;
    }

    fn instance(&self, name: Option<Id<'_>>) -> Result<Instance, String> {
        match name {
            Some(name) => self
                .instances
                .get(name.name())
                .copied()
                .ok_or_else(|| format!("no instance is called ${}", name.name())),
            None => self.current.ok_or_else(|| "there is no instance".to_owned()),
        }
    }

    /// Lets later modules import the exports of an instance.
    pub(crate) fn register(&mut self, as_name: &str, name: Option<Id<'_>>) -> Result<(), String> {
        let instance = self.instance(name)?;
        self.linker.instance(&mut self.store, as_name, instance).map_err(|error| error.to_string())?;
        Ok(())
    }

    /// An export of an instance.
    pub(crate) fn export(&self, instance: Option<Id<'_>>, name: &str) -> Result<Extern, String> {
        self.instance(instance)?
            .get_export(&self.store, name)
            .ok_or_else(|| format!("the instance does not export `{name}`"))
    }

    /// An exported function of an instance.
    pub(crate) fn func(&self, instance: Option<Id<'_>>, name: &str) -> Result<Func, String> {
        self.export(instance, name)?.into_func().ok_or_else(|| format!("the export `{name}` is no function"))
    }
}
