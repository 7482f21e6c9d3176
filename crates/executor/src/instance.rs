//! Linking and instantiation
//! ([spec](https://webassembly.github.io/spec/core/exec/modules.html#instantiation)).
//!
//! In three steps, between which the embedder may have its say: [`Store::link`] compares items with imports,
//! [`Store::instantiate`] makes the instance, [`Store::write_segments`] copies active segments. Running the
//! start function is a call like any other.

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::ptr::NonNull;
use rotifer_bytecode::fold;
use rotifer_core::{FuncIdx, TrapCode};
use rotifer_validator::{
    ConstExpr, ConstOp, ElementItem, ElementSegment, ExportItem, ImportType, SegmentMode,
};
use smallvec::SmallVec;

use crate::{
    code::ModuleCode,
    entity::{Func, Global, Instance, Table},
    memory::Memory,
    store::{Handle, NewEntityError, Store, StoreId, WrongStore},
};

/// What can be imported and exported.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Item {
    /// A function.
    Func(Handle<Func>),
    /// A table.
    Table(Handle<Table>),
    /// A memory.
    Memory(Handle<Memory>),
    /// A global.
    Global(Handle<Global>),
}

/// Why items cannot be imported.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ImportMismatch {
    /// There are more or fewer than imports.
    Count,
    /// The type of the item with this number is not what the import asks for.
    Type(usize),
    /// An item belongs to another store.
    Store,
}

impl From<WrongStore> for ImportMismatch {
    fn from(_: WrongStore) -> Self {
        Self::Store
    }
}

/// A module with items for its imports, ready to be instantiated.
#[derive(Debug)]
pub struct Linked {
    code: Arc<ModuleCode>,
    store: StoreId,
    funcs: Vec<NonNull<Func>>,
    tables: Vec<NonNull<Table>>,
    memories: Vec<NonNull<Memory>>,
    globals: Vec<*const Global>,
}

impl Store {
    /// Compares items with the imports of a module.
    ///
    /// # Errors
    /// There is not one item of this store and of the right type for each import.
    ///
    /// # Safety
    /// I-TYPE: the module's types, and those of all functions in this store, were numbered by the same engine.
    pub unsafe fn link(&self, code: &Arc<ModuleCode>, items: &[Item]) -> Result<Linked, ImportMismatch> {
        let module = &code.module;
        if items.len() != module.imports.len() {
            return Err(ImportMismatch::Count);
        }
        let mut linked = Linked {
            code: code.clone(),
            store: self.id(),
            funcs: Vec::with_capacity(module.imported_functions as usize),
            tables: Vec::with_capacity(module.tables.len()),
            memories: Vec::with_capacity(module.memories.len()),
            globals: Vec::with_capacity(module.globals.len()),
        };
        for (number, (&item, import)) in items.iter().zip(&module.imports).enumerate() {
            let matches = match (item, import.ty) {
                (Item::Func(func), ImportType::Func(ty)) => {
                    linked.funcs.push(self.check(func)?);
                    self.entity(func)?.type_id == code.type_ids[ty.index()]
                }
                (Item::Table(table), ImportType::Table(ty)) => {
                    linked.tables.push(self.check(table)?);
                    self.entity(table)?.current_type().matches(&ty)
                }
                (Item::Memory(memory), ImportType::Memory(ty)) => {
                    linked.memories.push(self.check(memory)?);
                    self.entity(memory)?.current_type().matches(&ty)
                }
                (Item::Global(global), ImportType::Global(ty)) => {
                    linked.globals.push(self.check(global)?.as_ptr());
                    self.entity(global)?.ty == ty
                }
                (item, _) => {
                    // Of another store's item nobody can tell the type.
                    self.check_item(item)?;
                    false
                }
            };
            if !matches {
                return Err(ImportMismatch::Type(number));
            }
        }
        Ok(linked)
    }

    /// Whether an item of any kind belongs to this store.
    fn check_item(&self, item: Item) -> Result<(), WrongStore> {
        match item {
            Item::Func(func) => self.check(func).map(drop),
            Item::Table(table) => self.check(table).map(drop),
            Item::Memory(memory) => self.check(memory).map(drop),
            Item::Global(global) => self.check(global).map(drop),
        }
    }

    /// Makes an instance, its active segments not yet written.
    ///
    /// # Errors
    /// The host has not enough memory. Nothing happened then.
    ///
    /// # Panics
    /// `linked` was made by another store.
    pub fn instantiate(&mut self, linked: Linked) -> Result<Handle<Instance>, NewEntityError> {
        let Linked { code, store, funcs: imported_funcs, mut tables, mut memories, mut globals } = linked;
        assert_eq!(store, self.id(), "linked and instantiated in the same store");
        let module = &code.module;

        // First what can fail.
        let new_memories = module.memories[memories.len()..].iter().map(|&ty| Memory::new(ty, self.tally()));
        let new_memories: Vec<Memory> = new_memories.collect::<Result<_, _>>()?;
        let new_tables = module.tables[tables.len()..].iter().map(|&ty| Table::new(ty, 0, self.tally()));
        let new_tables: Vec<Table> = new_tables.collect::<Result<_, _>>()?;

        if !new_memories.is_empty() {
            extend(&mut memories, self.add_memories(new_memories));
        }
        let first_new_table = tables.len();
        if !new_tables.is_empty() {
            extend(&mut tables, self.add_tables(new_tables));
        }
        let first_new_global = globals.len();
        if globals.len() < module.globals.len() {
            let new = module.globals[globals.len()..].iter().map(|&ty| Global { value: [0; 2].into(), ty });
            let block = self.add_globals(new.collect());
            let mut pointers = Vec::new();
            extend(&mut pointers, block);
            globals.extend(pointers.iter().map(|global| global.as_ptr().cast_const()));
        }

        // The functions know their instance, so its place must be known first.
        let place = NonNull::from(Box::leak(Box::<Instance>::new_uninit())).cast::<Instance>();
        let funcs = defined_funcs(&code, place.as_ptr());
        let memory0 = memories.first().map_or(Memory::none(), |memory| memory.as_ptr().cast_const());
        let held = held(&code);
        let instance = Instance {
            memory0,
            globals: globals.into(),
            memories: memories.into(),
            tables: tables.into(),
            imported_funcs: imported_funcs.into(),
            funcs,
            elements: Vec::new(),
            dropped_data: alloc::vec![false; module.data.len()],
            module: code.clone(),
            held,
        };
        // SAFETY: I-ENTITY: the place was just allocated for it.
        unsafe { place.write(instance) };
        self.add_instance(place, held);
        // SAFETY: I-ENTITY: the place is initialised, and only the functions' entities know it, which nobody uses yet.
        let instance = unsafe { &mut *place.as_ptr() };

        for (global, init) in instance.globals[first_new_global..].iter().zip(&module.global_inits) {
            let value = evaluate(instance, init);
            // SAFETY: I-ENTITY: the global was just made.
            unsafe { (**global).value.set([value, 0]) };
        }
        for (&table, init) in instance.tables[first_new_table..].iter().zip(&module.table_inits) {
            if let Some(init) = init {
                let value = evaluate(instance, init);
                // SAFETY: I-ENTITY, I-STORE: the store is borrowed exclusively.
                unsafe { (*table.as_ptr()).elements.fill(value) };
            }
        }
        let elements = module.elements.iter().map(|segment| match segment.mode {
            SegmentMode::Passive => references(instance, segment),
            SegmentMode::Active { .. } | SegmentMode::Declared => Box::default(),
        });
        instance.elements = elements.collect();
        // SAFETY: I-ENTITY: it is an instance of this store.
        Ok(unsafe { store.handle(place) })
    }

    /// Copies the active segments of an instance: those of elements, then those of data, each in order. What was
    /// written before an error stays.
    ///
    /// # Errors
    /// The instance belongs to another store, or else a segment does not fit.
    pub fn write_segments(&mut self, instance: Handle<Instance>) -> Result<Result<(), TrapCode>, WrongStore> {
        let pointer = self.check(instance)?.as_ptr();
        // SAFETY: I-ENTITY, I-STORE: the store is borrowed exclusively. The entities that segments are written
        // to are not part of the instance.
        Ok(unsafe { write_elements(&mut *pointer).and_then(|()| write_data(&mut *pointer)) })
    }

    /// What an instance exports as `item`.
    ///
    /// # Errors
    /// The instance belongs to another store.
    ///
    /// # Panics
    /// `item` is none of the instance's module.
    pub fn exported(&self, instance: Handle<Instance>, item: ExportItem) -> Result<Item, WrongStore> {
        let instance = self.entity(instance)?;
        let id = self.id();
        // SAFETY: I-ENTITY: an instance refers to entities of its store only.
        Ok(unsafe {
            match item {
                ExportItem::Func(func) => {
                    Item::Func(id.handle(instance.func(func).expect("exports exist in their module")))
                }
                ExportItem::Table(table) => Item::Table(id.handle(instance.tables[table.index()])),
                ExportItem::Memory(memory) => Item::Memory(id.handle(instance.memories[memory.index()])),
                ExportItem::Global(global) => {
                    let global = NonNull::new(instance.globals[global.index()].cast_mut());
                    Item::Global(id.handle(global.expect("globals have addresses")))
                }
            }
        })
    }
}

/// Adds pointers to the entities of a block.
fn extend<E>(pointers: &mut Vec<NonNull<E>>, block: NonNull<[E]>) {
    let first = block.cast::<E>();
    // SAFETY: I-ENTITY: the pointers stay within the block.
    pointers.extend((0..block.len()).map(|i| unsafe { first.add(i) }));
}

/// Bytes that an instance is made of, memories, tables and globals apart.
fn held(code: &ModuleCode) -> usize {
    let module = &code.module;
    let indices = module.globals.len() + module.memories.len() + module.tables.len();
    let imported = module.imported_functions as usize;
    let passive = module.elements.iter().filter(|segment| segment.mode == SegmentMode::Passive);
    size_of::<Instance>()
        + (indices + imported) * size_of::<usize>()
        + (module.functions.len() - imported) * size_of::<Func>()
        + module.elements.len() * size_of::<Box<[u64]>>()
        + passive.map(|segment| segment.items.len() as usize * size_of::<u64>()).sum::<usize>()
        + module.data.len() * size_of::<bool>()
}

fn defined_funcs(code: &ModuleCode, instance: *const Instance) -> Box<[Func]> {
    let module = &code.module;
    let first = module.imported_functions;
    let func = |(entry, (&ty, index)): (_, (&rotifer_core::TypeIdx, u32))| Func {
        type_id: code.type_ids[ty.index()],
        host: Func::WASM,
        index: FuncIdx(index),
        entry,
        instance,
    };
    let types = module.functions[first as usize..].iter().zip(first..);
    code.entries().iter().map(|entry| &raw const *entry).zip(types).map(func).collect()
}

/// The value of a constant expression. References are as tables and slots hold them.
fn evaluate(instance: &Instance, expr: &ConstExpr) -> u64 {
    let mut stack: SmallVec<[u64; 4]> = SmallVec::new();
    for &op in expr.ops() {
        let value = match op {
            ConstOp::Const(bits) => bits,
            // SAFETY: I-ENTITY: validation lets an expression name globals that come before it only, which
            // exist and have their values.
            ConstOp::GlobalGet(global) => unsafe { (*instance.globals[global.index()]).value.get()[0] },
            ConstOp::RefNull => 0,
            ConstOp::RefFunc(func) => reference(instance, func),
            ConstOp::Binary(operator) => {
                let (b, a) = (stack.pop().unwrap_or_default(), stack.pop().unwrap_or_default());
                fold(operator, a, b).expect("addition, subtraction and multiplication do not trap")
            }
        };
        stack.push(value);
    }
    stack.pop().expect("validation saw one result")
}

fn reference(instance: &Instance, func: FuncIdx) -> u64 {
    let func = instance.func(func).expect("validation saw the function");
    Func::to_reference(func.as_ptr())
}

/// The references of a segment.
fn references(instance: &Instance, segment: &ElementSegment) -> Box<[u64]> {
    let items = segment.items.items(instance.module.bytes());
    let mut references = Vec::with_capacity(segment.items.len() as usize);
    references.extend(items.map(|item| match item {
        ElementItem::Function(func) => reference(instance, func),
        ElementItem::Expression(expr) => evaluate(instance, expr),
    }));
    references.into()
}

/// The value of a segment's offset: unsigned, and the high half of a slot with 32 bits means nothing.
fn offset(instance: &Instance, expr: &ConstExpr, is_64: bool) -> u64 {
    let value = evaluate(instance, expr);
    if is_64 { value } else { u64::from(value as u32) }
}

/// # Safety
/// I-ENTITY for the instance's tables, to which nobody else has references.
unsafe fn write_elements(instance: &mut Instance) -> Result<(), TrapCode> {
    let code = instance.module.clone();
    for (number, segment) in code.module.elements.iter().enumerate() {
        let SegmentMode::Active { target, offset: expr } = &segment.mode else {
            continue;
        };
        let mut table = instance.tables[target.index()];
        // SAFETY: promised by the caller.
        let table = unsafe { table.as_mut() };
        let references = references(instance, segment);
        let index = offset(instance, expr, table.ty.table64);
        if let Err(code) = table.init(index, &references, 0, references.len() as u64) {
            // A function of the failed instance may have got to an imported table before, and this segment and
            // those behind it have not been dropped.
            keep_elements(instance, number);
            return Err(code);
        }
    }
    Ok(())
}

#[cold]
fn keep_elements(instance: &mut Instance, first: usize) {
    let code = instance.module.clone();
    for (number, segment) in code.module.elements.iter().enumerate().skip(first) {
        if matches!(segment.mode, SegmentMode::Active { .. }) {
            instance.elements[number] = references(instance, segment);
        }
    }
}

/// # Safety
/// I-ENTITY for the instance's memories, to which nobody else has references.
unsafe fn write_data(instance: &mut Instance) -> Result<(), TrapCode> {
    let code = instance.module.clone();
    for (number, segment) in code.module.data.iter().enumerate() {
        let SegmentMode::Active { target, offset: expr } = &segment.mode else {
            continue;
        };
        // SAFETY: promised by the caller.
        let memory = unsafe { instance.memories[target.index()].as_ref() };
        let data = segment.span.of(code.bytes());
        let address = offset(instance, expr, memory.is_64());
        memory.init(address, data, 0, data.len() as u64)?;
        instance.dropped_data[number] = true;
    }
    Ok(())
}
