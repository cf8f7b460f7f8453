"""Start a run as a KubeRay job: python examples/cluster/rayjob.py --image IMAGE -- --model mock --suite mini

What stands behind `--` are words of `evalkit run`. With --dry-run the job is printed and nothing is started.
The image holds evalkit with its extra `ray` (the same on all pods: another one is left out of the run).
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
from pathlib import Path
from typing import Any

import yaml


def job(asked: argparse.Namespace) -> dict[str, Any]:
    """The RayJob, filled in. Raises KeyError where one of its words is not known."""
    text = (Path(__file__).parent / "rayjob.yaml").read_text(encoding="utf-8")
    each = f"num_gpus={asked.gpus}"
    # A job's own RAY_ADDRESS names its cluster, which `--ray auto` takes.
    run = ["evalkit", "run", "--ray", "auto", "--ray-resources", each, "--out", f"/runs/{asked.name}", *asked.words]
    known = {"ENTRYPOINT": shlex.join(run), "IMAGE": asked.image, "RUNS": asked.runs, "WEIGHTS": asked.weights}
    found: dict[str, Any] = _filled(yaml.safe_load(text), {**known, "RAY": asked.ray})
    (group,) = found["spec"]["rayClusterSpec"]["workerGroupSpecs"]
    group.update(replicas=asked.nodes, minReplicas=asked.nodes, maxReplicas=asked.nodes)
    limits = group["template"]["spec"]["containers"][0]["resources"]["limits"]
    limits["nvidia.com/gpu"] = asked.gpus * asked.per_node
    return found


def _filled(value: Any, known: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(each, known) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, known) for each in value]
    return known[value[1:]] if isinstance(value, str) and value.startswith("$") else value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--image", required=True, help="a container image with evalkit[ray]")
    parser.add_argument("--name", default="run", help="of the run folder in the claim of runs")
    parser.add_argument("--nodes", type=int, default=2, help="pods that work")
    parser.add_argument("--per-node", type=int, default=1, help="workers of evalkit on each of them")
    parser.add_argument("--gpus", type=int, default=1, help="GPUs of each worker")
    parser.add_argument("--runs", default="evalkit-runs", help="the claim that the run folder is written to")
    parser.add_argument("--weights", default="evalkit-weights", help="the claim that holds EVALKIT_HOME")
    parser.add_argument("--ray", default="2.60.0", help="the version of Ray in the image")
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("words", nargs="*", help="of `evalkit run`")
    asked = parser.parse_args()
    text = yaml.safe_dump(job(asked), sort_keys=False, width=120)
    if asked.dry_run:
        print(text, end="")
    else:
        subprocess.run(["kubectl", "create", "-f", "-"], input=text, text=True, check=True)


if __name__ == "__main__":
    main()
