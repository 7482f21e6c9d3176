//! An engine inside another: the inner one compiled to WebAssembly (`guest/`), the outer one any of the others.

use super::wire;
use crate::{
    engine::{Engine, Export, Instance, Loaded, Loader, Value},
    module::Module,
};
use anyhow::{Context, Result, bail, ensure};
use std::{cell::OnceCell, rc::Rc};

/// An engine that runs in another one.
pub struct Inside {
    name: String,
    outer: Box<dyn Engine>,
    guest: &'static Module,
    /// The guest in the outer engine, which may take seconds to compile it.
    loaded: OnceCell<Rc<dyn Loaded>>,
}

impl Inside {
    /// The engine that is compiled to `guest`, in `outer`.
    pub fn new(name: String, guest: &'static Module, outer: Box<dyn Engine>) -> Self {
        Self { name, outer, guest, loaded: OnceCell::new() }
    }
}

impl Engine for Inside {
    fn name(&self) -> &str {
        &self.name
    }

    fn loader(&self) -> Result<Box<dyn Loader>> {
        let loaded = match self.loaded.get() {
            Some(loaded) => loaded.clone(),
            None => {
                let loaded: Rc<dyn Loaded> = Rc::from(self.outer.loader()?.load(self.guest)?);
                self.loaded.get_or_init(|| loaded).clone()
            }
        };
        Ok(Box::new(InsideLoader(loaded)))
    }
}

/// The guest, loaded in the outer engine.
struct InsideLoader(Rc<dyn Loaded>);

impl Loader for InsideLoader {
    fn load<'a>(&self, module: &'a Module) -> Result<Box<dyn Loaded + 'a>> {
        Ok(Box::new(InsideLoaded { guest: self.0.clone(), module }))
    }
}

/// A module that will be loaded by the guest.
struct InsideLoaded<'a> {
    guest: Rc<dyn Loaded>,
    module: &'a Module,
}

impl Loaded for InsideLoaded<'_> {
    /// A guest of its own for each instance: the guest holds one module and one instance.
    fn instantiate(&self) -> Result<Box<dyn Instance>> {
        let mut guest = self.guest.instantiate()?;
        let mut export = |name| guest.export(name);
        let exports = Exports {
            buffer: export("buffer")?,
            load: export("load")?,
            export: export("export")?,
            call: export("call")?,
            lend: export("lend")?,
        };
        let mut running = Running { guest, exports };
        running.write(&self.module.bytes)?;
        running.ask(running.exports.load, &[self.module.bytes.len() as i32])?;
        Ok(Box::new(running))
    }
}

/// The guest's exports.
struct Exports {
    buffer: Export,
    load: Export,
    export: Export,
    call: Export,
    lend: Export,
}

/// A loaded module in the inner engine.
struct Running {
    guest: Box<dyn Instance>,
    exports: Exports,
}

impl Running {
    /// Calls the guest.
    fn ask(&mut self, export: Export, args: &[i32]) -> Result<i32> {
        let answer = self.ask_plainly(export, args)?;
        if answer != -1 {
            return Ok(answer);
        }
        let len = self.read(4)?.as_slice().try_into().map(u32::from_le_bytes)?;
        let text = self.read(4 + len as usize)?.split_off(4);
        bail!("{}", String::from_utf8_lossy(&text))
    }

    fn ask_plainly(&mut self, export: Export, args: &[i32]) -> Result<i32> {
        let args: Vec<Value> = args.iter().copied().map(Value::I32).collect();
        match self.guest.call(export, &args)? {
            Some(Value::I32(answer)) => Ok(answer),
            answer => bail!("the guest answered {answer:?}"),
        }
    }

    /// Lends the first `len` bytes of the exchange buffer.
    fn buffer(&mut self, len: usize, visit: &mut dyn FnMut(&mut [u8])) -> Result<()> {
        let address = self.ask_plainly(self.exports.buffer, &[i32::try_from(len)?])? as u32 as usize;
        self.outer_memory(address, len, visit)
    }

    fn outer_memory(&mut self, address: usize, len: usize, visit: &mut dyn FnMut(&mut [u8])) -> Result<()> {
        let mut visited = false;
        self.guest.with_memory(&mut |memory| {
            if let Some(place) = memory.get_mut(address..).and_then(|rest| rest.get_mut(..len)) {
                visit(place);
                visited = true;
            }
        })?;
        ensure!(visited, "the guest names {len} bytes at {address}, which it does not have");
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.buffer(bytes.len(), &mut |place| place.copy_from_slice(bytes))
    }

    fn read(&mut self, len: usize) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.buffer(len, &mut |place| bytes.extend_from_slice(place))?;
        Ok(bytes)
    }
}

impl Instance for Running {
    fn export(&mut self, name: &str) -> Result<Export> {
        self.write(name.as_bytes())?;
        Ok(Export(self.ask(self.exports.export, &[name.len() as i32])? as usize))
    }

    fn call(&mut self, export: Export, args: &[Value]) -> Result<Option<Value>> {
        self.write(&wire::write(args))?;
        let count = self.ask(self.exports.call, &[export.0 as i32, args.len() as i32])? as usize;
        let results = wire::read(&self.read(count * wire::VALUE_LEN)?, count)?;
        Ok(results.first().copied())
    }

    fn with_memory(&mut self, visit: &mut dyn FnMut(&mut [u8])) -> Result<()> {
        self.ask(self.exports.lend, &[])?;
        let place = self.read(8)?;
        let word = |at| -> Result<usize> {
            let bytes = place.get(at..at + 4).context("the guest's answer is short")?;
            Ok(bytes.try_into().map(u32::from_le_bytes)? as usize)
        };
        self.outer_memory(word(0)?, word(4)?, visit)
    }
}
