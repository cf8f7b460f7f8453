"""Unpack openl3 0.4.2's source distribution from the package index: `python obtain_openl3.py DIR`.

pip would run its setup, which downloads weights and fails where only an index is at hand.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import sys
import tarfile
import urllib.request
from pathlib import Path
from urllib.parse import urljoin

FILE = "openl3-0.4.2.tar.gz"
SHA256 = "bd590f6c311de5196b615b65a3f49ea1327be72ed6e9e3cddb5631e391c1ee8a"


def main(folder: Path) -> None:
    """Leaves DIR/openl3-0.4.2; raises SystemExit where the index has another file of that name."""
    if (folder / "openl3-0.4.2").is_dir():
        return
    page_url = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple").rstrip("/") + "/openl3/"
    with urllib.request.urlopen(page_url, timeout=120) as page:
        links = re.findall(r'href="([^"]+)"', page.read().decode("utf-8"))
    (link,) = (link for link in links if link.partition("#")[0].endswith(f"/{FILE}"))
    with urllib.request.urlopen(urljoin(page_url, link), timeout=120) as answer:
        data = answer.read(1 << 24)
    found = hashlib.sha256(data).hexdigest()
    if found != SHA256:
        raise SystemExit(f"{FILE} from {page_url} has sha256 {found}, expected {SHA256}")
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        archive.extractall(folder, filter="data")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
