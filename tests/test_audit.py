"""`make audit` fails for a vulnerability, and is loud where nothing could be looked up."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def _report(*packages: Mapping[str, object]) -> str:
    return f"print({json.dumps(json.dumps({'dependencies': packages}))})"


_SOUND = {"name": "good", "version": "1", "vulns": []}
_VULNERABLE = {"name": "bad", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}
_UNSEEN = {"name": "own", "skip_reason": "Dependency not found"}


@pytest.mark.parametrize(
    ("pip_audit", "code", "told"),
    [
        (_report(_SOUND), 0, "1 packages looked up, 0 vulnerable"),
        (_report(_SOUND, _VULNERABLE), 1, "bad 1: CVE-1, fixed in 2"),
        (_report(_SOUND, _UNSEEN), 0, "NOT LOOKED UP, unknown to the database: own"),
        (_report(_UNSEEN), 0, "NO DEPENDENCY WAS AUDITED"),
        ("raise SystemExit('requests.exceptions.ProxyError: nobody')", 0, "NO DEPENDENCY"),
        ("raise SystemExit('unknown option')", 1, "unknown option"),
    ],
)
def test_audit_fails_only_when_a_vulnerability_was_seen_or_pip_audit_broke(
    pip_audit: str, code: int, told: str, tmp_path: Path
) -> None:
    (tmp_path / "pip_audit.py").write_text(pip_audit)
    done = subprocess.run(
        [sys.executable, ROOT / ".ci" / "audit.py"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert (done.returncode, told in done.stdout) == (code, True), done.stdout
