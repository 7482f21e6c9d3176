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
    ConstExpr, ConstOp, ElementItem, ElementSegment, ExportItem, ImportType, Module, SegmentMode,
};
use smallvec::SmallVec;

use crate::{
    code::ModuleCode,
    entity::{Func, Global, Instance, ModuleRef, Owned, Segment, Table},
    func_block::FuncBlock,
    memory::Memory,
    store::{Handle, NewEntityError, Store, StoreId, WrongStore},
    usage::Tally,
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

/// Pointers to imported items of one kind, nearly always few.
type Imported<P> = SmallVec<[P; 4]>;

/// A module with items for its imports, ready to be instantiated.
#[derive(Debug)]
pub struct Linked {
    code: Arc<ModuleCode>,
    store: StoreId,
    funcs: SmallVec<[NonNull<Func>; 16]>,
    tables: Imported<NonNull<Table>>,
    memories: Imported<NonNull<Memory>>,
    globals: Imported<*const Global>,
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
            funcs: SmallVec::with_capacity(module.imported_functions as usize),
            tables: SmallVec::new(),
            memories: SmallVec::new(),
            globals: SmallVec::new(),
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

    /// Makes an instance, its active segments not yet written. If the module has one that another store has done with
    /// (see `warm.rs`), that becomes the instance.
    ///
    /// # Errors
    /// The host has not enough memory. Nothing happened then.
    ///
    /// # Panics
    /// `linked` was made by another store.
    pub fn instantiate(&mut self, linked: Linked) -> Result<Handle<Instance>, NewEntityError> {
        assert_eq!(linked.store, self.id(), "linked and instantiated in the same store");
        let place = match linked.code.warm().take() {
            Some(place) => place,
            None => build(&linked.code, &self.tally())?,
        };
        // SAFETY: I-WARM: the instance belongs to nobody.
        let instance = unsafe { &mut *place.as_ptr() };
        if let Err(error) = instance.lay_images(&linked.code) {
            // SAFETY: I-ENTITY: it came from a box and is freed once.
            drop(unsafe { Box::from_raw(place.as_ptr()) });
            return Err(error);
        }
        let store = linked.store;
        instance.bind(linked);
        self.add_instance(place);
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
        // SAFETY: I-ENTITY, I-STORE: the store is borrowed.
        if unsafe { !(*pointer).module.common().data } {
            // Perhaps to the memory of another instance.
            self.used = true;
        }
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

/// Makes an instance that belongs to nobody (I-WARM).
fn build(code: &ModuleCode, tally: &Tally) -> Result<NonNull<Instance>, NewEntityError> {
    let module = &code.module;
    let memories = module.memories[module.imported_memories as usize..].iter();
    let tracked = code.stubs().tracks_writes();
    let memories = memories.map(|&ty| Memory::new(ty, tally.clone(), tracked)).collect::<Result<_, _>>()?;
    let tables = module.tables[module.imported_tables as usize..].iter();
    let tables = tables.map(|&ty| Table::new(ty, 0, tally.clone())).collect::<Result<_, _>>()?;
    let globals = module.globals[module.imported_globals as usize..].iter();
    let globals = globals.map(|&ty| Global { value: [0; 2].into(), ty }).collect();
    let (own_memories, own_tables, own_globals) =
        (Owned::new(memories), Owned::new(tables), Owned::new(globals));

    // The functions know their instance, so its place must be known first.
    let place = NonNull::from(Box::leak(Box::<Instance>::new_uninit()));
    let funcs = match FuncBlock::new(code.entries().len(), place.cast().as_ptr()) {
        Ok(funcs) => funcs,
        Err(error) => {
            // SAFETY: I-ENTITY: the place came from a box just now.
            drop(unsafe { Box::from_raw(place.as_ptr()) });
            return Err(error);
        }
    };
    let segments = module.elements.iter().map(|segment| match segment.mode {
        SegmentMode::Passive | SegmentMode::Active { .. } => Segment::Waiting,
        SegmentMode::Declared => Segment::Dropped,
    });
    let globals = core::iter::repeat_n(core::ptr::null(), module.imported_globals as usize);
    let instance = Instance {
        memory0: Memory::none(),
        globals: globals.chain(own_globals.places().map(|global| global.as_ptr().cast_const())).collect(),
        memories: behind(module.imported_memories, &own_memories),
        tables: behind(module.imported_tables, &own_tables),
        imported_funcs: core::iter::repeat_n(NonNull::dangling(), module.imported_functions as usize)
            .collect(),
        funcs,
        elements: segments.collect(),
        dropped_data: core::iter::repeat_n(false, module.data.len()).collect(),
        module: ModuleRef::none(),
        own_memories,
        own_tables,
        own_globals,
        has_elements: false,
        has_data: false,
        segments_used: false,
        base: None,
        held: held(code),
    };
    let place = place.cast::<Instance>();
    // SAFETY: I-ENTITY: the place was just allocated for it.
    unsafe { place.write(instance) };
    Ok(place)
}

/// Places of `imported` entities, which are not known yet, and of those that are owned.
fn behind<E>(imported: u32, owned: &Owned<E>) -> Box<[NonNull<E>]> {
    core::iter::repeat_n(NonNull::dangling(), imported as usize).chain(owned.places()).collect()
}

impl Instance {
    /// Gives an instance that belongs to nobody its module and its imports, and its globals their values.
    fn bind(&mut self, linked: Linked) {
        let Linked { code, store: _, funcs, tables, memories, globals } = linked;
        self.imported_funcs.copy_from_slice(&funcs);
        self.tables[..tables.len()].copy_from_slice(&tables);
        self.memories[..memories.len()].copy_from_slice(&memories);
        self.globals[..globals.len()].copy_from_slice(&globals);
        self.memory0 = self.memories.first().map_or(Memory::none(), |memory| memory.as_ptr().cast_const());
        self.module.set(code);
        for memory in self.own_memories.places() {
            // SAFETY: I-WARM: nobody else has the memory.
            unsafe { memory.as_ref() }.count();
        }
        for mut table in self.own_tables.places() {
            // SAFETY: I-WARM: nobody else has the table.
            unsafe { table.as_mut() }.count();
        }
        let module = &self.module.module;
        for (global, init) in self.own_globals.places().zip(&module.global_inits) {
            let value = evaluate(self, init);
            // SAFETY: I-WARM: nobody else has the global.
            unsafe { global.as_ref() }.value.set([value, 0]);
        }
        for (mut table, init) in self.own_tables.places().zip(&module.table_inits) {
            if let Some(init) = init {
                let value = evaluate(self, init);
                // SAFETY: I-WARM: nobody else has the table.
                unsafe { table.as_mut() }.elements.fill(value);
            }
        }
    }

    /// Lays images over the memories of an instance that belongs to nobody, if they are all that is missing there.
    ///
    /// # Errors
    /// The system refuses. The instance must be freed.
    fn lay_images(&mut self, code: &ModuleCode) -> Result<(), NewEntityError> {
        // The first instance of a module is the only one perhaps: not worth an image, unless that is what it goes back
        // to.
        let had_one = code.warm().had_one();
        if !(had_one || code.stubs().keeps_bases()) || self.has_data {
            return Ok(());
        }
        let images = code.images();
        let mut complete = code.common().data;
        for (memory, image) in self.own_memories.places().zip(images) {
            complete &= match image {
                // SAFETY: I-WARM: nobody else has the memory. I-IMAGE: the image is one of the instance's module.
                Some(image) => unsafe { memory.as_ref().lay_image(image) }?,
                None => true,
            };
        }
        if complete && !code.module.data.is_empty() {
            self.has_data = true;
            self.renew_segments(&code.module);
        }
        Ok(())
    }

    /// Has the segments as they are when nobody has used one: active ones are dropped if they are written.
    fn renew_segments(&mut self, module: &Module) {
        for (state, segment) in self.elements.iter_mut().zip(&module.elements) {
            let written = matches!(segment.mode, SegmentMode::Active { .. }) && self.has_elements;
            let dropped = written || segment.mode == SegmentMode::Declared;
            *state = if dropped { Segment::Dropped } else { Segment::Waiting };
        }
        for (dropped, segment) in self.dropped_data.iter_mut().zip(&module.data) {
            *dropped = matches!(segment.mode, SegmentMode::Active { .. }) && self.has_data;
        }
        self.segments_used = false;
    }

    /// Bytes that it holds while it belongs to nobody.
    pub(crate) fn held_renewed(&self) -> usize {
        // SAFETY: I-WARM: nobody else has the memories.
        let memories = self.own_memories.places().map(|memory| unsafe { memory.as_ref() }.held_renewed());
        // SAFETY: I-WARM: nobody else has the tables.
        let tables = self.own_tables.places().map(|table| unsafe { table.as_ref() }.held());
        self.held + memories.sum::<usize>() + tables.sum::<usize>()
    }

    /// Makes an instance as good as new that its store has done with, so that I-WARM holds; whether that was possible.
    /// `used` is whether anything may have been written to its memories.
    fn renew(&mut self, code: &ModuleCode, used: bool) -> bool {
        let common = code.common();
        // SAFETY: I-WARM: nobody else has the memories any more.
        if self.own_memories.places().any(|memory| unsafe { memory.as_ref() }.is_exposed()) {
            return false;
        }
        if used || !common.data {
            let images = if common.data { code.images() } else { &[] };
            let keep = code.stubs().warm_bytes();
            self.has_data &= common.data;
            for (number, mut memory) in self.own_memories.places().enumerate() {
                // SAFETY: I-WARM: nobody else has the memory any more.
                let memory = unsafe { memory.as_mut() };
                let image = images.get(number).and_then(Option::as_ref);
                if !memory.is_worth_keeping() {
                    return false;
                }
                // SAFETY: I-IMAGE: the image is one of the instance's module.
                match unsafe { memory.renew(image, keep) } {
                    Ok(has_image) => self.has_data &= has_image,
                    Err(_) => return false,
                }
            }
        }
        let mut clean = common.elements && self.has_elements;
        for table in self.own_tables.places() {
            // SAFETY: I-WARM: nobody else has the table any more.
            clean &= !unsafe { table.as_ref() }.dirty;
        }
        if !clean {
            for mut table in self.own_tables.places() {
                // SAFETY: I-WARM: as above.
                let table = unsafe { table.as_mut() };
                if !table.is_worth_keeping() {
                    return false;
                }
                table.renew();
            }
            self.has_elements = false;
        }
        if self.segments_used || !self.has_elements || !self.has_data {
            self.renew_segments(&code.module);
        }
        for mut memory in self.own_memories.places() {
            // SAFETY: I-WARM: as above.
            unsafe { memory.as_mut() }.retire();
        }
        for mut table in self.own_tables.places() {
            // SAFETY: I-WARM: as above.
            unsafe { table.as_mut() }.retire();
        }
        self.base = None;
        true
    }
}

/// Takes an instance from its store, for another one. `used` is whether anything may have been written to its memories.
///
/// # Safety
/// I-ENTITY ends: the instance is one of a store that is being dropped, and nobody refers to it.
pub(crate) unsafe fn retire(place: NonNull<Instance>, used: bool) {
    // SAFETY: promised by the caller: nobody else has the instance.
    let instance = unsafe { &mut *place.as_ptr() };
    // SAFETY: I-WARM: the store had the instance until now.
    let code = unsafe { instance.module.take() };
    if code.warm().has_room() && instance.renew(&code, used) {
        // SAFETY: I-WARM: it was just made as good as new.
        unsafe { code.warm().keep(place, code.stubs().usage()) };
    } else {
        // SAFETY: I-ENTITY: the instance came from a box and is freed once.
        drop(unsafe { Box::from_raw(place.as_ptr()) });
    }
}

/// Bytes that an instance is made of, memories, tables and globals apart.
fn held(code: &ModuleCode) -> usize {
    let module = &code.module;
    let indices = module.globals.len() + module.memories.len() + module.tables.len();
    let imported = module.imported_functions as usize;
    size_of::<Instance>()
        + (indices + imported) * size_of::<usize>()
        + code.entries().len() * size_of::<Func>()
        + module.elements.len() * size_of::<Segment>()
        + module.data.len() * size_of::<bool>()
}

/// The value of a constant expression. References are as tables and slots hold them.
fn evaluate(instance: &Instance, expr: &ConstExpr) -> u64 {
    let value = compute(expr, |op| match op {
        // SAFETY: I-ENTITY: validation lets an expression name globals that come before it only, which
        // exist and have their values.
        ConstOp::GlobalGet(global) => Some(unsafe { (*instance.globals[global.index()]).value.get()[0] }),
        ConstOp::RefNull => Some(0),
        ConstOp::RefFunc(func) => Some(reference(instance, func)),
        ConstOp::Const(_) | ConstOp::Binary(_) => None,
    });
    value.expect("validation saw one result, and none of these operators traps")
}

/// The value of a constant expression, given those of its operators that name something, if they have one.
pub(crate) fn compute(expr: &ConstExpr, named: impl Fn(ConstOp) -> Option<u64>) -> Option<u64> {
    let mut stack: SmallVec<[u64; 4]> = SmallVec::new();
    for &op in expr.ops() {
        let value = match op {
            ConstOp::Const(bits) => bits,
            ConstOp::Binary(operator) => {
                let (b, a) = (stack.pop()?, stack.pop()?);
                fold(operator, a, b)?
            }
            ConstOp::GlobalGet(_) | ConstOp::RefNull | ConstOp::RefFunc(_) => named(op)?,
        };
        stack.push(value);
    }
    stack.pop()
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

/// The elements of a segment: none if it was dropped.
pub(crate) fn segment_elements(instance: &mut Instance, segment: usize) -> &[u64] {
    if matches!(instance.elements[segment], Segment::Waiting) {
        let references = references(instance, &instance.module.module.elements[segment]);
        instance.elements[segment] = Segment::Ready(references);
        instance.segments_used = true;
    }
    match &instance.elements[segment] {
        Segment::Ready(references) => references,
        Segment::Waiting | Segment::Dropped => &[],
    }
}

/// The value of a segment's offset: unsigned, and the high half of a slot with 32 bits means nothing.
fn offset(instance: &Instance, expr: &ConstExpr, is_64: bool) -> u64 {
    let value = evaluate(instance, expr);
    if is_64 { value } else { u64::from(value as u32) }
}

/// A segment that does not fit is kept, as are those behind it: a function of the failed instance may have got to an
/// imported table before.
///
/// # Safety
/// I-ENTITY for the instance's tables, to which nobody else has references.
unsafe fn write_elements(instance: &mut Instance) -> Result<(), TrapCode> {
    if instance.has_elements {
        return Ok(());
    }
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
        table.init(index, &references, 0, references.len() as u64)?;
        instance.elements[number] = Segment::Dropped;
    }
    for mut table in instance.own_tables.places() {
        // SAFETY: promised by the caller.
        unsafe { table.as_mut() }.dirty = false;
    }
    instance.has_elements = true;
    Ok(())
}

/// # Safety
/// I-ENTITY for the instance's memories, to which nobody else has references.
unsafe fn write_data(instance: &mut Instance) -> Result<(), TrapCode> {
    if instance.has_data {
        return Ok(());
    }
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
    // What all instances have in common is clean.
    let stubs = code.stubs();
    if (stubs.tracks_writes() || stubs.keeps_bases()) && code.common().data {
        let images = code.images();
        for (number, memory) in instance.own_memories.places().enumerate() {
            // SAFETY: promised by the caller. I-IMAGE: active segments are all that was written to the memory, and the
            // image is what they leave.
            unsafe { memory.as_ref().note_clean(images.get(number).and_then(Option::as_ref)) };
        }
    }
    instance.has_data = true;
    Ok(())
}
