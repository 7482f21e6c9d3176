//! The targets that are known, and what each needs.

use anyhow::{Context, Result};

/// A target.
pub(crate) struct Target {
    pub(crate) triple: &'static str,
    /// The crates of the standard library that are built for it.
    pub(crate) libraries: &'static str,
    /// For Linux: the machine.
    pub(crate) gnu: Option<Machine>,
}

/// A machine that Debian has a cross compiler for.
pub(crate) struct Machine {
    /// The name by which GNU tools call it.
    name: &'static str,
    /// The name by which Debian calls its C library.
    debian: &'static str,
    /// The name by which qemu calls it. None: the processor at hand runs its programs.
    qemu: Option<&'static str>,
}

const WITHOUT_STD: &str = "core,alloc";
const WITH_STD: &str = "std,panic_abort";
const WITH_TESTS: &str = "std,panic_unwind,test,proc_macro";

/// Its successor runs its programs.
const I386: Option<&str> = if cfg!(target_arch = "x86_64") { None } else { Some("i386") };

const TARGETS: [Target; 6] = [
    Target { triple: "wasm32-unknown-unknown", libraries: WITH_STD, gnu: None },
    Target { triple: "wasm32v1-none", libraries: WITHOUT_STD, gnu: None },
    Target {
        triple: "aarch64-unknown-linux-gnu",
        libraries: WITH_TESTS,
        gnu: Some(Machine { name: "aarch64-linux-gnu", debian: "arm64", qemu: Some("aarch64") }),
    },
    Target {
        triple: "i686-unknown-linux-gnu",
        libraries: WITH_TESTS,
        gnu: Some(Machine { name: "i686-linux-gnu", debian: "i386", qemu: I386 }),
    },
    Target {
        triple: "riscv64gc-unknown-linux-gnu",
        libraries: WITH_TESTS,
        gnu: Some(Machine { name: "riscv64-linux-gnu", debian: "riscv64", qemu: Some("riscv64") }),
    },
    Target {
        triple: "s390x-unknown-linux-gnu",
        libraries: WITH_TESTS,
        gnu: Some(Machine { name: "s390x-linux-gnu", debian: "s390x", qemu: Some("s390x") }),
    },
];

impl Target {
    /// The target of this name.
    pub(crate) fn find(triple: &str) -> Result<&'static Self> {
        TARGETS.iter().find(|target| target.triple == triple).with_context(|| {
            let known: Vec<&str> = TARGETS.iter().map(|target| target.triple).collect();
            format!("unknown target {triple}; known are {}", known.join(", "))
        })
    }

    /// The environment variable by which cargo is told `key` for this target.
    pub(crate) fn variable(&self, key: &str) -> String {
        format!("CARGO_TARGET_{}_{key}", self.triple.to_uppercase().replace('-', "_"))
    }
}

impl Machine {
    /// The C compiler, which links.
    pub(crate) fn compiler(&self) -> String {
        format!("{}-gcc", self.name)
    }

    /// What runs programs. They find their C library where the cross compiler has it.
    pub(crate) fn runner(&self) -> String {
        let root = format!("/usr/{}", self.name);
        match self.qemu {
            Some(qemu) => format!("qemu-{qemu}-static -L {root}"),
            None => format!("{root}/lib/ld-linux.so.2 --library-path {root}/lib"),
        }
    }

    /// The programs that must be there.
    pub(crate) fn programs(&self) -> Vec<String> {
        let emulator = self.qemu.map(|qemu| format!("qemu-{qemu}-static"));
        [self.compiler()].into_iter().chain(emulator).collect()
    }

    /// The packages they come from.
    pub(crate) fn packages(&self) -> Vec<String> {
        let mut packages = vec![format!("gcc-{}", self.name), format!("libc6-dev-{}-cross", self.debian)];
        if self.qemu.is_some() {
            packages.push("qemu-user-static".to_owned());
        }
        packages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_found_by_name() {
        let target = Target::find("aarch64-unknown-linux-gnu").unwrap();
        assert_eq!(target.variable("LINKER"), "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER");
        let machine = target.gnu.as_ref().unwrap();
        assert_eq!(machine.runner(), "qemu-aarch64-static -L /usr/aarch64-linux-gnu");
        assert_eq!(machine.programs(), ["aarch64-linux-gnu-gcc", "qemu-aarch64-static"]);
        let Err(error) = Target::find("pdp11") else { panic!("no such target") };
        assert!(error.to_string().contains("s390x-unknown-linux-gnu"), "{error}");
    }
}
