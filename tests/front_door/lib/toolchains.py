"""How a sample is run in each language, and whether its tools are on this machine. `./test` installs what it may."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from lib.server import ROOT

JACKSON = [Path("/usr/share/java") / f"jackson-{part}.jar" for part in ("databind", "core", "annotations")]
NODE_DIR = ROOT / "tests" / "node"

# Language: (file, what must be on the machine, command).
RUN = {
    "curl": ("sample.sh", ["curl", "jq"], ["sh", "sample.sh"]),
    "python": ("sample.py", [], [sys.executable, "sample.py"]),
    "python-sdk": ("sample_sdk.py", [], [sys.executable, "sample_sdk.py"]),
    "javascript": ("sample.mjs", ["node"], ["node", "sample.mjs"]),
    "javascript-sdk": ("sample_sdk.cjs", ["node"], ["node", "sample_sdk.cjs"]),
    "go": ("sample.go", ["go"], ["go", "run", "sample.go"]),
    "java": ("Sample.java", ["java", *map(str, JACKSON)], ["java", "-cp", ":".join(map(str, JACKSON)), "Sample.java"]),
    "php": ("sample.php", ["php"], ["php", "sample.php"]),
    "ruby": ("sample.rb", ["ruby"], ["ruby", "sample.rb"]),
    # `./test` cannot install these two; where they are, they run. Everywhere a grammar reads what they would.
    "csharp": ("Sample.cs", ["dotnet"], ["dotnet", "run"]),
    "powershell": ("sample.ps1", ["pwsh"], ["pwsh", "-NoProfile", "-File", "sample.ps1"]),
}


def lacking(language):
    """What this machine lacks for a language."""
    return [tool for tool in RUN[language][1] if not (shutil.which(tool) or Path(tool).exists())]


def execute(language, text, folder):
    """Runs a sample; returns the completed process."""
    file, _, command = RUN[language]
    (folder / file).write_text(text)
    if language == "csharp":
        write_project(folder)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HELIOGRAPH_")}
    environment |= {"NODE_PATH": str(NODE_DIR / "node_modules"), "GO111MODULE": "off"}
    environment.setdefault("GOCACHE", str(ROOT / "target" / "go-cache"))
    return subprocess.run(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240, check=False)


def write_project(folder):
    """What `dotnet run` wants beside a program, for the .NET that is here."""
    version = subprocess.run(["dotnet", "--version"], capture_output=True, text=True, timeout=60, check=True).stdout
    (folder / "Sample.csproj").write_text(
        '<Project Sdk="Microsoft.NET.Sdk"><PropertyGroup><OutputType>Exe</OutputType><Nullable>enable</Nullable>'
        f"<TargetFramework>net{version.split('.')[0]}.0</TargetFramework></PropertyGroup></Project>")


def build_rust(sources, folder):
    """Builds Rust samples, each as it is printed in a module of its own, into one program: it is told by name which of
    them to run. (A program each would be linked each.)"""
    modules, arms = "", ""
    for number, (name, text) in enumerate(sources.items()):
        run = "pub fn run() -> Result<(), Box<dyn std::error::Error>> { main() }"
        modules += f"mod sample_{number} {{\n{text}\n{run}\n}}\n"
        arms += f'Some("{name}") => sample_{number}::run(),\n'
    main = "fn main() -> Result<(), Box<dyn std::error::Error>> {\nmatch std::env::args().nth(1).as_deref() {\n" \
        f'{arms}_ => Err("no such sample".into()),\n}}\n}}\n'
    (folder / "src").mkdir()
    (folder / "src" / "main.rs").write_text(modules + main)
    (folder / "Cargo.toml").write_text(
        '[package]\nname = "samples"\nversion = "0.1.0"\nedition = "2024"\n[workspace]\n[dependencies]\n'
        f'heliograph-client = {{ path = "{ROOT}/crates/client" }}\nserde_json = "1"\n'
        'tokio = { version = "1", features = ["macros", "rt-multi-thread"] }\n'
        '[profile.dev]\ndebug = false\n')
    shutil.copy(ROOT / "Cargo.lock", folder / "Cargo.lock")
    target = ROOT / "target" / "samples"
    built = subprocess.run(
        ["cargo", "build", "--offline", "--quiet", "--target-dir", str(target)], cwd=folder, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=900, check=False)
    assert built.returncode == 0, built.stderr[-4000:]
    return target / "debug" / "samples"
