//! What is printed.

use super::{
    Code, Finding,
    image::{Handler, Image},
};
use std::collections::{BTreeMap, BTreeSet};

/// Instructions of a handler, and how many handlers have so many.
const CLASSES: [(usize, &str); 7] =
    [(4, "1-4"), (6, "5-6"), (8, "7-8"), (12, "9-12"), (16, "13-16"), (32, "17-32"), (usize::MAX, "more")];

/// The machine code of a handler.
pub(crate) fn listing(image: &Image, handler: &Handler, code: &Code) {
    println!("{}: {}", handler.names.join(", "), image.symbol(handler.address));
    for (address, (_, text)) in &code.instructions {
        println!("  {address:x}: {text}");
    }
    for (address, name) in
        code.calls.iter().chain(&code.cold).map(|&address| (address, image.symbol(address)))
    {
        println!("  ({address:x} is {name})");
    }
}

/// The numbers that docs/PERFORMANCE.md follows.
pub(crate) fn statistics(handlers: &[(Handler, Code)], cold: &BTreeMap<u64, Code>) {
    let ops: usize = handlers.iter().map(|(handler, _)| handler.names.len()).sum();
    let bytes = |codes: &mut dyn Iterator<Item = &Code>| -> usize {
        let all: BTreeMap<u64, usize> = codes
            .flat_map(|code| code.instructions.iter().map(|(&address, &(length, _))| (address, length)))
            .collect();
        all.values().sum()
    };
    let text = bytes(&mut handlers.iter().map(|(_, code)| code));
    let pushes = handlers.iter().filter(|(_, code)| code.pushes > 0).count();
    println!("{ops} ops, {} handlers, {text} bytes of code; {pushes} have a push", handlers.len());
    println!("{} handlers of rare paths, {} bytes of code", cold.len(), bytes(&mut cold.values()));
    let mut histogram = [0; CLASSES.len()];
    for (_, code) in handlers {
        let class = CLASSES.iter().position(|(most, _)| code.instructions.len() <= *most);
        histogram[class.unwrap_or(CLASSES.len() - 1)] += 1;
    }
    let classes: Vec<String> =
        CLASSES.iter().zip(histogram).map(|((_, name), count)| format!("{name}: {count}")).collect();
    println!("handlers by instructions: {}", classes.join(", "));
    for (finding, name) in Finding::ALL {
        let count = handlers.iter().filter(|(_, code)| code.findings.contains(&finding)).count();
        println!("{name}: {count} handlers");
    }
}

/// What was found, by op.
pub(crate) fn findings(image: &Image, handlers: &[(Handler, Code)]) {
    for (handler, code) in handlers.iter().filter(|(_, code)| !code.findings.is_empty()) {
        let findings: Vec<&str> = code.findings.iter().map(|finding| finding.name()).collect();
        let calls: BTreeSet<String> = code.calls.iter().map(|&target| image.symbol(target)).collect();
        let calls: Vec<String> = calls.into_iter().collect();
        println!(
            "{:24} {:2} pushes {:3} instructions {} {}",
            findings.join(","),
            code.pushes,
            code.instructions.len(),
            handler.names.join(" "),
            calls.join(" ")
        );
    }
}
