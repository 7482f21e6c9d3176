//! How much memory an engine, its modules and its stores hold.
//!
//! Numbers are of bytes that were asked of the allocator, whether the operating system has provided them yet or not
//! (a fresh linear memory takes address space before it takes memory). Not counted are what the allocator adds to
//! each block, closures and data of the embedder, a module's indices of exports and of names, which are made when
//! they are first asked for, constant expressions of several operators, and the engine itself.

use rotifer_executor::Held;

use crate::{AsContext, Engine, Module, Store};

/// How much memory a module holds: see [`Module::memory_usage`]. In bytes but for `functions`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct ModuleMemory {
    /// How many functions are translated.
    pub functions: usize,
    /// Of `code` and `tables`, what was [evicted](Module::evict_code) while a call may have been using it, and is not
    /// freed yet. Not counted for a whole engine: 0.
    pub evicted: usize,
    /// Their code.
    pub code: usize,
    /// What is kept beside code for traps, backtraces and refunds of fuel.
    pub tables: usize,
    /// The decoded sections, and what is kept of each function apart from its code: a few bytes before it is
    /// translated, some two hundred afterwards.
    pub metadata: usize,
    /// The binary, which is kept because bodies, segments and names are read from it. Counted also if it is shared
    /// with others or static.
    pub bytes: usize,
}

impl ModuleMemory {
    /// All bytes.
    pub fn total(&self) -> usize {
        self.code + self.tables + self.metadata + self.bytes
    }
}

/// How much memory a store holds: see [`Store::memory_usage`]. In bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct StoreMemory {
    /// Blocks of linear memories. They may be larger than the memories: a memory that grows gets room to grow on.
    pub memories: usize,
    /// Elements of tables.
    pub tables: usize,
    /// The value stack, and the few that are kept for calls that can be suspended. The stack of a call that is
    /// suspended belongs to that call and is counted by the engine only.
    pub stack: usize,
    /// Instances: their functions, indices and element segments. Segments that were dropped count on.
    pub instances: usize,
    /// What memories, tables, globals and host functions take themselves.
    pub entities: usize,
}

impl StoreMemory {
    /// All bytes.
    pub fn total(&self) -> usize {
        self.memories + self.tables + self.stack + self.instances + self.entities
    }
}

/// How much memory all modules and stores of an engine hold: see [`Engine::memory_usage`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct EngineMemory {
    /// How many modules there are. One that was dropped lives as long as an instance of it.
    pub modules: usize,
    /// What they hold together.
    pub module_memory: ModuleMemory,
    /// How many stores there are.
    pub stores: usize,
    /// What they hold together, and the stacks of suspended calls. `entities` is not counted: 0.
    pub store_memory: StoreMemory,
    /// What modules keep of instances whose stores were dropped: see
    /// [`Config::warm_instances`](crate::Config::warm_instances).
    pub warm_instances: usize,
}

impl EngineMemory {
    /// All bytes.
    pub fn total(&self) -> usize {
        self.module_memory.total() + self.store_memory.total() + self.warm_instances
    }
}

impl Module {
    /// How much memory the module holds: code that is translated so far, and what is there without any.
    pub fn memory_usage(&self) -> ModuleMemory {
        let usage = self.code().usage();
        ModuleMemory {
            functions: usage.functions,
            evicted: usage.evicted,
            code: usage.code,
            tables: usage.tables,
            metadata: usage.metadata,
            bytes: usage.bytes,
        }
    }
}

impl<T> Store<T> {
    /// How much memory the store holds. Modules are not part of it.
    pub fn memory_usage(&self) -> StoreMemory {
        let usage = self.as_context().inner.executor().usage();
        StoreMemory {
            memories: usage.memories,
            tables: usage.tables,
            stack: usage.stacks,
            instances: usage.instances,
            entities: usage.entities,
        }
    }
}

impl Engine {
    /// How much memory all modules and stores of the engine hold, of whatever thread. All of it is 0 again when they
    /// are dropped.
    ///
    /// The numbers are counters that change when something is allocated or freed: asking for them looks at no module
    /// and no store, and they cost nothing while code runs. While other threads allocate, they are those of slightly
    /// different times.
    pub fn memory_usage(&self) -> EngineMemory {
        let usage = self.stubs().usage();
        let held = |what| usage.get(what);
        EngineMemory {
            modules: held(Held::Modules),
            module_memory: ModuleMemory {
                functions: held(Held::Functions),
                evicted: 0,
                code: held(Held::Code),
                tables: held(Held::CodeTables),
                metadata: held(Held::Metadata),
                bytes: held(Held::Binaries),
            },
            stores: held(Held::Stores),
            store_memory: StoreMemory {
                memories: held(Held::Memories),
                tables: held(Held::Tables),
                stack: held(Held::Stacks),
                instances: held(Held::Instances),
                entities: 0,
            },
            warm_instances: held(Held::Warm),
        }
    }
}
