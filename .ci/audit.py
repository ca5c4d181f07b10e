"""`make audit`: whether a pinned dependency has a known vulnerability, according to pip-audit.

Exit code 1: one has. If nothing could be looked up, the network is to blame and not the code: then
it is 0, with a loud message.
"""

import json
import subprocess
import sys

_COMMAND = ["-m", "pip_audit", "--requirement", "constraints.txt", "--no-deps", "--disable-pip"]
_OPTIONS = ["--progress-spinner", "off", "--format", "json"]
# How pip-audit's last line begins or ends if the network is to blame.
_NETWORK = ("requests.exceptions.", "urllib3.exceptions.", "Could not connect", "ServiceError")


def main() -> int:
    """Asks pip-audit, and judges by what it has looked up, not by its exit code."""
    # S603: constants of this file.
    done = subprocess.run(  # noqa: S603
        [sys.executable, *_COMMAND, *_OPTIONS], capture_output=True, text=True, check=False
    )
    if not done.stdout.strip():
        why = done.stderr.strip()
        if not any(words in why for words in _NETWORK):
            sys.stderr.write(f"{why}\n")
            return 1
        return _tell_that_nothing_was_seen(why.splitlines()[-1])
    packages = json.loads(done.stdout)["dependencies"]
    seen = [package for package in packages if "skip_reason" not in package]
    vulnerable = [package for package in seen if package["vulns"]]
    if not seen:
        return _tell_that_nothing_was_seen(packages[0]["skip_reason"])
    for package in vulnerable:
        for found in package["vulns"]:
            fixed = ", ".join(found["fix_versions"]) or "no version yet"
            name = f"{package['name']} {package['version']}"
            sys.stdout.write(f"{name}: {found['id']}, fixed in {fixed}\n")
    skipped = sorted(package["name"] for package in packages if "skip_reason" in package)
    if skipped:
        sys.stdout.write(f"NOT LOOKED UP, unknown to the database: {', '.join(skipped)}\n")
    sys.stdout.write(f"{len(seen)} packages looked up, {len(vulnerable)} vulnerable.\n")
    return 1 if vulnerable else 0


def _tell_that_nothing_was_seen(why: str) -> int:
    rule = "!" * 100
    sys.stdout.write(
        f"{rule}\nNO DEPENDENCY WAS AUDITED: the database of vulnerabilities could not be read.\n"
        f"{why[:200]}\nRun `make audit` with a network before a release.\n{rule}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
