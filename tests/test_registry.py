"""``registry.yaml``: its schema, the merge of several files, look-ups, and the file of this repository."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from facezoo import registry as registries
from facezoo.errors import RegistryError, UnknownNameError, WeightsUnavailableError
from facezoo.plugins import discover
from facezoo.registry import Registry, RegistryFile, load_registry, merge, read_registry, registry_path
from facezoo.sources import AuthorSource, DirReference, HubReference, MissingCommitError, parse_name
from facezoo.specs import ComponentSpec, PipelineSpec, resolve

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SHA = "ab" * 32
MODEL = """
  toy-one:
    arch: toy
    summary: For tests.
    tasks: [testing]
    sources: []
    license: {code: MIT, weights: unknown, data: unknown}
"""


def read(tmp_path: Path, text: str, plugin: str = "facezoo") -> RegistryFile:
    path = tmp_path / f"{plugin}.yaml"
    path.write_text(text)
    return read_registry(path, plugin)


def merged(tmp_path: Path, **texts: str) -> Registry:
    return merge([(plugin, read(tmp_path, text, plugin)) for plugin, text in texts.items()])


def with_source(source: str) -> str:
    return f"version: 1\nmodels:{MODEL}".replace("sources: []", f"sources: [{source}]")


def test_entry_is_found_by_id_and_by_plugin_and_id(tmp_path: Path):
    registry = merged(tmp_path, facezoo=f"version: 1\nmodels:{MODEL}pipelines: {{test: {{encoder: toy-one}}}}")
    assert registry.model("toy-one") is registry.model("facezoo:toy-one")
    assert registry.pipeline("test").slots == {"encoder": "toy-one"}


def test_unknown_name_shows_close_matches(tmp_path: Path):
    registry = merged(tmp_path, facezoo=f"version: 1\nmodels:{MODEL}")
    with pytest.raises(UnknownNameError, match="Did you mean toy-one"):
        registry.model("toy-on")
    with pytest.raises(UnknownNameError, match="No model is named 'other:toy-one'"):
        registry.model("other:toy-one")


def test_id_of_two_plugins_is_not_overwritten(tmp_path: Path):
    text = f"version: 1\nmodels:{MODEL}pipelines: {{test: {{encoder: toy-one}}}}"
    registry = merged(tmp_path, facezoo=text, other=text.replace("For tests", "Another"))
    with pytest.raises(UnknownNameError, match="facezoo:toy-one or other:toy-one"):
        registry.model("toy-one")
    with pytest.raises(UnknownNameError, match="facezoo:test or other:test"):
        registry.pipeline("test")
    assert registry.model("other:toy-one").summary == "Another."
    assert registry.model("facezoo:toy-one").key != registry.model("other:toy-one").key


def test_a_head_may_be_named_after_its_task(tmp_path: Path):
    text = f"version: 1\nmodels:{MODEL}".replace("arch: toy", "arch: doll")
    task = next(line for line in MODEL.splitlines() if "tasks" in line).split("[")[1].split("]")[0].split(",")[0]
    named = text.replace("toy-one:", f"{task}-one:")
    with pytest.raises(RegistryError, match=f"{task}-one does not start with doll-"):
        read(tmp_path, named)
    head = read(tmp_path, named.rstrip() + "\n    requires: {encoder: toy-two, view: code}\n")
    assert list(head.models) == [f"{task}-one"]


def test_plugin_that_lists_an_id_in_two_files_is_a_problem(tmp_path: Path):
    file = read(tmp_path, f"version: 1\nmodels:{MODEL}", "other")
    again = read(tmp_path, f"version: 1\nmodels:{MODEL}".replace("For tests", "Another"), "other")
    registry = merge([("other", file), ("other", again)])
    assert registry.model("toy-one").summary == "For tests."
    assert "toy-one in two registry files" in registry.problems["other"]


def test_renamed_id_works_with_a_warning_and_removed_one_says_what_to_use(tmp_path: Path):
    text = f"version: 1\nmodels:{MODEL}deprecated: {{toy-zero: toy-one}}\nremoved: {{toy-minus: Use toy-one.}}"
    registry = merged(tmp_path, facezoo=text, other=text.replace("toy-one:", "toy-two:").replace("toy-one", "toy-two"))
    with pytest.warns(FutureWarning, match="toy-zero is now called toy-one"):
        assert registry.model("toy-zero").id == "toy-one"
    with pytest.raises(UnknownNameError, match="toy-minus was removed. Use toy-one."):
        registry.model("toy-minus")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"version: 2\nmodels:{MODEL}", "version"),
        (f"version: 1\nmodels:{MODEL}extra: 1", "extra: Extra inputs are not permitted"),
        (f"version: 1\nmodels:{MODEL}    colour: red", "colour: Extra inputs are not permitted"),
        (f"version: 1\nmodels:{MODEL}".replace("code: MIT, ", ""), "license.code: Field required"),
        (f"version: 1\nmodels:{MODEL}".replace("weights: unknown", "weights: ''"), "license.weights"),
        (f"version: 1\nmodels:{MODEL}".replace("    license: {code: MIT, weights: unknown, data: unknown}\n", ""), "license"),
        (f"version: 1\nmodels:{MODEL}".replace("arch: toy", "arch: doll"), "does not start with doll-"),
        (f"version: 1\nmodels:{MODEL}{MODEL}", "'toy-one' is there twice"),
        (f"version: 1\nmodels:{MODEL}".replace("toy-one", "Toy_One"), "id"),
        (f"version: 1\nmodels:{MODEL}deprecated: {{toy-zero: toy-two}}", "toy-two is not among"),
        (f"version: 1\nmodels:{MODEL}removed: {{toy-one: gone}}", "listed under models too"),
        (f"version: 1\nmodels:{MODEL}    id: toy-two", "toy-one"),
        ("version: 1\nmodels: [", "is not YAML"),
        ("- 1", "is not a mapping"),
        ("version: 1\nmodels: [1]", "models"),
        ("version: 1\nmodels: {toy-one: 1}", "toy-one"),
        ("version: 1\nmodels: !!python/object:os.system {}", "is not YAML"),
    ],
)
def test_file_that_does_not_fit_the_schema_is_refused(tmp_path: Path, text: str, words: str):
    with pytest.raises(RegistryError, match=words) as caught:
        read(tmp_path, text)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{kind: magic}", "magic"),
        (f"{{kind: hub, repo: org/name, revision: main, files: {{config.json: {SHA}, model.safetensors: {SHA}}}}}", "revision"),
        (f"{{kind: hub, repo: name, revision: {COMMIT}, files: {{config.json: {SHA}, model.safetensors: {SHA}}}}}", "repo"),
        (f"{{kind: hub, repo: org/name, revision: {COMMIT}, files: {{model.safetensors: {SHA}}}}}", "config.json"),
        (f"{{kind: hub, repo: o/n, revision: {COMMIT}, files: {{config.json: 12, model.safetensors: {SHA}}}}}", "config.json"),
        (
            f"{{kind: hub, repo: o/n, revision: {COMMIT},"
            f" files: {{config.json: {SHA}, model.safetensors: {SHA}, run.py: {SHA}}}}}",
            "run.py is no file of a component directory",
        ),
        (f"{{kind: file, repo: o/n, revision: {COMMIT}, format: f, files: {{net.pth: {SHA}}}}}", "net.pth"),
        (f"{{kind: file, repo: o/n, revision: {COMMIT}, format: f, files: {{../net.onnx: {SHA}}}}}", "net.onnx"),
        (f"{{kind: file, repo: o/n, revision: {COMMIT}, format: f, files: {{a.onnx: {SHA}, b.onnx: {SHA}}}}}", "one file"),
        ("{kind: package, path: package/../../etc}", "leaves the package"),
        ("{kind: package, path: /etc/passwd}", "path"),
        ("{kind: author, url: 'http://a.example/f', format: f, note: n}", "url"),
        ("{kind: author, url: 'https://a.example/f', format: f}", "note"),
    ],
)
def test_source_that_is_not_pinned_or_not_safe_is_refused(tmp_path: Path, source: str, words: str):
    with pytest.raises(RegistryError, match=words):
        read(tmp_path, with_source(source))


def test_broken_registry_of_a_plugin_is_named_and_breaks_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    bad = tmp_path / "bad.yaml"
    bad.write_text("version: 3")
    first = discover().found[0]
    fake = type(first)("acme", "acme", "acme", "1", registries=(bad,))
    plugins = type(discover())((*discover().found, fake))
    monkeypatch.setattr(registries, "discover", lambda: plugins)
    load_registry.cache_clear()
    try:
        registry = load_registry()
        assert registry.model("haar-frontal").arch == "haar"
        assert "bad.yaml" in registry.problems["acme"]
        with pytest.raises(UnknownNameError, match="could not be read and may have it: acme"):
            registry.model("acme-one")
    finally:
        load_registry.cache_clear()


def test_names_outside_the_registries():
    assert parse_name("cycle-face-nano") is None and parse_name("acme:toy-one") is None
    assert parse_name(f"hub:org/na.me@{COMMIT}") == HubReference(repo="org/na.me", revision=COMMIT)
    assert parse_name("dir:/some/where") == DirReference(path=Path("/some/where"))
    for name in ("hub:org/name", "hub:org/name@main", f"hub:org/name@{COMMIT[:7]}"):
        with pytest.raises(MissingCommitError, match="hub:org/name@<commit>"):
            parse_name(name)
    for name in ("org/name", "./here", "hub:name", "hub:a/b/c", "../../etc", "dir:", "a\\b"):
        with pytest.raises(UnknownNameError, match="dir:|hub:org/name@<commit"):
            parse_name(name)
    with pytest.raises(UnknownNameError, match=f"A folder is dir:{Path.cwd()}"):
        parse_name(str(Path.cwd()))


def test_own_file_is_sorted_and_its_names_exist():
    path = registry_path()
    file = read_registry(path, "facezoo")
    assert list(file.models) == sorted(file.models) and list(file.pipelines) == sorted(file.pipelines)
    registry = load_registry()
    archs = {spec.arch: spec for spec in discover().all(ComponentSpec)}
    tasks = {spec.name for spec in discover().all(PipelineSpec)}
    for entry in registry.models:
        assert entry.arch in archs
        for source in entry.sources:
            if isinstance(source, AuthorSource):
                reads_itself = hasattr(resolve(archs[entry.arch].target, entry.arch), "load_file")
                assert source.format in archs[entry.arch].converters or reads_itself, f"{entry.id} could not be imported"
    for default in registry.pipelines:
        assert {registry.model(model).id for model in default.slots.values()}
    for spec in discover().all(PipelineSpec):
        assert spec.name in {p.name for p in registry.pipelines}, f"{spec.name} has no default components"
        # a slot without a default is a model that nobody has trained yet; none may be for a slot there is not
        assert set(registry.pipeline(spec.name).slots) <= set(spec.slots)
    assert tasks


def test_every_metric_says_who_measured_it_and_papers_numbers_have_no_package_source():
    for entry in load_registry().models:
        measured = {metric.measured_by for metric in entry.metrics}
        if any(source.kind == "package" for source in entry.sources):
            assert "paper" not in measured, f"{entry.id} is not the network that the paper measured"


def test_missing_weights_are_told_in_whole_sentences(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    from facezoo import hub

    monkeypatch.setenv("FACEZOO_HOME", str(tmp_path))
    for entry in load_registry().models:
        if entry.note and not entry.sources or any(isinstance(source, AuthorSource) for source in entry.sources):
            with pytest.raises(WeightsUnavailableError) as error:
                hub.locate(entry)
            assert not re.search(r"\w (Then run|`facezoo info)|\.\. ", str(error.value)), entry.id


def test_the_releases_numbers_are_not_called_the_papers():
    for name in ("facenet-vggface2", "facenet-casia-webface", "fecnet-fec"):
        assert {metric.measured_by for metric in load_registry().model(name).metrics} == {"release"}


def test_bibtex_has_the_fields_that_are_known():
    paper = load_registry().model("cycle-face-vox12").paper
    assert paper is not None
    text = paper.bibtex("facecycle")
    assert text.startswith("@misc{facecycle,")
    assert "Jia-Ren Chang and Yong-Sheng Chen and Wei-Chen Chiu" in text and "eprint = {2108.03427}" in text
    assert "doi" not in text


def test_reading_the_registry_loads_nothing_heavy():
    code = (
        "import sys; from facezoo.registry import load_registry; import facezoo.hub; load_registry();"
        "print(sorted({'torch', 'numpy', 'huggingface_hub', 'safetensors', 'cv2', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
