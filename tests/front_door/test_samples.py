"""Samples: they run as they are printed, in every language whose tools are here; the others are read by a grammar."""

import json
import re
import shutil
import subprocess

import pytest
import sunshine_conversations_client as sdk
import tree_sitter
import tree_sitter_c_sharp
import tree_sitter_powershell
from lib import page, tokens, toolchains
from lib.server import run
from lib.world import new_app

FILE = b"Two pairs of shoes\n"
# Operation: what its sample must print, besides the status.
JOBS = {
    "create-integration-key": ["My custom key", "int_"],
    "post-message": ["Hello, Jane", "business"],
    "create-webhook": ["https://example.com/webhook"],
    "list-messages": ["Hello, Jane"],
    "list-integrations": ["custom"],
    "upload-attachment": ["text/plain"],
}
LANGUAGES = [*toolchains.RUN, "rust", "powerbuilder"]
STATUS = {"list-messages": 200, "list-integrations": 200}


def sample(*arguments, values=None):
    """What `heliograph sample` prints."""
    sets = [text for name, value in (values or {}).items() for text in ("--set", f"{name}={value}")]
    made = run("sample", *arguments, *sets)
    assert made.returncode == 0, made.stderr
    return made.stdout


@pytest.fixture
def values(server):
    return world(server)


def world(server):
    """A world in which every job works once, and what stands for the open names."""
    app = new_app(server)
    bot = app.custom()
    app.api.delete(f"{bot.path}/webhooks/{bot.webhook['id']}").ok()
    conversation = app.group()
    return {
        "url": server.relayed, "keyId": app.key["id"], "secret": app.key["secret"], "token": tokens.mint(app.key), "appId": app.id,
        "integrationId": bot.id, "conversationId": conversation["id"],
    }


@pytest.mark.parametrize("auth", ["basic", "bearer"])
@pytest.mark.parametrize("language", toolchains.RUN)
def test_samples_run(values, tmp_path, language, auth):
    if missing := toolchains.lacking(language):
        pytest.skip(f"not on this machine: {', '.join(missing)}")
    (tmp_path / "order.txt").write_bytes(FILE)
    # Both schemes are one request of the program's: the second time the shortest will do.
    jobs = JOBS if auth == "basic" else {"create-integration-key": JOBS["create-integration-key"]}
    for operation, words in jobs.items():
        done = toolchains.execute(language, sample(operation, "--lang", language, "--auth", auth, values=values), tmp_path)
        where = f"{operation} in {language}: {done.stdout}{done.stderr}"
        assert done.returncode == 0, where
        assert str(STATUS.get(operation, 201)) in done.stdout or language.endswith("-sdk"), where
        assert all(word in done.stdout for word in words), where


@pytest.mark.parametrize("language", toolchains.RUN)
def test_refusals_are_told(values, tmp_path, language):
    if missing := toolchains.lacking(language):
        pytest.skip(f"not on this machine: {', '.join(missing)}")
    text = sample("create-integration-key", "--lang", language, values={**values, "integrationId": "0" * 24})
    done = toolchains.execute(language, text, tmp_path)
    told = done.stdout + done.stderr
    assert done.returncode != 0, told
    for word in ["404", "x-request-id", "integration_not_found"]:
        assert word in told.lower(), told


@pytest.mark.waits
def test_rust_samples_run(stores, shared, tmp_path):
    """All are built in one go, for both stores."""
    sources, wanted = {}, {}
    for store in stores:
        values = world(shared(store))
        for job, words in JOBS.items():
            sources[f"{store}-{job}"] = sample(job, "--lang", "rust", values=values)
            wanted[f"{store}-{job}"] = words
        sources[f"{store}-bearer"] = sample("create-integration-key", "--lang", "rust", "--auth", "bearer", values=values)
        wanted[f"{store}-bearer"] = ["My custom key"]
        sources[f"{store}-refused"] = sample(
            "create-integration-key", "--lang", "rust", values={**values, "integrationId": "0" * 24})
    sources["json"] = json_program("rust", tmp_path)
    program = toolchains.build_rust(sources, tmp_path)
    (tmp_path / "order.txt").write_bytes(FILE)

    def execute(name):
        done = subprocess.run([program, name], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        return done

    for name, words in wanted.items():
        done = execute(name)
        assert done.returncode == 0 and all(word in done.stdout for word in words), f"{name}: {done.stdout}{done.stderr}"
    for store in stores:
        done = execute(f"{store}-refused")
        assert done.returncode == 1
        assert all(word in done.stderr for word in ["404", "x-request-id", "integration_not_found"]), done.stderr
    assert_json_came_back(execute("json"))


def every(language, folder, *more):
    """The samples of all operations, a file each."""
    made = run("sample", "--all", folder, "--lang", language, *more)
    assert made.returncode == 0, made.stderr
    files = sorted(folder.iterdir())
    # The contract's 68 operations and our own; an official library knows only the contract's.
    assert len(files) >= (60 if language.endswith("-sdk") else 74 if language != "rust" else 70)
    return files


GRAMMARS = {"csharp": tree_sitter_c_sharp, "powershell": tree_sitter_powershell}


def parser(language):
    return tree_sitter.Parser(tree_sitter.Language(GRAMMARS[language].language()))


@pytest.mark.parametrize("auth", ["basic", "bearer"])
@pytest.mark.parametrize("language", GRAMMARS)
def test_what_cannot_run_here_is_well_formed(tmp_path, language, auth):
    for file in every(language, tmp_path / "all", "--auth", auth):
        assert not parser(language).parse(file.read_bytes()).root_node.has_error, file.read_text()
    assert parser(language).parse(b"if (").root_node.has_error, "the grammar notices what is wrong"


# Language: how a file, or with `{}` a folder, is checked without being run.
CHECKS = {
    "curl": ["sh", "-n"],
    "php": ["php", "-l"],
    "ruby": ["ruby", "-c"],
    "go": ["gofmt", "-e"],
}


@pytest.mark.parametrize("language", CHECKS)
def test_every_operation_is_well_formed(language, tmp_path):
    if not shutil.which(CHECKS[language][0]):
        pytest.skip(f"not on this machine: {CHECKS[language][0]}")
    for file in every(language, tmp_path / "all"):
        done = subprocess.run([*CHECKS[language], str(file)], capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, f"{file.name}: {done.stderr}"


@pytest.mark.parametrize("language", ["javascript", "javascript-sdk"])
def test_every_operation_is_well_formed_in_javascript(language, tmp_path, node):
    every(language, tmp_path / "all")
    done = node("node", "--experimental-vm-modules", "check.js", tmp_path / "all")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("language", ["python", "python-sdk"])
def test_every_operation_is_well_formed_in_python(language, tmp_path):
    for file in every(language, tmp_path / "all"):
        text = file.read_text()
        compile(text, file.name, "exec")
        for kind, method in re.findall(r"sunshine\.(\w+Api)\(.*?reply = api\.(\w+)\(", text, re.S):
            assert hasattr(getattr(sdk, kind), method), f"the library has no {kind}.{method}"
        for body in re.findall(r"sunshine\.(\w+)\.from_dict", text):
            assert hasattr(sdk, body), f"the library has no {body}"


# --- the page's program ---------------------------------------------------------------------------------------------

# What the page's program does with its objects, in order: what it sets, reads and calls, and with what. `*` is what the
# reader fills in, `object` one of the program's own.
CALLS = [
    'ConnectToNewObject("Chilkat.Http")', "BasicAuth = 1", "Login = *", "Password = *",
    'ConnectToNewObject("Chilkat.JsonObject")', 'UpdateString("displayName","My custom key")',
    'SetRequestHeader("Content-Type","application/json")',
    'PostJson3("*/v2/apps/*/integrations/*/keys","application/json",object)', "LastMethodSuccess", "LastErrorText",
    'ConnectToNewObject("Chilkat.StringBuilder")', "GetBodySb(object)", 'ConnectToNewObject("Chilkat.JsonObject")',
    "LoadSb(object)", "EmitCompact = 0", "Emit()", "StatusCode", "Header", 'StringOf("key.id")',
    'StringOf("key.displayName")', 'StringOf("key.secret")',
]


def calls(program):
    """What is done with objects: their names are the program's own business."""
    lines = [line.strip() for line in program.splitlines() if not line.lstrip().startswith("//")]
    found = [one for line in lines for one in re.findall(r"\bloo_\w+\.(\w+(?:\(.*\)| = .+)?)", line)]
    for pattern, plain in [
        (r'", *', '",'), (r"\bloo_\w+", "object"), (r"https?://[\w.]+|\{\{\w+\}\}|(?<=/):\w+", "*"),
        (r"^(Login|Password) = .*", r"\1 = *"), (r"^(LastMethodSuccess) = .*", r"\1"),
    ]:
        found = [re.sub(pattern, plain, one) for one in found]
    return found


def test_powerbuilder_does_what_the_page_does():
    program = sample("create-integration-key", "--lang", "powerbuilder")
    assert calls(program) == CALLS
    if page.PROGRAM:
        assert calls(page.PROGRAM) == CALLS


@pytest.mark.parametrize("auth", ["basic", "bearer"])
def test_powerbuilder_is_whole(tmp_path, auth):
    for file in every("powerbuilder", tmp_path / "all", "--auth", auth):
        assert_whole(file.read_text(), file.name, made={"loo_Resp"})


def assert_whole(program, name, made=frozenset(), given=frozenset()):
    """Every object that is used is made, and destroyed; every variable is declared; every block is closed."""
    lines = [line.strip() for line in program.splitlines()]
    lines = [line for line in lines if not line.startswith("//")]
    text = re.sub(r'"(?:~.|[^"~])*"', '""', "\n".join(lines))
    declared = set(re.findall(r"^(?:integer|long|double|string|oleobject) (\w+)$", text, re.M))
    used = set(re.findall(r"\b(?:loo|ls|li|ll|ld)_\w+", text))
    assert used == declared | given, f"{name}: {used ^ declared}"
    made = set(re.findall(r"^(\w+) = create oleobject$", text, re.M)) | made
    objects = {name for name in declared if name.startswith("loo_")}
    assert made == objects, name
    assert {one for one in objects if f"\ndestroy {one}" in text} == objects, name
    for begin, end in ((r"^if .* then$", r"^end if$"), (r"^do while ", r"^loop$")):
        assert len(re.findall(begin, text, re.M)) == len(re.findall(end, text, re.M)), name


# --- requests and JSON of one's own -----------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_recognised_becomes_the_operations_sample(tmp_path, language):
    """A curl line and a Postman item, in every language: what runs for the operation runs for them."""
    line = page.CURL.replace("https://domain.com", "{{url}}").replace("username:password", "{{keyId}}:{{secret}}")
    item = tmp_path / "item.json"
    item.write_text(json.dumps(page.ITEM))
    wanted = sample("create-integration-key", "--lang", language)
    # A curl line may also be one whose ids are known.
    assert sample("--curl", line.replace(":integrationId", "{{integrationId}}"), "--lang", language) == wanted
    assert sample("--postman-item", item, "--lang", language) == wanted


def test_a_curl_line_becomes_a_program(values, tmp_path):
    line = page.CURL.replace("https://domain.com", "{{url}}").replace("username:password", "{{keyId}}:{{secret}}")
    done = toolchains.execute("python", sample("--curl", line, "--lang", "python", values=values), tmp_path)
    assert done.returncode == 0 and "201" in done.stdout, done.stdout + done.stderr


def test_a_postman_item_becomes_a_program(values, tmp_path):
    item = tmp_path / "item.json"
    item.write_text(json.dumps(page.ITEM))
    text = sample("--postman-item", item, "--lang", "python", values=values)
    done = toolchains.execute("python", text, tmp_path)
    assert done.returncode == 0 and "My custom key" in done.stdout, done.stdout + done.stderr


# Texts that mean something to some language, lists in lists, and names that are words of one.
JSON = {
    "text": "It's \"quoted\" \\ #{x} $y ~ ü", "none": None, "yes": True, "whole": 7, "part": 1.5, "odd.name": "o",
    "list": ["a", "b"], "inside": {"deep": [{"id": "1", "more": {"ok": False}}]}, "empty": {}, "no": [],
    "lists": [[1, 2], [3]], "one": [[{"id": "2"}]], "await": "w", "class": "c", "func": "f", "pid": 1, "then": "t",
}
# What stands around the code that builds a body and the code that takes an answer apart. It prints the body first.
AROUND = {
    "python": "import json\n{build}text = json.dumps(body)\nprint(text)\n{parse}",
    "javascript": "{build}const text = JSON.stringify(body);\nconsole.log(text);\n{parse}",
    "ruby": "require 'json'\n{build}text = JSON.generate(body)\nputs text\n{parse}",
    "curl": "{build}answer=$(mktemp)\nprintf '%s' \"$body\" > \"$answer\"\njq -c . \"$answer\"\n{parse}",
    "php": "<?php\n{build}$text = json_encode($body);\necho $text, \"\\n\";\n?>{parse}",
    "go": 'package main\n\nimport (\n"encoding/json"\n"fmt"\n"log"\n)\n\nfunc main() {{\n{build}'
          "text, _ := json.Marshal(body)\nfmt.Println(string(text))\n{parse}}}\n",
    "java": "import com.fasterxml.jackson.databind.*;\nimport com.fasterxml.jackson.databind.node.*;\n"
            "public class Sample {{\npublic static void main(String[] args) throws Exception {{\n"
            "ObjectMapper json = new ObjectMapper();\n{build}String text = json.writeValueAsString(body);\n"
            "System.out.println(text);\n{parse}}}\n}}\n",
    "rust": "fn main() -> Result<(), Box<dyn std::error::Error>> {{\n{build}let text = &body.to_string();\n"
            'println!("{{text}}");\n{parse}Ok(())\n}}\n',
}


def json_code(language, folder):
    """The code that builds `JSON`, and the code that takes it apart."""
    file = folder / "any.json"
    file.write_text(json.dumps(JSON))
    return {way: sample(f"--json-{way}", file, "--lang", language) for way in ("build", "parse")}


def json_program(language, folder):
    return AROUND[language].format(**json_code(language, folder))


def assert_json_came_back(done):
    assert done.returncode == 0, done.stderr
    first, *rest = done.stdout.splitlines()
    assert json.loads(first) == JSON
    for value in ["quoted", "1.5", "7", "w", "c", "f", "t"]:
        assert any(value in line.split(":", 1)[-1] for line in rest), f"{value}: {done.stdout}"


@pytest.mark.parametrize("language", [language for language in AROUND if language != "rust"])
def test_json_is_built_and_taken_apart(tmp_path, language):
    """(Rust's program is built with the other ones.)"""
    if missing := toolchains.lacking(language):
        pytest.skip(f"not on this machine: {', '.join(missing)}")
    assert_json_came_back(toolchains.execute(language, json_program(language, tmp_path), tmp_path))


@pytest.mark.parametrize("language", GRAMMARS)
def test_json_code_is_well_formed(tmp_path, language):
    for code in json_code(language, tmp_path).values():
        assert not parser(language).parse(code.encode()).root_node.has_error, code


def test_powerbuilders_json_code_is_whole(tmp_path):
    code = json_code("powerbuilder", tmp_path)
    # What was built is still to be sent.
    assert_whole(code["build"] + "destroy loo_Json", "build")
    assert_whole(code["parse"], "parse", given={"ls_Text"})


def test_what_is_wrong_is_said():
    for arguments, word in [
        (["create-nothing"], "sample list"), (["--curl", "wget x"], "curl"), (["--json-build", "/nowhere"], "/nowhere"),
        ([], "required"), (["create-webhook", "--lang", "cobol"], "powerbuilder"), (["authorize", "--lang", "rust"], "cannot"),
    ]:
        made = run("sample", *arguments)
        assert made.returncode != 0 and word in made.stderr, made.stderr
