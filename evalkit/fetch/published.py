"""The published checkpoints: under which names, from where, under which licence, with which digests.

The digests come from upstream where it states one (git blob ids of the OpenL3 files on the branch `models`).
The sha256 of the PaSST file, of one CLAP file and of the tokenizer's files stand in several independent
public projects, which agree. The others have none that could be checked here: their first download is recorded.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from evalkit.core.text import short_digest
from evalkit.fetch.manifests import Baseline, baselines
from evalkit.fetch.sources import GitSource, Repository, Source, UrlSource
from evalkit.protocols.base import judge_called, weights_in


@dataclass(frozen=True)
class Download:
    """One file to fetch: `name` is its path under EVALKIT_HOME/weights."""

    name: str
    source: Source


@dataclass(frozen=True)
class Published:
    """A checkpoint that evalkit does not ship: `files` are the names it may have under EVALKIT_HOME/weights,
    `source` is "" where it was never published.

    `downloads` is what `evalkit fetch weights` gets, or the first of `repositories`, each of which has the weights;
    where it gets nothing, `why_not` says why. `gated` ones are given to those who accept a licence on their page.
    """

    files: tuple[str, ...]
    source: str
    licence: str
    downloads: tuple[Download, ...] = ()
    repositories: tuple[Repository, ...] = ()
    gated: bool = False
    why_not: str = ""

    @property
    def fetchable(self) -> bool:
        return bool(self.downloads or self.repositories)


def _openl3(content: str, blob: str) -> Published:
    packed = f"openl3_audio_mel256_{content}-v0_4_0.h5.gz"
    source = GitSource("marl/openl3", "models", packed, blob)
    files = (f"openl3_audio_mel256_{content}.h5", packed)
    return Published(files, "github.com/marl/openl3, branch models", "CC-BY 4.0", (Download(packed, source),))


_LAION = "lukewys/laion_clap", "b3708341862f581175dba5c356a4ebf74a9b6651"


def _clap(file: str, sha256: str = "") -> Published:
    source = f"huggingface.co/{_LAION[0]}"
    return Published((file,), source, "CC0-1.0", repositories=(Repository(*_LAION, ((file, sha256),)),))


def _t5(name: str, revision: str) -> Published:
    hub = f"google-t5/{name}"
    source = f"huggingface.co/{hub} (the hub folder)"
    return Published((name,), source, "Apache-2.0", repositories=(Repository(hub, revision),))


def _stability(hub: str, revision: str) -> Published:
    source = f"huggingface.co/stabilityai/{hub} (gated)"
    repositories = (Repository(f"stabilityai/{hub}", revision),)
    return Published((hub,), source, "Stability AI Community License", repositories=repositories, gated=True)


_STABLE_AUDIO_3 = ("small-music", "small-sfx", "medium", "small-music-base", "small-sfx-base", "medium-base")
_T5GEMMA_FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
"""What is read of the text tower's folder, which each of the repositories has."""


def _stable_audio_3(kind: str) -> Published:
    """No commit is known in whole: `main` is taken, and the lock file keeps what it was at."""
    hub = f"stable-audio-3-{kind}"
    names = ("model_config.json", "model.safetensors", *(f"t5gemma-b-b-ul2/{file}" for file in _T5GEMMA_FILES))
    repository = Repository(f"stabilityai/{hub}", "main", tuple((name, "") for name in names))
    licence = "Stability AI Community License; its text tower: Gemma Terms of Use"
    source = f"huggingface.co/stabilityai/{hub} (gated)"
    return Published((hub,), source, licence, repositories=(repository,), gated=True)


def _same(size: str) -> Published:
    hub = f"SAME-{size.upper()}"
    repository = Repository(f"stabilityai/{hub}", "main", (("model_config.json", ""), ("model.safetensors", "")))
    source = f"huggingface.co/stabilityai/{hub} (gated)"
    return Published((hub,), source, "Stability AI Community License", repositories=(repository,), gated=True)


def _baseline(model: Baseline) -> Published:
    at = "" if model.revision == "main" else f" at {short_digest(model.revision)}"
    source = f"huggingface.co/{model.hub}{at} ({', '.join(model.files) or 'the hub folder'})"
    repository = Repository(model.hub, model.revision, tuple((file, "") for file in model.files))
    return Published((model.place,), source, model.licence, repositories=(repository,))


def _panns(file: str, record: int) -> Published:
    """No digest is stated in any source read: the first download's is recorded."""
    source = UrlSource(f"https://zenodo.org/records/{record}/files/{file}")
    return Published((file,), f"zenodo.org/records/{record}", "as its page says", (Download(file, source),))


def _vggish(file: str) -> Published:
    source = UrlSource(f"https://github.com/harritaylor/torchvggish/releases/download/v0.1/{file}")
    return Published(
        (file,), "github.com/harritaylor/torchvggish, release v0.1", "Apache-2.0", (Download(file, source),)
    )


_VGGISH, _VGGISH_PCA = "vggish-10086976.pth", "vggish_pca_params-970ea276.pth"
_MSCLAP = "CLAP_weights_2023.pth"
_GPT2_FILES = ("vocab.json", "merges.txt", "tokenizer.json", "tokenizer_config.json")
_AUDIOBOX_FILES = (("config.json", ""), ("model.safetensors", ""))
_PASST = "passt-s-f128-p16-s10-ap.476-swa.pt"
_ROBERTA = "FacebookAI/roberta-base", "e2da8e2f811d1448a5b465c236feacd80ffbac7b"
_ROBERTA_FILES = {
    "vocab.json": "9e7f63c2d15d666b52e21d250d2e513b87c9b713cfa6987a82ed89e5e6e50655",
    "merges.txt": "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5",
    "tokenizer.json": "847bbeab6174d66a88898f729d52fa8d355fafe1bea101cf960dd404581df70e",
    "tokenizer_config.json": "994f46754c5bf4014f1aa92d34b1374319c3a6b3f702105cd5b742beaecd18ce",
}

_FLAN_T5 = "google/flan-t5-large", "0613663d0d48ea86ba8cb3d7a44f0f65dc596a2a"
_FLAN_T5_FILES = ("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "spiece.model")
"""What TangoFlux' own file leaves out, which has the weights."""

PUBLISHED = {
    "openl3-env": _openl3("env", "34dbd7a91cdd2de6a3d6d036ac0a24d27d78e3cc"),
    "openl3-music": _openl3("music", "a0f80c1c7e16aa908408286a3cb3d8b677ec7005"),
    "passt": Published(
        (_PASST,),
        "github.com/kkoutini/PaSST, release v0.0.1-audioset",
        "Apache-2.0",
        (
            Download(
                _PASST,
                UrlSource(
                    f"https://github.com/kkoutini/PaSST/releases/download/v0.0.1-audioset/{_PASST}",
                    "302903fa8c4aee817b11dc982da0b29aaf8d11a3e722420476d0a12c9db70c2c",
                ),
            ),
        ),
    ),
    "panns-16k": _panns("Cnn14_16k_mAP=0.438.pth", 3987831),
    "panns-32k": _panns("Cnn14_mAP=0.431.pth", 3987831),
    "vggish": _vggish(_VGGISH),
    "vggish_pca": _vggish(_VGGISH_PCA),
    "audiobox": Published(
        ("audiobox-aesthetics", "audiobox-aesthetics.pt"),
        "huggingface.co/facebook/audiobox-aesthetics (the hub folder, or checkpoint.pt)",
        "CC-BY 4.0",
        repositories=(Repository("facebook/audiobox-aesthetics", "main", _AUDIOBOX_FILES),),
    ),
    "clap": Published(
        ("clap-htsat-fused", "630k-audioset-fusion-best.pt"),
        "huggingface.co/laion/clap-htsat-fused (the hub folder) or huggingface.co/lukewys/laion_clap (the file)",
        "CC0-1.0 (file), Apache-2.0 (folder)",
        repositories=(
            *_clap("630k-audioset-fusion-best.pt").repositories,
            Repository("laion/clap-htsat-fused", "cca9e288ab447cee67d9ada1f85ddb46500f1401"),
        ),
    ),
    "clap-audioset": _clap("630k-audioset-best.pt"),
    "clap-music": _clap(
        "music_audioset_epoch_15_esc_90.14.pt", "fae3e9c087f2909c28a09dc31c8dfcdacbc42ba44c70e972b58c1bd1caf6dedd"
    ),
    "clap-music-speech": _clap("music_speech_epoch_15_esc_89.25.pt"),
    "clap-music-speech-audioset": _clap("music_speech_audioset_epoch_15_esc_89.98.pt"),
    "clap_tokenizer": Published(
        ("roberta-base",),
        f"huggingface.co/{_ROBERTA[0]} (the tokenizer's files)",
        "MIT",
        repositories=(Repository(*_ROBERTA, tuple(_ROBERTA_FILES.items())),),
    ),
    "msclap-2023": Published(
        (_MSCLAP,),
        "huggingface.co/microsoft/msclap",
        "MIT",
        repositories=(Repository("microsoft/msclap", "main", ((_MSCLAP, ""),)),),
    ),
    "gpt2_tokenizer": Published(
        ("gpt2",),
        "huggingface.co/openai-community/gpt2 (the tokenizer's files)",
        "MIT",
        repositories=(Repository("openai-community/gpt2", "main", tuple((file, "") for file in _GPT2_FILES)),),
    ),
    "stable-audio": _stability("stable-audio-open-1.0", "f21265c1e2710b3bd2386596943f0007f55f802e"),
    "stable-audio-open-small": _stability("stable-audio-open-small", "dc620d91535857b72ebb59b4ca45978db6d417f5"),
    **{f"stable-audio-3-{kind}": _stable_audio_3(kind) for kind in _STABLE_AUDIO_3},
    **{f"same-{size}": _same(size) for size in ("s", "l")},
    **{
        f"stable-audio-{version}": Published(
            (f"stable-audio-{version}",),
            "",
            "none",
            why_not="it was never published; `--checkpoint PATH` runs one that you have",
        )
        for version in (1, 2)
    },
    "stable-audio-clap": Published(
        ("stable-audio-clap",),
        "",
        "none",
        why_not="the CLAP that Stable Audio 1.0 and 2.0 were trained with was never published",
    ),
    "t5-base": _t5("t5-base", "a9723ea7f1b39c1eae772870f3b547bf6ef7e6c1"),
    "t5-large": _t5("t5-large", "150ebc2c4b72291e770f58e6057481c8d2ed331a"),
    "flan-t5-large": Published(
        ("flan-t5-large",),
        "huggingface.co/google/flan-t5-large (its config and its tokenizer)",
        "Apache-2.0",
        repositories=(Repository(*_FLAN_T5, tuple((file, "") for file in _FLAN_T5_FILES)),),
    ),
    **{name: _baseline(model) for name, model in baselines().items() if not model.shipped},
}

GROUPS = {
    "openl3": ("openl3-env", "openl3-music"),
    "clap": ("clap", "clap_tokenizer"),
    "msclap": ("msclap-2023", "gpt2_tokenizer"),
}
"""Names of `evalkit fetch weights` that stand for several."""

TOKENIZER, GPT2_TOKENIZER = "clap_tokenizer", "gpt2_tokenizer"
VGGISH_PCA = "vggish_pca"
"""What goes with VGGish's file where a protocol has it."""


def wants_pca(name: str) -> bool:
    """Whether the protocol in an embedder's name takes VGGish's rows through the PCA, which is a file of its own."""
    judge = judge_called(name)
    return judge is not None and judge.settings.get("pca") is True


TOKENIZERS = {"clap": TOKENIZER, "msclap": GPT2_TOKENIZER}
"""Which words a family's files come without."""


def family_names(family: str) -> tuple[str, ...]:
    """The published weights that `--weights FAMILY=PATH` may stand for: of openl3, openl3-env and openl3-music."""
    return tuple(name for name in PUBLISHED if name == family or name.startswith(f"{family}-"))


FAMILIES = ("openl3", "passt", "clap", "panns", "vggish", "audiobox", "msclap")


def stands_for(name: str, used: Collection[str]) -> list[str]:
    """Which of the weights `used` a name of `--weights` means: itself; as any protocol feeds it (`vggish` is
    `vggish@av-benchmark` too); and of a family's name, each of the family's."""
    names = family_names(name) if name in FAMILIES else (name,)
    return [each for each in used if each == name or weights_in(each) in names]


def by_own_names(given: Mapping[str, Path], used: Collection[str]) -> dict[str, Path]:
    """What `--weights` gave, under the names of the weights `used`: a family's name stands for each of its own that is
    not given by itself. A name that stands for none of them stays as it is, for whoever reads it to refuse."""
    found: dict[str, Path] = {}
    for name, path in given.items():
        meant = [each for each in stands_for(name, used) if each == name or each not in given]
        found |= dict.fromkeys(meant or [name], path)
    return found
