"""Every operation of the API but one against a running service: `make fuzz-api`.

Schemathesis generates requests that fit the description and ones that do not, until the time is up;
exclusions are in schemathesis.toml, as for the tests. Ends with status 1 if an answer is not a
documented one.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from app.services.keys import Scope
from benchmarks.service import checkouts, serving

_SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")


def main(
    seconds: Annotated[int, typer.Option(help="How long requests are generated.", min=1)] = 60,
    seed: Annotated[
        int | None, typer.Option(help="Random seed; a different one each time by default.")
    ] = None,
) -> None:
    """Send requests that the description allows, and others."""
    (checkout,) = checkouts(None)
    # Wrong keys are tried at every operation, where 401 is expected, not 429.
    limits = {"FARSIGHT_LIMITS__FAILED_KEYS_PER_MINUTE": "1000000"}
    command = ["run", "--max-time", str(seconds), "--continue-on-failure"]
    # It finds out the id of the key that it asks with; once that is revoked, all is 401.
    command += ["--exclude-operation-id", "revoke_key"]
    if seed is not None:
        command += ["--seed", str(seed)]
    with serving(checkout, "yunet", tuple(Scope), **limits) as service:
        # S603: made of this file's constants, numbers and the address.
        done = subprocess.run(  # noqa: S603 - our own words, no shell
            [
                str(_SCHEMATHESIS),
                *command,
                "--header",
                f"Authorization: Bearer {service.key}",
                f"{service.url}/openapi.json",
            ],
            cwd=checkout.folder,
            env={**os.environ, "SCHEMATHESIS_HOOKS": "benchmarks.fuzz_hooks"},
            check=False,
        )
    sys.exit(done.returncode)


if __name__ == "__main__":
    typer.run(main)
