//! [`Case`]: a module and a seed.

use wasm_encoder::{ExportKind, ExportSection, RawSection};
use wasmparser::{Parser, Payload};

/// The name under which the fuel global of a module that counts its own fuel is exported.
pub const FUEL_GLOBAL: &str = "fuel!";

/// A module and the seed of everything that happens with it.
#[derive(Clone, Debug)]
pub struct Case {
    pub wasm: Vec<u8>,
    pub seed: u64,
}

/// Adds an export of a global to a module.
pub fn export_global(wasm: &[u8], global: u32) -> Vec<u8> {
    let mut module = wasm_encoder::Module::new();
    let mut exports = Some(ExportSection::new());
    let mut finish = |module: &mut wasm_encoder::Module, old: Option<wasmparser::ExportSectionReader<'_>>| {
        let Some(mut section) = exports.take() else { return };
        for export in old.into_iter().flatten() {
            let export = export.expect("a valid module");
            let kind = match export.kind {
                wasmparser::ExternalKind::Func | wasmparser::ExternalKind::FuncExact => ExportKind::Func,
                wasmparser::ExternalKind::Table => ExportKind::Table,
                wasmparser::ExternalKind::Memory => ExportKind::Memory,
                wasmparser::ExternalKind::Global => ExportKind::Global,
                wasmparser::ExternalKind::Tag => ExportKind::Tag,
            };
            section.export(export.name, kind, export.index);
        }
        section.export(FUEL_GLOBAL, ExportKind::Global, global);
        module.section(&section);
    };
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.expect("a valid module");
        if let Payload::ExportSection(reader) = payload {
            finish(&mut module, Some(reader));
        } else if let Some((id, range)) = payload.as_section() {
            // What follows the export section: start, elements, data count, code, data.
            if matches!(id, 8..=12) {
                finish(&mut module, None);
            }
            module.section(&RawSection { id, data: &wasm[range.start as usize..range.end as usize] });
        }
    }
    finish(&mut module, None);
    module.finish()
}
