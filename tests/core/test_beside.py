"""Code in a file that was typed: it finds what lies beside it, and stands for nothing but itself."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from evalkit.core import beside
from evalkit.core.errors import UserError
from evalkit.core.own_code import code_digest
from evalkit.core.registry import Registry, located, split

REGISTRY = Registry("model", "evalkit.nothing", {})
FILES = {
    "mine.py": "import helper, pack.sub as sub\nfrom pack import sub as same\n"
    "class Model:\n    what = helper.WHAT, sub.WHAT\n    @staticmethod\n    def later():\n"
    "        import lazily\n        return lazily.WHAT\n",
    "helper.py": "import json, mine\nWHAT = {0!r}\n",
    "lazily.py": "WHAT = {0!r}\n",
    "pack/__init__.py": "from . import sub\n",
    "pack/sub.py": "from helper import WHAT\n",
}


def write(folder: Path, what: str = "first") -> str:
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text.format(what))
    return f"{folder / 'mine.py'}:Model"


def test_a_file_finds_what_lies_beside_it_also_later_and_in_packages(tmp_path: Path) -> None:
    model = REGISTRY.load(write(tmp_path), typed=True)
    assert model.what == ("first", "first") and model.later() == "first"
    assert not {"mine", "helper", "lazily", "pack"} & set(sys.modules)


def test_two_folders_with_files_of_the_same_names_are_two(tmp_path: Path) -> None:
    """`--model a/mine.py:Model,b/mine.py:Model` compares two models, not one with itself."""
    names = [write(tmp_path / each, each) for each in ("a", "b")]
    models = [REGISTRY.load(name, typed=True) for name in names]
    assert [model.what[0] for model in models] == ["a", "b"]
    assert [model.later() for model in models] == ["a", "b"], "what is imported in a function, too"


def test_what_is_installed_is_never_taken_from_beside(tmp_path: Path) -> None:
    """A file called torch.py lies in many folders; here it would be imported by `mine.py` alone, and is not."""
    for name in ("torch", "yaml", "evalkit", "this", "numpy"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'sprung')!r}, 'w')\n")
    (tmp_path / "mine.py").write_text("import numpy, yaml, evalkit.core.ids\nfrom torch import nn\nMODEL = nn.Module\n")
    assert REGISTRY.load(f"{tmp_path / 'mine.py'}:MODEL", typed=True).__module__ == "torch.nn.modules.module"
    assert not (tmp_path / "sprung").exists()


def test_a_file_named_like_an_installed_package_is_itself_where_it_was_typed(tmp_path: Path) -> None:
    (tmp_path / "wave.py").write_text("MODEL = 7\n")
    import wave

    assert REGISTRY.load(f"{tmp_path / 'wave.py'}:MODEL", typed=True) == 7
    assert sys.modules["wave"] is wave and not hasattr(wave, "MODEL")


def test_a_library_does_not_see_the_folder(tmp_path: Path) -> None:
    """Whose optional `import fancy` found a file of that name in a folder of downloads would run it."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "their_library.py").write_text(
        "try:\n    import fancy\nexcept ImportError:\n    fancy = None\n"
    )
    (tmp_path / "fancy.py").write_text("X = 1\n")
    (tmp_path / "mine.py").write_text("import their_library\nMODEL = their_library.fancy\n")
    sys.path.append(str(tmp_path / "site"))
    try:
        assert REGISTRY.load(f"{tmp_path / 'mine.py'}:MODEL", typed=True) is None
    finally:
        sys.path.remove(str(tmp_path / "site"))
        sys.modules.pop("their_library", None)


def test_a_folder_without_python_files_is_no_package(tmp_path: Path) -> None:
    """`runs/` or `wandb/` beside a script: an optional `import wandb` fails as it does elsewhere."""
    (tmp_path / "wandb_like").mkdir()
    (tmp_path / "wandb_like" / "log.txt").touch()
    (tmp_path / "nets").mkdir()
    (tmp_path / "nets" / "small.py").write_text("X = 3\n")
    text = "try:\n    import wandb_like\nexcept ImportError:\n    wandb_like = None\nfrom nets.small import X\n"
    (tmp_path / "mine.py").write_text(text + "MODEL = wandb_like, X\n")
    assert REGISTRY.load(f"{tmp_path / 'mine.py'}:MODEL", typed=True) == (None, 3)


def test_a_corrected_file_is_imported_anew_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """In a notebook, the same process goes on; of the same length in the same second, no compiled copy may be taken."""
    name = write(tmp_path, "aaaaa")
    assert REGISTRY.load(name, typed=True) is REGISTRY.load(name, typed=True)
    write(tmp_path, "bbbbb")
    assert REGISTRY.load(name, typed=True).what == ("bbbbb", "bbbbb")
    assert not list(tmp_path.rglob("__pycache__"))


def test_the_digest_covers_what_lies_beside_and_no_place(tmp_path: Path) -> None:
    def digest(folder: str) -> str | None:
        name = f"{tmp_path / folder / 'mine.py'}:Model"
        return code_digest(REGISTRY.module(name, typed=True), REGISTRY.load(name, typed=True))

    write(tmp_path / "a")
    write(tmp_path / "b")
    before = digest("a")
    assert before and digest("b") == before
    for file in FILES:
        text = (tmp_path / "a" / file).read_text()
        (tmp_path / "a" / file).write_text(text + "# corrected\n")
        assert digest("a") != before, file
        (tmp_path / "a" / file).write_text(text)
    assert digest("a") == before
    (tmp_path / "a" / "other.py").write_text("nobody imports this\n")
    assert digest("a") == before


def test_code_from_two_folders_counts_twice(tmp_path: Path) -> None:
    """Both have a `mine.py`: a change of either is a change."""
    (tmp_path / "a").mkdir()
    write(tmp_path / "b")
    for folder in "a":
        (tmp_path / folder / "mine.py").write_text("class Base:\n    pass\n")
    base = REGISTRY.load(f"{tmp_path / 'a' / 'mine.py'}:Base", typed=True)
    module = REGISTRY.module(f"{tmp_path / 'b' / 'mine.py'}:Model", typed=True)
    before = code_digest(module, base)
    (tmp_path / "a" / "mine.py").write_text("class Base:\n    x = 1\n")
    assert code_digest(module, base) != before
    (tmp_path / "a" / "mine.py").write_text("class Base:\n    pass\n")
    (tmp_path / "b" / "mine.py").write_text(FILES["mine.py"] + "# corrected\n")
    assert code_digest(module, base) != before


@pytest.mark.parametrize(
    ("target", "parts"),
    [
        ("package.module:Class", ("package.module", "Class")),
        ("mine.py:Class.inner", ("mine.py", "Class.inner")),
        (r"C:\own\mine.py:Class", (r"C:\own\mine.py", "Class")),
        ("C:/own/mine.py:Class", ("C:/own/mine.py", "Class")),
        ("/odd:folder/mine.py:Class", ("/odd:folder/mine.py", "Class")),
    ],
)
def test_a_drives_colon_belongs_to_the_file(target: str, parts: tuple[str, str]) -> None:
    assert split(target) == parts


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("mine.py", "say what of it: mine.py:Model, mine.py:TWO"),
        (r"C:\nowhere\mine.py", r"C:\nowhere\mine.py:NAME"),
        ("nowhere.py:Model", "nowhere.py: no such file"),
        ("mine.py:Modle", "did you mean Model"),
        ("mine.py:", "not of the form"),
        (":Model", "not of the form"),
        ("my.model.py:Model", "one dot in its name"),
        (".:Model", "cannot be loaded"),
    ],
)
def test_a_mistyped_file_is_one_line_with_the_way_out(
    name: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for file in ("mine.py", "my.model.py"):
        (tmp_path / file).write_text("import os\nclass Model:\n    pass\nTWO = 2\n_hidden = 3\n")
    with pytest.raises(UserError) as raised:
        REGISTRY.load(name, typed=True)
    assert told in str(raised.value) and "\n" not in str(raised.value)


def test_a_file_that_a_file_names_is_looked_for_beside_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never in the working folder, where whoever sent the manifest cannot have meant it."""
    write(tmp_path / "suite", "beside the suite")
    write(tmp_path, "in the working folder")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="is not looked for in the folder that you are in"):
        REGISTRY.load("mine.py:Model")
    assert REGISTRY.load(located("mine.py:Model", Path("suite"))).what[0] == "beside the suite"
    assert located("package.module:Model", Path("suite")) == "package.module:Model"


def test_the_name_of_a_module_is_known_before_it_is_imported(tmp_path: Path) -> None:
    name = REGISTRY.module(write(tmp_path), typed=True)
    assert beside.is_beside(name) and beside.plain(name) == "mine" and name not in sys.modules
    assert code_digest(name) and name not in sys.modules
