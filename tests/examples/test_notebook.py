"""`examples/notebook.ipynb` runs from the first cell to the last in a kernel of its own; it is kept without outputs."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import evalkit

NOTEBOOK = Path(__file__).resolve().parents[2] / "examples" / "notebook.ipynb"


def test_it_is_kept_without_outputs() -> None:
    """Figures of another machine, or of another version, are nobody's."""
    for cell in nbformat.read(NOTEBOOK, as_version=4).cells:
        assert cell.cell_type == "markdown" or (not cell.outputs and cell.execution_count is None)


@pytest.mark.timeout(280)
def test_it_scores_runs_compares_and_plots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every cell, in a fresh folder; what each is there for is among its outputs."""
    for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR", "MPLCONFIGDIR"):
        monkeypatch.setenv(name, str(tmp_path / "jupyter"))
    paths = [str(Path(evalkit.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    work = tmp_path / "work"
    work.mkdir()
    client = NotebookClient(notebook, timeout=250, kernel_name="python3", resources={"metadata": {"path": str(work)}})
    client.execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    pages = [output.data["text/html"] for output in outputs if "text/html" in output.get("data", {})]
    assert any("fd_openl3" in page and "failed" in page for page in pages), "a run"
    assert any("inconclusive" in page or "pass" in page or "worse" in page for page in pages), "a comparison"
    assert any("<table" in page and "stable-audio-metrics" in page for page in pages), "the suites"
    assert any("image/png" in output.get("data", {}) for output in outputs), "a plot"
    told = "".join(output.text for output in outputs if output.get("name") == "stdout")
    assert "step 1: FD" in told and "failures: {}" in told
    assert list(work.glob("runs/mini/mock/*/report.html")) and list(work.glob("runs/arrays/*/tones/tone-220*.wav"))
