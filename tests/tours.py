"""What documents tell people to type, and a shell that types it."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]

# Everywhere else `curl` ends with 0 when the service refuses.
_PRELUDE = f"""
farsight() {{ "{sys.executable}" -m app "$@"; }}
farsight-trainer() {{ "{sys.executable}" -m trainer "$@"; }}
curl() {{ command curl --silent --show-error --fail-with-body "$@"; }}
"""


def blocks(document: str, heading: str = "") -> list[str]:
    """The blocks of shell commands in a document, or in one of its sections."""
    text = (ROOT / document).read_text(encoding="utf-8")
    if heading:
        text = text.partition(f"## {heading}\n")[2]
    found: list[str] = re.findall(r"^```bash\n(.+?)^```", text, re.DOTALL | re.MULTILINE)
    assert found
    return found


def type_in(lines: str, folder: Path, environment: Mapping[str, str]) -> str:
    """Types lines into one shell in a folder; the first that fails ends it, and the test."""
    done = subprocess.run(
        ["bash", "-euc", _PRELUDE + lines],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{lines}\n{done.stdout}\n{done.stderr}"
    return done.stdout
