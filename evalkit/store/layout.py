"""Where everything of a run lies on the disk.

    <run folder>/
      run.json          what made it, and its status: started, success, error or cancelled
      ledger.jsonl      one line per outcome of an item; the last line of an item counts
      audio/<name>.wav  one clip per prompt; <name> is the prompt's id made file-safe
      audio/<name>.s1.wav   its second sound, where a prompt has several; s2 its third
      samples.parquet   one row per sound
      scores.json       one entry per metric, no dates or timings in it
      report.html

Names that come from outside (suites, models, prompt ids) pass through `core.ids.safe_name`, so no path
built here leaves the folder and no two ids share one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evalkit.core.errors import UserError
from evalkit.core.files import require_place, sweep
from evalkit.core.ids import safe_name


@dataclass(frozen=True)
class RunFolder:
    """The paths of one run."""

    root: Path

    @property
    def run_json(self) -> Path:
        return self.root / "run.json"

    @property
    def ledger(self) -> Path:
        return self.root / "ledger.jsonl"

    @property
    def audio(self) -> Path:
        return self.root / "audio"

    @property
    def samples(self) -> Path:
        return self.root / "samples.parquet"

    @property
    def scores(self) -> Path:
        return self.root / "scores.json"

    @property
    def report(self) -> Path:
        return self.root / "report.html"

    @property
    def lock(self) -> Path:
        return self.root / ".lock"

    def clip(self, prompt_id: str, sample: int = 0) -> Path:
        """The audio file of a prompt's sound, for any id. A safe name holds no dot, so no two sounds share one."""
        return self.audio / f"{safe_name(prompt_id)}{f'.s{sample}' if sample else ''}.wav"

    def resolve(self, audio: str) -> Path:
        """The file that a record names: relative to the run folder, or absolute for audio scored in place."""
        return self.root / audio

    def sweep(self) -> None:
        """Remove what an interrupted write left behind. Call under the run's lock."""
        for folder in (self.root, self.audio):
            sweep(folder)

    def require_files(self) -> None:
        """Raises UserError where one of the run's files is something else than a file, or cannot be written: before
        the work, as a pipe would be waited for, and a folder cannot be replaced."""
        own = (self.run_json, self.ledger, self.samples, self.scores, self.lock)
        for path in (*own, self.audio):
            if path.is_symlink():
                raise UserError(
                    f"{path}: is a link, which would lead out of the run's folder", "remove it, or choose another place"
                )
        for path in (*own, self.report):
            require_place(path)
        if self.audio.exists() and not self.audio.is_dir():
            raise UserError(f"{self.audio}: is not a folder", "move it away")
        require_place(self.audio / "any.wav")


def run_folder(base: Path, suite: str, model: str, run_id: str) -> RunFolder:
    """`base/<suite>/<model>/<run id>`, for any suite and model name."""
    return RunFolder(base / safe_name(suite) / safe_name(model) / safe_name(run_id))
