//! [`Anatomy`]: what a module consists of, read without judging it.
//!
//! Modules that are not valid are read as well, as far as that goes: a section that cannot be read is noted and
//! the next is tried, until the bytes do not even divide into sections. Indices that lead nowhere have no type.

use serde::Serialize;
use std::{collections::HashMap, fmt::Write};
use wasmparser::{
    CompositeInnerType, CustomSectionReader, Data, Element, ElementItems, ExternalKind, FunctionBody,
    GlobalType, KnownCustom, MemoryType, Name, Operator, Parser, Payload, SectionLimited, TableType, TypeRef,
    ValType,
};

/// What a module consists of.
#[derive(Serialize, Default, Debug)]
pub(crate) struct Anatomy {
    /// The module's name in its name section.
    pub(crate) name: Option<String>,
    /// The start function.
    pub(crate) start: Option<Func>,
    pub(crate) counts: Counts,
    pub(crate) sections: Vec<Section>,
    pub(crate) imports: Vec<Import>,
    pub(crate) exports: Vec<Export>,
    pub(crate) memories: Vec<Memory>,
    pub(crate) tables: Vec<Table>,
    /// What could not be read.
    pub(crate) unreadable: Vec<Unreadable>,
}

/// How much of everything there is.
#[derive(Serialize, Default, Debug)]
pub(crate) struct Counts {
    pub(crate) types: u64,
    pub(crate) functions: Count,
    pub(crate) tables: Count,
    pub(crate) memories: Count,
    pub(crate) globals: Count,
    pub(crate) tags: Count,
    pub(crate) imports: u64,
    pub(crate) exports: u64,
    pub(crate) element_segments: u64,
    /// Elements of all element segments.
    pub(crate) segment_elements: u64,
    pub(crate) data_segments: u64,
    /// Bytes of all data segments.
    pub(crate) data_bytes: u64,
    /// Bytes of all function bodies.
    pub(crate) code_bytes: u64,
    /// Instructions of all function bodies. The delimiters `else` and `end` are none.
    pub(crate) instructions: u64,
    pub(crate) custom_sections: u64,
}

/// How many items of an index space a module brings, and how many it asks for.
#[derive(Serialize, Default, Debug, Clone, Copy)]
pub(crate) struct Count {
    pub(crate) imported: u64,
    pub(crate) defined: u64,
}

/// A section, in the order of the module.
#[derive(Serialize, Debug)]
pub(crate) struct Section {
    pub(crate) id: u8,
    /// What the specification calls it.
    pub(crate) name: &'static str,
    /// The name of a custom section.
    pub(crate) custom: Option<String>,
    /// Where its content starts in the module.
    pub(crate) offset: u64,
    /// Bytes of its content.
    pub(crate) size: u64,
    /// Its entries, if it is a list.
    pub(crate) items: Option<u32>,
}

/// A function.
#[derive(Serialize, Debug)]
pub(crate) struct Func {
    pub(crate) index: u32,
    /// Its name in the name section.
    pub(crate) name: Option<String>,
}

#[derive(Serialize, Debug)]
pub(crate) struct Import {
    pub(crate) module: String,
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    #[serde(rename = "type")]
    pub(crate) ty: Option<String>,
}

#[derive(Serialize, Debug)]
pub(crate) struct Export {
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    pub(crate) index: u32,
    #[serde(rename = "type")]
    pub(crate) ty: Option<String>,
}

/// A memory. Limits are in pages.
#[derive(Serialize, Debug)]
pub(crate) struct Memory {
    pub(crate) index: u32,
    pub(crate) imported: bool,
    pub(crate) minimum: u64,
    pub(crate) maximum: Option<u64>,
    pub(crate) page_size: u64,
    pub(crate) is_64: bool,
    pub(crate) shared: bool,
}

/// A table. Limits are in elements.
#[derive(Serialize, Debug)]
pub(crate) struct Table {
    pub(crate) index: u32,
    pub(crate) imported: bool,
    pub(crate) element: String,
    pub(crate) minimum: u64,
    pub(crate) maximum: Option<u64>,
    pub(crate) is_64: bool,
}

#[derive(Serialize, Debug)]
pub(crate) struct Unreadable {
    pub(crate) offset: u64,
    pub(crate) message: String,
}

impl Anatomy {
    /// Reads a module.
    pub(crate) fn read(wasm: &[u8]) -> Self {
        let mut reader = Reader::default();
        for payload in Parser::new(0).parse_all(wasm) {
            match payload {
                Ok(Payload::Version { encoding, range, .. }) if encoding != wasmparser::Encoding::Module => {
                    let message = "this is a component, not a module".to_owned();
                    reader.anatomy.unreadable.push(Unreadable { offset: range.start, message });
                    break;
                }
                Ok(payload) => reader.payload(payload),
                Err(error) => reader.fail(&error),
            }
        }
        reader.finish()
    }
}

/// The index spaces, as far as they are read.
#[derive(Default)]
struct Reader {
    anatomy: Anatomy,
    /// The types as text.
    types: Vec<String>,
    /// The types of functions.
    funcs: Vec<u32>,
    globals: Vec<String>,
    tags: Vec<u32>,
    /// Names of functions in the name section.
    func_names: HashMap<u32, String>,
    start: Option<u32>,
}

impl Reader {
    fn fail(&mut self, error: &wasmparser::Error) {
        let (offset, message) = (error.offset(), error.message().to_owned());
        self.anatomy.unreadable.push(Unreadable { offset, message });
    }

    fn payload(&mut self, payload: Payload<'_>) {
        if let Some((id, range)) = payload.as_section() {
            let custom = match &payload {
                Payload::CustomSection(section) => Some(section.name().to_owned()),
                _ => None,
            };
            let (name, items) = (section_name(id), items(&payload));
            let (offset, size) = (range.start, range.end - range.start);
            self.anatomy.sections.push(Section { id, name, custom, offset, size, items });
        }
        match payload {
            Payload::TypeSection(section) => self.each(section, |reader, group| {
                for ty in group.into_types() {
                    reader.types.push(match &ty.composite_type.inner {
                        CompositeInnerType::Func(ty) => func_type(ty),
                        _ => ty.to_string(),
                    });
                }
            }),
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    match import {
                        Ok(import) => self.import(import),
                        Err(error) => return self.fail(&error),
                    }
                }
            }
            Payload::FunctionSection(section) => self.each(section, |reader, ty| {
                reader.anatomy.counts.functions.defined += 1;
                reader.funcs.push(ty);
            }),
            Payload::TableSection(section) => {
                self.each(section, |reader, table| reader.table(table.ty, false))
            }
            Payload::MemorySection(section) => self.each(section, |reader, ty| reader.memory(ty, false)),
            Payload::TagSection(section) => self.each(section, |reader, tag| {
                reader.anatomy.counts.tags.defined += 1;
                reader.tags.push(tag.func_type_idx);
            }),
            Payload::GlobalSection(section) => self.each(section, |reader, global| {
                reader.anatomy.counts.globals.defined += 1;
                reader.globals.push(global_type(global.ty));
            }),
            Payload::ExportSection(section) => self.each(section, Self::export),
            Payload::StartSection { func, .. } => self.start = Some(func),
            Payload::ElementSection(section) => self.each(section, Self::element),
            Payload::DataSection(section) => self.each(section, Self::data),
            Payload::CodeSectionEntry(body) => self.body(&body),
            Payload::CustomSection(section) => self.custom(&section),
            _ => {}
        }
    }

    /// Does something with each item of a section, up to one that cannot be read.
    fn each<'a, T: wasmparser::FromReader<'a>>(
        &mut self,
        section: SectionLimited<'a, T>,
        mut take: impl FnMut(&mut Self, T),
    ) {
        for item in section {
            match item {
                Ok(item) => take(self, item),
                Err(error) => return self.fail(&error),
            }
        }
    }

    fn import(&mut self, import: wasmparser::Import<'_>) {
        let (kind, ty) = match import.ty {
            TypeRef::Func(ty) | TypeRef::FuncExact(ty) => {
                self.anatomy.counts.functions.imported += 1;
                self.funcs.push(ty);
                ("function", self.types.get(ty as usize).cloned())
            }
            TypeRef::Table(ty) => {
                self.table(ty, true);
                ("table", self.anatomy.tables.last().map(Table::ty))
            }
            TypeRef::Memory(ty) => {
                self.memory(ty, true);
                ("memory", self.anatomy.memories.last().map(Memory::ty))
            }
            TypeRef::Global(ty) => {
                self.anatomy.counts.globals.imported += 1;
                self.globals.push(global_type(ty));
                ("global", Some(global_type(ty)))
            }
            TypeRef::Tag(ty) => {
                self.anatomy.counts.tags.imported += 1;
                self.tags.push(ty.func_type_idx);
                ("tag", self.types.get(ty.func_type_idx as usize).cloned())
            }
        };
        let (module, name) = (import.module.to_owned(), import.name.to_owned());
        self.anatomy.imports.push(Import { module, name, kind, ty });
    }

    fn table(&mut self, ty: TableType, imported: bool) {
        self.anatomy.counts.tables.add(imported);
        self.anatomy.tables.push(Table {
            index: self.anatomy.tables.len() as u32,
            imported,
            element: ty.element_type.to_string(),
            minimum: ty.initial,
            maximum: ty.maximum,
            is_64: ty.table64,
        });
    }

    fn memory(&mut self, ty: MemoryType, imported: bool) {
        self.anatomy.counts.memories.add(imported);
        self.anatomy.memories.push(Memory {
            index: self.anatomy.memories.len() as u32,
            imported,
            minimum: ty.initial,
            maximum: ty.maximum,
            page_size: 1_u64.checked_shl(ty.page_size_log2.unwrap_or(16)).unwrap_or(0),
            is_64: ty.memory64,
            shared: ty.shared,
        });
    }

    fn export(&mut self, export: wasmparser::Export<'_>) {
        let place = export.index as usize;
        let typed = |types: &[String], ty: Option<&u32>| types.get(*ty? as usize).cloned();
        let (kind, ty) = match export.kind {
            ExternalKind::Func | ExternalKind::FuncExact => {
                ("function", typed(&self.types, self.funcs.get(place)))
            }
            ExternalKind::Table => ("table", self.anatomy.tables.get(place).map(Table::ty)),
            ExternalKind::Memory => ("memory", self.anatomy.memories.get(place).map(Memory::ty)),
            ExternalKind::Global => ("global", self.globals.get(place).cloned()),
            ExternalKind::Tag => ("tag", typed(&self.types, self.tags.get(place))),
        };
        self.anatomy.exports.push(Export { name: export.name.to_owned(), kind, index: export.index, ty });
    }

    fn element(&mut self, element: Element<'_>) {
        self.anatomy.counts.element_segments += 1;
        self.anatomy.counts.segment_elements += u64::from(match element.items {
            ElementItems::Functions(items) => items.count(),
            ElementItems::Expressions(_, items) => items.count(),
        });
    }

    fn data(&mut self, data: Data<'_>) {
        self.anatomy.counts.data_segments += 1;
        self.anatomy.counts.data_bytes += data.data.len() as u64;
    }

    fn body(&mut self, body: &FunctionBody<'_>) {
        self.anatomy.counts.code_bytes += body.as_bytes().len() as u64;
        let operators = match body.get_operators_reader() {
            Ok(operators) => operators,
            Err(error) => return self.fail(&error),
        };
        for operator in operators {
            match operator {
                Ok(Operator::End | Operator::Else) => {}
                Ok(_) => self.anatomy.counts.instructions += 1,
                Err(error) => return self.fail(&error),
            }
        }
    }

    fn custom(&mut self, section: &CustomSectionReader<'_>) {
        self.anatomy.counts.custom_sections += 1;
        let KnownCustom::Name(names) = section.as_known() else {
            return;
        };
        // A name section that is broken has no names; the specification tells everyone to ignore that.
        for subsection in names.into_iter().map_while(Result::ok) {
            match subsection {
                Name::Module { name, .. } => self.anatomy.name = Some(name.to_owned()),
                Name::Function(names) => {
                    let names = names.into_iter().map_while(Result::ok);
                    self.func_names.extend(names.map(|naming| (naming.index, naming.name.to_owned())));
                }
                _ => {}
            }
        }
    }

    fn finish(mut self) -> Anatomy {
        let counts = &mut self.anatomy.counts;
        counts.types = self.types.len() as u64;
        counts.imports = self.anatomy.imports.len() as u64;
        counts.exports = self.anatomy.exports.len() as u64;
        self.anatomy.start =
            self.start.map(|index| Func { index, name: self.func_names.get(&index).cloned() });
        self.anatomy
    }
}

impl Count {
    fn add(&mut self, imported: bool) {
        *(if imported { &mut self.imported } else { &mut self.defined }) += 1;
    }
}

impl Memory {
    /// As the text format writes it.
    pub(crate) fn ty(&self) -> String {
        let mut text = limits(self.is_64, self.minimum, self.maximum);
        if self.shared {
            text.push_str(" shared");
        }
        if self.page_size != 1 << 16 {
            // Writing to a string does not fail.
            let _ = write!(text, " (pagesize {})", self.page_size);
        }
        text
    }
}

impl Table {
    /// As the text format writes it.
    pub(crate) fn ty(&self) -> String {
        format!("{} {}", limits(self.is_64, self.minimum, self.maximum), self.element)
    }
}

fn limits(is_64: bool, minimum: u64, maximum: Option<u64>) -> String {
    let mut text = if is_64 { format!("i64 {minimum}") } else { minimum.to_string() };
    if let Some(maximum) = maximum {
        let _ = write!(text, " {maximum}");
    }
    text
}

fn func_type(ty: &wasmparser::FuncType) -> String {
    let list = |types: &[ValType]| types.iter().map(ValType::to_string).collect::<Vec<_>>().join(" ");
    format!("[{}] -> [{}]", list(ty.params()), list(ty.results()))
}

fn global_type(ty: GlobalType) -> String {
    if ty.mutable { format!("(mut {})", ty.content_type) } else { ty.content_type.to_string() }
}

/// The specification's names.
fn section_name(id: u8) -> &'static str {
    match id {
        0 => "custom",
        1 => "type",
        2 => "import",
        3 => "function",
        4 => "table",
        5 => "memory",
        6 => "global",
        7 => "export",
        8 => "start",
        9 => "element",
        10 => "code",
        11 => "data",
        12 => "data count",
        13 => "tag",
        _ => "unknown",
    }
}

/// How many entries a section has.
fn items(payload: &Payload<'_>) -> Option<u32> {
    Some(match payload {
        Payload::TypeSection(section) => section.count(),
        Payload::ImportSection(section) => section.count(),
        Payload::FunctionSection(section) => section.count(),
        Payload::TableSection(section) => section.count(),
        Payload::MemorySection(section) => section.count(),
        Payload::TagSection(section) => section.count(),
        Payload::GlobalSection(section) => section.count(),
        Payload::ExportSection(section) => section.count(),
        Payload::ElementSection(section) => section.count(),
        Payload::DataSection(section) => section.count(),
        Payload::CodeSectionStart { count, .. } => *count,
        _ => return None,
    })
}
